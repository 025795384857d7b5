"""How many more tasks of queues this engine has a slot for.

Owning a run of a queue holds a slot of the queue, so one is claimed only where it can begin: one that waited
here behind others could run elsewhere. What the engine itself waits for is claimed whatever is free.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterator, Mapping

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
        executors = _Executors(functions)
        if not queues:
            return TaskSlots(executors)
        held: Counter[str] = Counter()
        for owned in self._owned.values():
            if owned.head.queue and owned.head.id not in waiters:
                held[executors.get(owned.head.function, "")] += 1
        return TaskSlots(executors, {name: max(0, slots - held[name]) for name, slots in self._slots.items()})


class _Executors(Mapping[str, str]):
    """What runs each of the tasks among these functions. Read where it is asked: few are, of a thousand."""

    def __init__(self, functions: Mapping[str, Function]) -> None:
        self._functions = functions

    def __getitem__(self, name: str) -> str:
        function = self._functions[name]
        if function.is_workflow:
            raise KeyError(name)
        return function.executor

    def __iter__(self) -> Iterator[str]:
        return (name for name, each in list(self._functions.items()) if not each.is_workflow)

    def __len__(self) -> int:
        return sum(1 for _ in self)
