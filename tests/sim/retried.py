"""Families that fail and are retried by people until they go well, in any weather.

What is on record of any of them is not done again, and whatever is done again has its key: `RetriedWorld`
judges it by the keys of the attempts.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from podium import Options, WrongState, task, workflow
from podium.client.families import Family
from podium.executors import Attempt
from podium.functions import registry
from podium.inspect import Records
from podium.model import RETRIABLE, Entry, Kind, Outcome, RunRow, State, Verdict, Write, id_of_retry
from podium.testing import Invocation, Job, Report, Setting, World, draw_weather
from podium.testing.node import Process
from podium.testing.virtual import EPOCH
from tests.sim.programs import Flaky, labels, stamped

PATIENCE = 2.0  # s between looks of a person at a run

# -- the programs ----------------------------------------------------------------------------------------


@task
async def paid(label: str) -> str:
    return stamped(label)


@task
async def shaky(label: str) -> str:
    made = stamped(label)
    if int(made.rpartition("#")[2]) % 3:
        raise Flaky(label)
    return made


@workflow
async def errand(label: str) -> str:
    done = await paid(label)
    await shaky(label)
    return done


@workflow
async def trip(label: str, width: int) -> list[Any]:
    """`width` errands at once, of which it tolerates one that fails; then one more."""
    many = await errand.map([f"{label}{n}" for n in range(width)], tolerate=1, limit=3)
    await shaky(label)
    return [*many, await errand(f"{label}last")]


@workflow
async def journey(width: int) -> list[Any]:
    start = await paid("start")
    beside = errand.start("beside")
    there = await trip("there", width)
    return [start, *there, await beside]


CHILDREN = (errand, trip)


def check_journey(args: Any, state: State, answer: Any, entries: Sequence[Entry]) -> str:
    if state is not State.SUCCEEDED:
        return ""  # until it is retried
    wanted = ["start", *(f"there{n}" for n in range(args[0])), "therelast", "beside"]
    got = [each if isinstance(each, str) else "failed#0" for each in answer]
    wrong = [a for a, b in zip(labels(got), wanted, strict=True) if a not in (b, "failed")]
    return f"{got}" if wrong or labels(got).count("failed") > 1 else ""


def retried_setting(seed: int) -> Setting:
    chance = random.Random(f"retried {seed}")
    jobs = [
        Job(
            registry[journey.name], (chance.randint(1, 4),), check_journey, chance.random(), f"job-{n}",
            cancel_after=chance.choice((None, None, 6.0 * chance.random())),
        )
        for n in range(chance.randint(1, 2))
    ]  # fmt: skip
    return Setting(
        jobs=jobs,
        options=Options(poll=chance.choice((1.0, 2.0)), evict_always=chance.random() < 0.4),
        weather=draw_weather(chance),
        slots=chance.choice((1, 2, 3)),
        calm_after=chance.choice((20.0, 60.0)),
        children=[registry[child.name] for child in CHILDREN],
    )


class RetriedWorld(World):
    """A world in which each run of a client's is retried until it goes well."""

    def __init__(self, seed: int, setting: Setting) -> None:
        super().__init__(seed, setting)
        self.retries = self.in_families = self.kept = 0  # that there was something to judge
        self._left = {each.id for each in setting.jobs if each.id}  # runs that have not gone well yet
        self._keys: dict[tuple[str, str], str] = {}  # by run and step
        self._recorded: dict[str, str] = {}  # by key: the run that has it on record
        self.monitor.on_commit = self._on_commit

    def play(self) -> Report:
        for run in sorted(self._left):
            self._later(PATIENCE, self._look, run)
        return super().play()

    def _at_rest(self) -> bool:
        return not self._left and super()._at_rest()

    def _later(self, seconds: float, act: Any, *args: Any) -> None:
        self.stage.scheduler.later(seconds, self.stage.lane, act, *args)

    def _look(self, run: str) -> None:
        row = None if self._chaos.locked else self._own_store.load(run)
        if row is not None and row.state is State.SUCCEEDED:
            self._left.discard(run)
            return
        if row is None or row.state not in RETRIABLE or not self._retry(row):
            self._later(PATIENCE, self._look, run)
            return
        self._left.discard(run)
        self._left.add(id_of_retry(run))
        self._later(PATIENCE, self._look, id_of_retry(run))

    def _retry(self, row: RunRow) -> bool:
        """Whether it is begun; not while a child of it is about to stop."""
        store, now = self._own_store, EPOCH + self.stage.scheduler.time
        try:
            new = Family(store, Records(lambda: store, ""), now, _not_yet).retry(row)
        except WrongState:
            return False
        writes = [Write(new_runs=(new,))]
        self.monitor.committed(None, None, writes, store.commit(None, writes))
        self.retries += 1
        self.in_families += any(entry.kind is Kind.CHILD and entry.payload for entry in new.entries)
        return True

    def invoked(self, process: Process, attempt: Attempt) -> Invocation:
        key = attempt.idempotency_key
        self._keys[attempt.run, attempt.step] = key
        done = self._recorded.get(key)
        fresh = done in (None, attempt.run)  # of a run itself the monitor sees to it
        self.monitor.check("P2 what a family has on record is not done again", fresh, f"{attempt}, by {done}")
        return super().invoked(process, attempt)

    def _on_commit(self, writes: Sequence[Write], verdicts: Sequence[Verdict]) -> None:
        for write, verdict in zip(writes, verdicts, strict=True):
            if write.fence is None or verdict.outcome is not Outcome.DONE:
                continue
            for entry in write.entries:
                key = self._keys.get((write.fence.run, entry.step))
                if entry.kind is Kind.RESULT and key is not None:
                    self._recorded[key] = write.fence.run
                    self.kept += 1


def _not_yet(row: RunRow) -> RunRow:
    raise WrongState(f"run {row.id} goes on")
