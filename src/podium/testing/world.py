"""A small world: some processes, one store, clients who start and cancel runs, and weather.

First everything may go wrong; then the weather calms down, and whatever was started must come to rest.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence

import msgspec

from ..errors import PodiumError
from ..executors import Attempt
from ..functions import Function
from ..options import Options
from .chaos import Chaos
from .clients import Clients, Job
from .executor import Invocation
from .faults import CALM, Weather
from .monitor import Monitor
from .node import Process
from .stage import Stage

REBOOT_SECONDS = 2.0  # until a dead process is started again, at most
FAR_SECONDS = 30.0  # within which it is known what became of a commit that was sent
DRAIN_SECONDS = 900.0  # virtual; what has not come to rest by then is stuck


class Setting(msgspec.Struct, frozen=True):
    """What a world is made of, beside its seed."""

    jobs: Sequence[Job]
    options: Options = Options()
    weather: Weather = CALM
    slots: int = 1  # processes at once
    calm_after: float = 60.0  # virtual seconds
    children: Sequence[Function] = ()  # what else is driven: workflows that the jobs' bodies start
    is_users: bool = False  # the programs are a user's: their bodies do real things, and need no stamps
    is_far: bool = False  # the store is on another host: commits are sent there, and answered later


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
    trouble: PodiumError | None = None  # of a user's programs: nothing else is said then
    unanswered: list[str] = []  # prompts of what was asked, and nobody was to answer


class World:
    """Everything of one seed."""

    def __init__(self, seed: int, setting: Setting) -> None:
        self.seed, self._setting = seed, setting
        functions = {each.name: each for each in (*(job.function for job in setting.jobs), *setting.children)}
        self.stage = stage = Stage(
            seed, setting.options, setting.weather, functions, setting.is_users, setting.is_far
        )
        self._running: dict[int, Process] = {}  # by slot
        self._processes: list[Process] = []  # all that ever were
        self._stamps = itertools.count(1)
        self._own_store = stage.open_store()
        self._own_store.migrate()
        self.monitor = Monitor(stage, self._own_store)
        self._chaos = Chaos(stage, self._running, self._died)
        self._clients = Clients(
            stage, setting.jobs, self._running, self.monitor, self._own_store, lambda: self._chaos.locked
        )

    # -- the story ------------------------------------------------------------------------------------

    def play(self) -> Report:
        """From the first boot until everything has come to rest."""
        for slot in range(self._setting.slots):
            self._boot(slot)
        self._clients.begin()
        self._chaos.begin()
        stage, scheduler = self.stage, self.stage.scheduler
        try:
            scheduler.run(self._setting.calm_after, self._at_rest)
            stage.weather, stage.outage = CALM, False
            self._chaos.end()
            scheduler.run(scheduler.time + DRAIN_SECONDS, self._at_rest)
            # Whoever waits for a run elsewhere learns of its end by polling; and the last answer may be late.
            patience = 3 * stage.options.poll + 1.0 + (FAR_SECONDS if stage.is_far else 0.0)
            scheduler.run(scheduler.time + patience, self._clients.all_told)
            # A task whose process had lost its run may have started others meanwhile.
            scheduler.run(scheduler.time + DRAIN_SECONDS, self._at_rest)
            if not scheduler.halted:
                self.monitor.close_books()
                self._clients.check()
        finally:
            self._end()
        return Report(
            self.seed, scheduler.time, scheduler.digest, stage.calls, stage.faults, stage.marks,
            self.monitor.evaluations, stage.violations, stage.trouble,
            list(dict.fromkeys(self._clients.unanswered.values())),
        )  # fmt: skip

    def _at_rest(self) -> bool:
        return self._clients.settled and self.monitor.drained

    def _end(self) -> None:
        self._chaos.end()
        for process in self._processes:
            process.end()
        for process in self._processes:
            process.bury()
        for past in self.monitor.pasts.values():
            past.discard()
        self._own_store.close()

    # -- processes ------------------------------------------------------------------------------------

    def _boot(self, slot: int) -> None:
        """Start a process in a slot that is free."""
        if self._chaos.locked:  # nobody can open the store now
            self.stage.scheduler.later(0.5, self.stage.lane, self._boot, slot)
            return
        process = Process(self.stage, self.monitor, slot, len(self._processes), self._died, self.invoked)
        self._running[slot] = process
        self._processes.append(process)
        process.boot()

    def _died(self, process: Process) -> None:
        """A process is gone, however; its supervisor starts another one soon."""
        if process.alive:
            process.end()
            del self._running[process.slot]
            delay = self.stage.chance.uniform(0.0, REBOOT_SECONDS)
            self.stage.scheduler.later(delay, self.stage.lane, self._boot, process.slot)

    def invoked(self, process: Process, attempt: Attempt) -> Invocation:
        """A task body begins: a line in the ledger."""
        invocation = Invocation(
            next(self._stamps), attempt.run, attempt.step, attempt.number, attempt.token, process.name,
            self.stage.scheduler.time, attempt.asks,
        )  # fmt: skip
        self.monitor.invoked(process, invocation)
        return invocation
