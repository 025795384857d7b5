"""Programs of queues with limits, their worlds, and what a judge finds there after every claim.

How full a queue is, who stands first in it and when its rate lets something begin `QueueWorld` judges from
rows that it reads itself, not from what admission has counted.
"""

from __future__ import annotations

import asyncio
import random
import threading
from collections import Counter
from collections.abc import Sequence
from typing import Any
from unittest.mock import patch

import msgspec

import podium
from podium import Options, Queue, Retry, task, workflow
from podium.client import StartOptions
from podium.functions import registry
from podium.model import Claimed, Entry, Outcome, RunRow, State, Verdict, Write
from podium.queues import queues
from podium.store.admission import PAST_LIMITS
from podium.store.sqlite.store import SqliteStore
from podium.testing import Job, Report, Setting, Trouble, World, draw_weather
from podium.testing.monitor import EVERYTHING
from tests.sim.programs import Flaky, labels, number, outcomes, recorded, stamped, work

Place = tuple[str, str]  # queue, and lane of it where each lane has the limits for itself

SECONDS = {"s": 1.0, "m": 60.0}
SHOPS = ("acme", "bolt", "core")
LINES = (
    Queue("sim-narrow", concurrency=2),
    Queue("sim-shops", concurrency=1, per="shop"),
    Queue("sim-paced", rate="6/m"),
    Queue("sim-both", concurrency=2, rate="3/s", per="shop"),
)

# -- the programs ----------------------------------------------------------------------------------------


@workflow
async def served(shop: str, label: str) -> list[str]:
    """Comes back to its line after a sleep, in which its slot is another's."""
    first = await work(label)
    await asyncio.sleep(3.0)
    return [first, await work("then", first)]


@task(retries=Retry(times=2, wait=0.5))
async def called(shop: str, label: str) -> str:
    made = stamped(label)
    if number(made) % 4 == 0:
        raise podium.RetryAfter(4)
    if number(made) % 4 == 1:
        raise Flaky(label)
    return made


@workflow
async def orders(line: str, width: int) -> list[str]:
    """Its calls are runs of their own, which stand in line with what clients have started."""
    calls = [called.options(queue=line, priority=n % 3)(SHOPS[n % 2], f"c{n}") for n in range(width)]
    answers = await asyncio.gather(*calls, return_exceptions=True)
    return ["failed" if isinstance(answer, BaseException) else answer for answer in answers]


def check_served(args: Any, state: State, answer: Any, entries: Sequence[Entry]) -> str:
    fine = state is State.SUCCEEDED and answer == recorded(entries) and labels(answer) == [args[1], "then"]
    return "" if fine else f"{state} {answer!r}"


def check_orders(args: Any, state: State, answer: Any, entries: Sequence[Entry]) -> str:
    fine = state is State.SUCCEEDED and len(answer) == args[1]
    done = [value for value in answer or [] if value != "failed"]
    return "" if fine and sorted(done) == sorted(outcomes(entries).values()) else f"{state} {answer!r}"


def queue_setting(seed: int) -> Setting:
    """More runs than one queue lets be driven, in any weather; some are cancelled in line. Clocks are right
    here: when something may begin goes by them."""
    chance = random.Random(f"queues {seed}")
    line = chance.choice(LINES).name
    jobs = [Job(registry[orders.name], (line, chance.randint(3, 5)), check_orders, at=chance.random())]
    for n in range(chance.randint(4, 8)):
        cancel_after = chance.choice((None, None, None, 5.0 * chance.random()))
        jobs.append(
            Job(
                registry[served.name],
                (chance.choice(SHOPS), f"j{n}"),
                check_served if cancel_after is None else None,
                at=chance.choice((0.0, 1.0, 8.0)) * chance.random(),
                id=f"job-{n}",
                cancel_after=cancel_after,
                options=StartOptions(queue=line, priority=chance.choice((0, 0, 1))),
            )
        )
    weather = draw_weather(chance)
    troubles = {each: weight for each, weight in weather.troubles.items() if each is not Trouble.JUMP}
    return Setting(
        jobs=jobs,
        options=Options(poll=chance.choice((1.0, 2.0)), evict_always=chance.random() < 0.3),
        weather=msgspec.structs.replace(weather, troubles=troubles, skew_seconds=0.0),
        slots=chance.choice((1, 2, 3)),
        calm_after=chance.choice((10.0, 40.0)),
        children=[registry[called.name]],
    )


