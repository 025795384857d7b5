"""The engine's thread held up by an `async def` task that blocks where it should await, or by the store that
does not answer what such a task has asked of it.

All else of this engine stands still meanwhile, but the engine is alive. Were its lease to run out, another
one would begin the same body beside it, be held up as well, and in the end the run would be parked for
processes that never died. So the heartbeat, which has a thread of its own, goes on; it says which body holds
up what, at which line. Only a thread that stands still in code of ours lets the lease run out.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from ..executors import LoopExecutor
from ..machine import foreign_line, waits_for_store
from ..model import ON_STORE
from ..process import frame_of
from .watchdog import TurnWatch

log = logging.getLogger("podium")

STALLED_SECONDS = 2.0  # without a look at the clock that was due: less is no news


class LoopStallDetector:
    """Asked by the heartbeat thread. `say` puts it into the engine's row; "" takes it back."""

    def __init__(
        self, executor: LoopExecutor, watch: TurnWatch, thread: int, say: Callable[[str], None]
    ) -> None:
        self._executor, self._watch, self._thread, self._say = executor, watch, thread, say
        self._told = ""

    def is_user_code(self, late: float) -> bool:
        """Whether user code holds the thread up, which is so many seconds late."""
        if late < STALLED_SECONDS:
            if self._told:
                log.warning("the event loop goes on: %s no more", self._told.partition(", ")[0])
                self._told = ""
                self._say("")
            return False
        if self._watch.is_turning:  # a workflow's body; its budget ends it
            return False
        frame = frame_of(self._thread)
        line = foreign_line(frame)
        if not line:
            return False
        if not self._told:
            self._tell(line, waits_for_store(frame))
        return True

    def _tell(self, line: str, for_store: bool) -> None:
        attempt = self._executor.stepping
        who = f"{attempt.function.label} of run {attempt.run}" if attempt is not None else "a task"
        if for_store:  # which is slow to answer: the line does what it may do
            self._told = f"{who} {ON_STORE}, asked at {line}"
            way = "the store answers, or is given up; `await asyncio.to_thread(...)` there lets others go on"
        else:
            self._told = f"{who} blocks the event loop, at {line}"
            way = "it returns; await there, or make it a `def` task"
        self._say(self._told)
        log.warning("%s: nothing else goes on in this process until %s", self._told, way)
