"""Many worlds on all cores: ranges of seeds, crash points and plants as parcels of work, and their sum."""

from __future__ import annotations

import logging
import multiprocessing
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from podium.testing import Report
from tests.sim import crashpoints
from tests.sim.kinds import KINDS
from tests.sim.planted import PLANTED, catch

SEEDS_FILE = Path(__file__).with_name("seeds.txt")
PARCEL = 50  # seeds, or pairs of faults, that one process takes at once

# Rare paths that each campaign must have taken: no violation where nothing happened proves nothing.
MARKS = (
    "fence refused a write",
    "zombie write refused",
    "ambiguous commit resolved",
    "evicted and resumed",
    "retry resumed after a crash",
    "taken over from the dead",
    "handed back at a clean stop",
)


class Tally(msgspec.Struct):
    """The sum of many reports."""

    worlds: int = 0
    seconds: float = 0.0
    calls: int = 0
    faults: Counter[str] = msgspec.field(default_factory=Counter)
    marks: Counter[str] = msgspec.field(default_factory=Counter)
    evaluations: Counter[str] = msgspec.field(default_factory=Counter)
    met: Counter[str] = msgspec.field(default_factory=Counter)  # what the worlds of this kind judge
    violations: list[str] = msgspec.field(default_factory=list)

    def add(self, report: Report) -> None:
        """One more world."""
        self.worlds += 1
        self.seconds += report.seconds
        self.calls += len(report.calls)
        self.faults += report.faults
        self.marks += report.marks
        self.evaluations += report.evaluations
        self.violations.extend(f"seed {report.seed}: {violation}" for violation in report.violations)

    def merge(self, other: Tally) -> None:
        """The sum of two."""
        for name in self.__struct_fields__:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    @property
    def unmarked(self) -> list[str]:
        """Rare paths that no world took."""
        return [mark for mark in MARKS if not self.marks[mark]]

    @property
    def unmet(self) -> list[str]:
        """What no world had to judge."""
        return [name for name, number in self.met.items() if not number]


def play(seed: int, kind: str = "chance") -> Report:
    """The world of one seed."""
    return KINDS[kind].world(seed).play()


def play_many(kind: str, seeds: Iterable[int]) -> Tally:
    """The worlds of several."""
    tally = Tally()
    for seed in seeds:
        world = KINDS[kind].world(seed)
        tally.add(world.play())
        tally.met.update(KINDS[kind].met(world))
    return tally


def random_worlds(start: int, count: int, jobs: int, kind: str = "chance") -> Tally:
    """`count` seeds from `start`, in `jobs` processes."""
    parcels = [range(at, min(at + PARCEL, start + count)) for at in range(start, start + count, PARCEL)]
    tally = Tally()
    for part in spread(partial(play_many, kind), parcels, jobs):
        tally.merge(part)
    return tally


def crash_points(jobs: int) -> tuple[int, list[str]]:
    """Every fault at every store call of every program."""
    return _crash_all(jobs, crashpoints.PROGRAMS, crashpoints.singles)


def crash_pairs(jobs: int, every: int = 1) -> tuple[int, list[str]]:
    """Every two faults, for the smallest programs; or each `every`-th pair of them."""
    return _crash_all(
        jobs, crashpoints.SMALLEST, lambda name: islice(crashpoints.pairs(name), 0, None, every)
    )


def _crash_all(
    jobs: int, names: Iterable[str], plans: Callable[[str], Iterator[crashpoints.Plan]]
) -> tuple[int, list[str]]:
    parcels = [(name, part) for name in names for part in _parts(plans(name))]
    played, found = 0, list[str]()
    for number, violations in spread(_crash, parcels, jobs):
        played += number
        found += violations
    return played, found


def _crash(parcel: tuple[str, list[crashpoints.Plan]]) -> tuple[int, list[str]]:
    return crashpoints.violations(*parcel)


def plants(jobs: int) -> dict[str, tuple[int, str] | None]:
    """By plant: the seed that caught it and what it said, None for one that got away."""
    return dict(spread(_plant, range(len(PLANTED)), jobs))


def _plant(number: int) -> tuple[str, tuple[int, str] | None]:
    plant = list(PLANTED)[number]
    return plant.__name__, catch(plant)


def known_seeds() -> list[int]:
    """Seeds that once failed."""
    lines = (line.partition("#")[0].strip() for line in SEEDS_FILE.read_text("utf-8").splitlines())
    return [int(line) for line in lines if line]


def spread(work: Callable[[Any], Any], parcels: Iterable[Any], jobs: int) -> Iterator[Any]:
    """Do the work in processes of their own, started afresh; results in the order of the parcels."""
    if jobs == 1:
        quiet()
        yield from map(work, parcels)
        return
    # Values of stores in memory lie in files; a pool ends its processes without what would remove these.
    with (
        tempfile.TemporaryDirectory() as values,
        multiprocessing.get_context("spawn").Pool(jobs, _begin_process, (values,)) as pool,
    ):
        yield from pool.imap(work, parcels)


def _begin_process(values: str) -> None:
    tempfile.tempdir = values
    quiet()


def quiet() -> None:
    """Lost ownership and failed commits are what these worlds are about; nobody needs to read of each."""
    logging.getLogger("podium").setLevel(logging.CRITICAL + 1)


def _parts(plans: Iterator[crashpoints.Plan]) -> Iterator[list[crashpoints.Plan]]:
    while part := list(islice(plans, PARCEL)):
        yield part
