"""How many more tasks of queues this engine has a slot for.

Owning a run of a queue holds a slot of the queue, so one is claimed only where it can begin: one that waited
here behind others could run elsewhere. Short tasks, of which each slot ends several within `AHEAD_SECONDS`,
are claimed ahead, as many as ended in that time: to claim them one by one would take longer than they do.
What the engine itself waits for is claimed whatever is free.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Mapping

from ..env import Env
from ..functions import Function
from ..model import TaskSlots
from ..options import Options, cores
from ..queues import queues
from .owned import OwnedRun

AHEAD_SECONDS = 0.2


class FreeSlots:
    """Looks at the runs in memory, and is told of those of queues that left it. Engine thread only."""

    def __init__(self, env: Env, options: Options, owned: Mapping[str, OwnedRun]) -> None:
        self._env, self._owned = env, owned
        self._slots = {
            "loop": options.loop_slots,
            "threads": options.thread_slots,
            "processes": options.process_slots or cores(),
        }
        self._since = 0.0  # when these were begun to be counted ...
        self._left: Counter[str] = Counter()  # ... by function
        self._left_before: Counter[str] = Counter()  # in the AHEAD_SECONDS before that

    def left(self, function: str) -> None:
        """A run of a queue has left memory."""
        self._count()
        self._left[function] += 1

    def look(self, functions: Mapping[str, Function], waiters: Container[str] = ()) -> TaskSlots:
        """The tasks among these functions, and what is free for those of queues. `waiters`: runs that have
        lent their slots."""
        executors = {name: each.executor for name, each in functions.items() if not each.is_workflow}
        if not queues:
            return TaskSlots(executors)
        self._count()
        held: Counter[str] = Counter()
        for owned in self._owned.values():
            if owned.head.queue and owned.head.id not in waiters:
                held[executors.get(owned.head.function, "")] += 1
        left: Counter[str] = Counter()
        for function, count in self._left_before.items():
            left[executors.get(function, "")] += count
        rooms = {name: max(slots, left[name]) for name, slots in self._slots.items()}
        return TaskSlots(executors, {name: max(0, room - held[name]) for name, room in rooms.items()})

    def _count(self) -> None:
        now = self._env.monotonic()
        if now - self._since >= AHEAD_SECONDS:
            is_old = now - self._since >= 2 * AHEAD_SECONDS
            self._left_before = Counter() if is_old else self._left
            self._left, self._since = Counter(), now
