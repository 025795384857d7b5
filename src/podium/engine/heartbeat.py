"""The heartbeat: renews the engine's row and watches, from a thread of its own.

User code on the loop must not make this engine look dead, nor a dead loop look alive.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

from ..env import Env
from ..model import ASK_DRAIN, ASK_PAUSE
from .call_queue import CallQueue
from .checkpoints import Checkpoints
from .engine import Engine
from .full_slots import FullSlotsDetector
from .loop_stall import LoopStallDetector
from .ownership import BEATS
from .process_watch import ProcessWatch
from .registration import Registration
from .residents import losses_of, tasks_of
from .shortages import ShortageLog

_STATES = {"": "", ASK_PAUSE: "paused", ASK_DRAIN: "draining"}
LOOK_SECONDS = 0.2  # how often it looks at the others and at the turn under way


@dataclass(frozen=True, slots=True)
class Watches:
    """What a heartbeat looks at, and what it is woken by."""

    processes: ProcessWatch
    stall: LoopStallDetector
    full: FullSlotsDetector
    checkpoints: Checkpoints
    shortages: ShortageLog


class Heartbeat:
    """Beats until `closing` is set or the engine has failed."""

    def __init__(
        self,
        env: Env,
        engine: Engine,
        registration: Registration,
        calls: CallQueue,
        watches: Watches,
        closing: threading.Event,
    ) -> None:
        self._engine, self._registration, self._calls = engine, registration, calls
        self._watches, self._closing = watches, closing
        self._env, self._monotonic = env, env.monotonic
        self._asked = ""
        self._beat_due = 0.0

    def run(self) -> None:
        """The thread."""
        look_seconds = min(LOOK_SECONDS, self._engine.options.lease / 4)
        while True:
            self._watches.processes.wait(look_seconds)
            if self._closing.is_set() or self._engine.failure is not None:
                return  # a failed engine lets its lease run out: it has dropped what it owns by its row
            try:
                self.look()
            except Exception as error:
                self._watches.shortages.require(error)

    def look(self) -> None:
        """Once: at the turn under way, the engine's thread, its row and the other engines."""
        engine, watches, lease = self._engine, self._watches, self._engine.options.lease
        engine.turn_watch.check()
        watches.checkpoints.begin_due()
        now = self._monotonic()
        late = now - engine.ticked
        if not watches.stall.is_user_code(late - engine.options.poll) and late > lease:
            return  # the engine's thread is stuck: then let the lease run out
        if watches.full.changed(now):
            self._registration.change(full=watches.full.full)
        if now >= self._beat_due or self._registration.has_news:
            self._beat_due = now + lease / BEATS
            self._registration.change(
                runs=len(engine.owned), tasks=tasks_of(engine.owned), losing=losses_of(engine.owned),
                awaiting=engine.awaited.told(), beaten=self._env.now(),
            )  # fmt: skip
            if not engine.ownership.beat(self._registration.take_news()):
                self._calls.tell(engine.condemned)
                return
            self._registration.keep_step()
        if engine.ownership.observe():
            self._calls.tell(engine.claimer.soon)
        if engine.ownership.asked != self._asked:
            self._asked = asked = engine.ownership.asked
            self._registration.change(state=_STATES[asked])
            self._calls.tell(engine.heed, asked)
        if self._registration.locks is not None:
            here = self._registration.row.host
            watches.processes.watch(row for row in engine.ownership.others if row.host == here)
