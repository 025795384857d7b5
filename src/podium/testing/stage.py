"""What all parts of one simulated world share: time, chance and weather, and the record of what happened."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Mapping

from ..errors import PodiumError
from ..functions import Function
from ..options import Options
from ..store import Store, open_store
from .faults import Fault, Weather, draw_fault
from .scheduler import Lane, Scheduler

_numbers = itertools.count()


class Stage:
    """Knows no process, client or monitor: these know it."""

    def __init__(
        self,
        seed: int,
        options: Options,
        weather: Weather,
        functions: Mapping[str, Function],
        is_users: bool = False,
        is_far: bool = False,
    ) -> None:
        """`is_users`, `is_far`: see `Setting`."""
        self.is_users, self.is_far = is_users, is_far
        self.dead: set[str] = set()  # engines whose process is gone
        self.options, self.weather, self.functions = options, weather, functions
        self.chance = random.Random(seed)
        self.scheduler = Scheduler(self.chance, self._broke)
        self.lane = Lane("world")  # of clients and chaos: it never stands still
        self.depth = 0  # of pauses within pauses
        self.outage = False
        self.calls: list[str] = []  # every store call so far, by name
        self.faults: Counter[str] = Counter()
        self.marks: Counter[str] = Counter()
        self.violations: list[str] = []
        self.trouble: PodiumError | None = None  # of the programs themselves, where they are a user's
        self.memory_name = f"sim-{next(_numbers)}"

    def open_store(self) -> Store:
        """One more handle on the one store. No patience: a lock that is held is an error at once."""
        return open_store(f"sqlite:///:memory:?{self.memory_name}", patience=0)

    def next_fault(self, call: str) -> Fault | None:
        """What befalls the store call that is made now."""
        self.calls.append(call)
        weather = self.weather
        if self.outage:
            return Fault.FAIL_BEFORE
        if weather.planned:
            return weather.planned.get(len(self.calls) - 1)
        return draw_fault(weather, self.chance) if weather.calls else None

    def suffer(self, fault: object) -> None:
        """A fault has its way."""
        self.faults[str(fault)] += 1
        self.scheduler.note(str(fault))

    def mark(self, what: str) -> None:
        """A rare path was taken."""
        self.marks[what] += 1

    def violated(self, what: str) -> None:
        """A promise does not hold: keep the first words about it and stop."""
        self.violations.append(f"{what} (at {self.scheduler.time:.3f} s, step {self.scheduler.steps})")
        self.scheduler.halted = True

    def refuse(self, trouble: PodiumError) -> None:
        """The programs cannot be played like this: say so, and stop."""
        self.trouble = self.trouble or trouble
        self.scheduler.halted = True

    def _broke(self, lane: Lane, error: BaseException) -> None:
        self.violated(f"P7 nothing fails where nobody looks: {error!r} left a callback of {lane.name}")