# -- what must be true of all of them --------------------------------------------------------------------


class QueueWorld(World):
    """A world whose queues are looked at from outside, after each claim."""

    def __init__(self, seed: int, setting: Setting) -> None:
        super().__init__(seed, setting)
        self.begun = self.full = self.held = 0  # that there was something to judge
        self._rows: dict[str, RunRow] = {}  # as they were when a claim began
        self._now = 0.0  # the time that its engine went by
        self._times: dict[Place, list[float]] = {}  # of what the rate of a place counts
        self._not_before: dict[Place, float] = {}  # by queue and lane: as a task has asked by RetryAfter
        monitor = self.monitor
        self._claimed = monitor.claimed
        monitor.claimed = self._on_claim  # pyright: ignore[reportAttributeAccessIssue]  # to look on
        monitor.on_commit = self._on_commit

    def play(self) -> Report:
        claim, ours = SqliteStore.claim, threading.get_ident()

        def claiming(
            store: SqliteStore, engine: str, functions: Any, limit: int, now: float, *how: Any, **named: Any
        ) -> Claimed:
            if threading.get_ident() == ours:  # and of no engine that another test has left in this process
                self._rows, self._now = self._read(), now
            return claim(store, engine, functions, limit, now, *how, **named)

        with patch.object(SqliteStore, "claim", claiming):
            return super().play()

    def _read(self) -> dict[str, RunRow]:
        return {row.id: row for row in self._own_store.find(EVERYTHING)}

    def _on_claim(self, claimed: Claimed) -> None:
        self._claimed(claimed)
        taken = [self._rows[head.id] for head in claimed.heads if self._rows[head.id].queue]
        if taken:
            self._check_slots()
        for row in taken:
            if row.rank != PAST_LIMITS:
                self._check_order(row, {each.id for each in taken})
                self._check_rate(row)

    def _check_slots(self) -> None:
        """No more are owned than the limit says; those that are to stop come on top."""
        owned = Counter(
            _limited(row) for row in self._read().values()
            if row.queue and row.owner is not None and self._rows[row.id].rank != PAST_LIMITS
        )  # fmt: skip
        for place, count in owned.items():
            most = queues[place[0]].limits.concurrency
            if most is not None:
                self.monitor.check("P4 no more are owned than the limit", count <= most, f"{place}: {count}")
                self.full += count == most

    def _check_order(self, row: RunRow, taken: set[str]) -> None:
        """Of those that have not begun the first in its line is taken."""
        earlier = [
            other.id for other in self._rows.values()
            if row.state is other.state is State.QUEUED and (other.queue, other.lane) == (row.queue, row.lane)
            and other.id not in taken and (other.due or 0.0) <= self._now and _rank(other) < _rank(row)
        ]  # fmt: skip
        self.monitor.check("P7 lines keep their order", not earlier, f"{row.id} was taken before {earlier}")

    def _check_rate(self, row: RunRow) -> None:
        """Starts of workflows count, and attempts of tasks."""
        if row.state is not State.QUEUED and row.function != called.name:
            return
        self.begun += 1
        asked = self._not_before.get((row.queue, row.lane), 0.0)
        self.monitor.check("P3 nothing begins before RetryAfter", self._now >= asked, f"{row.id}: {asked}")
        rate = queues[row.queue].limits.rate
        if rate:
            count, _, unit = rate.partition("/")
            times = self._times.setdefault(_limited(row), [])
            times.append(self._now)
            most = max(sum(0.0 <= at - since < SECONDS[unit] for at in times) for since in times)
            self.monitor.check("P3 no more begin than the rate", most <= int(count), f"{row.queue}: {times}")

    def _on_commit(self, writes: Sequence[Write], verdicts: Sequence[Verdict]) -> None:
        for write, verdict in zip(writes, verdicts, strict=True):
            if write.move is not None and write.move.holds and verdict.outcome is Outcome.DONE:
                assert write.fence is not None
                row = self.monitor.pasts[write.fence.run].row
                place = (row.queue, row.lane)
                self._not_before[place] = max(write.move.holds, self._not_before.get(place, 0.0))
                self.held += 1


def _limited(row: RunRow) -> Place:
    """Where the limits of its queue count."""
    return row.queue, row.lane if queues[row.queue].limits.per else ""


def _rank(row: RunRow) -> float:
    assert row.rank is not None
    return row.rank
