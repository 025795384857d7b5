"""A small world: some processes, one store, clients who start and cancel runs, and weather.

First everything may go wrong; then the weather calms down, and whatever was started must come to rest.
"""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Mapping, Sequence

import msgspec

from ..engine import Options
from ..executors import Attempt
from ..functions import Function
from ..store import Store, open_store
from .chaos import Chaos
from .clients import Clients, Job
from .executor import Invocation
from .faults import CALM, Fault, Weather, draw_fault
from .monitor import Monitor
from .node import Process
from .scheduler import Lane, Scheduler

REBOOT_SECONDS = 2.0  # until a dead process is started again, at most
DRAIN_SECONDS = 900.0  # virtual; what has not come to rest by then is stuck

_worlds = itertools.count()


class Setting(msgspec.Struct, frozen=True):
    """What a world is made of, beside its seed."""

    jobs: Sequence[Job]
    options: Options = Options()
    weather: Weather = CALM
    slots: int = 1  # processes at once
    calm_after: float = 60.0  # virtual seconds


class Report(msgspec.Struct):
    """What one world came to."""

    seed: int
    seconds: float  # virtual
    digest: str  # of everything that happened, in order
    calls: list[str]  # names of all store calls, in order
    faults: Counter[str]
    marks: Counter[str]
    evaluations: Counter[str]
    violations: list[str]


class World:
    """Everything of one seed."""

    def __init__(self, seed: int, setting: Setting) -> None:
        self.seed, self.setting = seed, setting
        self.options, self.weather = setting.options, setting.weather
        self.chance = random.Random(seed)
        self.scheduler = Scheduler(self.chance, self._broke)
        self.functions: Mapping[str, Function] = {job.function.name: job.function for job in setting.jobs}
        self.lane = Lane("world")  # of clients and chaos: it never stands still
        self.depth = 0  # of pauses within pauses
        self.outage = False
        self.calls: list[str] = []  # every store call so far, by name
        self.faults: Counter[str] = Counter()
        self.marks: Counter[str] = Counter()
        self.violations: list[str] = []
        self.running: dict[int, Process] = {}  # by slot
        self._processes: list[Process] = []  # all that ever were
        self.memory_name = f"sim-{next(_worlds)}"
        self._stamps = itertools.count(1)
        self._own_store = self.open_store()
        self._own_store.migrate()
        self.monitor = Monitor(self, self._own_store, self.functions)
        self.clients = Clients(self, self._own_store)
        self.chaos = Chaos(self)

    def open_store(self) -> Store:
        """One more handle on the one store. No patience: a lock that is held is an error at once."""
        return open_store(f"sqlite:///:memory:?{self.memory_name}", patience=0)

    # -- the story ------------------------------------------------------------------------------------

    def play(self) -> Report:
        """From the first boot until everything has come to rest."""
        for slot in range(self.setting.slots):
            self.boot(slot)
        self.clients.begin()
        self.chaos.begin()
        try:
            self.scheduler.run(self.setting.calm_after, self._at_rest)
            self.weather, self.outage = CALM, False
            self.chaos.end()
            self.scheduler.run(self.scheduler.time + DRAIN_SECONDS, self._at_rest)
            # Whoever waits for a run elsewhere learns of its end by polling.
            self.scheduler.run(self.scheduler.time + 3 * self.options.poll + 1.0, self.clients.all_told)
            if not self.scheduler.halted:
                self.monitor.close_books()
                self.clients.check()
        finally:
            self._end()
        return Report(
            self.seed, self.scheduler.time, self.scheduler.digest, self.calls, self.faults, self.marks,
            self.monitor.evaluations, self.violations,
        )  # fmt: skip

    def _at_rest(self) -> bool:
        return self.clients.settled and self.monitor.drained

    def _end(self) -> None:
        self.chaos.end()
        for process in self._processes:
            process.end()
        for process in self._processes:
            process.bury()
        for past in self.monitor.pasts.values():
            past.discard()
        self._own_store.close()

    # -- processes ------------------------------------------------------------------------------------

    def boot(self, slot: int) -> None:
        """Start a process in a slot that is free."""
        if self.chaos.locked:  # nobody can open the store now
            self.scheduler.later(0.5, self.lane, self.boot, slot)
            return
        process = Process(self, slot, len(self._processes))
        self.running[slot] = process
        self._processes.append(process)
        process.boot()

    def died(self, process: Process) -> None:
        """A process is gone, however; its supervisor starts another one soon."""
        if process.alive:
            process.end()
            del self.running[process.slot]
            delay = self.chance.uniform(0.0, REBOOT_SECONDS)
            self.scheduler.later(delay, self.lane, self.boot, process.slot)

    def invoked(self, process: Process, attempt: Attempt) -> Invocation:
        """A task body begins: a line in the ledger."""
        invocation = Invocation(
            next(self._stamps), attempt.run, attempt.step, attempt.number, attempt.token, process.name,
            self.scheduler.time,
        )  # fmt: skip
        self.monitor.invoked(process, invocation)
        return invocation

    # -- faults, marks, violations --------------------------------------------------------------------

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

    def _broke(self, lane: Lane, error: BaseException) -> None:
        self.violated(f"P7 nothing fails where nobody looks: {error!r} left a callback of {lane.name}")
