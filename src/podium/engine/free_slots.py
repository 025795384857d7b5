"""How many more tasks of queues this engine has a slot for.

Owning a run of a queue holds a slot of the queue, so one is claimed only where it can begin: one that waited
here behind others could run elsewhere. What the engine itself waits for is claimed whatever is free.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Mapping

from ..functions import Function
from ..model import TaskSlots
from ..options import Options, cores
from ..queues import queues
from .owned import OwnedRun


class FreeSlots:
    """Looks at the runs in memory. Engine thread only."""

    def __init__(self, options: Options, owned: Mapping[str, OwnedRun]) -> None:
        self._owned = owned
        self._slots = {
            "loop": options.loop_slots,
            "threads": options.thread_slots,
            "processes": options.process_slots or cores(),
        }

    def look(self, functions: Mapping[str, Function], waiters: Container[str] = ()) -> TaskSlots:
        """The tasks among these functions, and what is free for those of queues. `waiters`: runs that have
        lent their slots."""
        executors = {name: each.executor for name, each in functions.items() if not each.is_workflow}
        if not queues:
            return TaskSlots(executors)
        held: Counter[str] = Counter()
        for owned in self._owned.values():
            if owned.head.queue and owned.head.id not in waiters:
                held[executors.get(owned.head.function, "")] += 1
        return TaskSlots(executors, {name: max(0, slots - held[name]) for name, slots in self._slots.items()})
