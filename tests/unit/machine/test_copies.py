"""A retry goes on from another run's past: the same draws, and a clock that jumps where that past ends."""

from __future__ import annotations

import asyncio
import uuid
from datetime import datetime
from typing import Any

import podium
from podium import task
from podium.machine import Machine
from podium.model import COPY_BEGAN, Entry, Kind
from tests.unit.machine.driver import STARTED, Life, declared

DAY = 86_400.0


@task
def pay(key: str, at: datetime) -> int:
    return 1


@task
def ship(n: int) -> int:
    return n


def copied(life: Life, keep: int, began: float) -> Life:
    """A retry of that run, which takes over so many entries of it and begins then."""
    history = life.history[:keep]
    history.append(Entry(keep + 1, Kind.TICK, began, COPY_BEGAN))
    return Life(life.function, history=history, id="r-1")


def test_a_copy_asks_for_the_same_steps_although_it_drew_and_looked_at_the_clock() -> None:
    async def body() -> list[Any]:
        pay(str(podium.uuid4()), podium.now())
        await asyncio.sleep(10)
        pay(str(podium.random().random()), podium.now())
        return [podium.uuid4(), podium.now().timestamp() - STARTED]

    life = Life(body).run()
    again = copied(life, keep=2, began=STARTED + DAY).run()
    assert again.value()[0] == life.value()[0]
    assert again.value()[1] == DAY


def test_a_chain_of_copies_replays_each_jump_where_it_was() -> None:
    async def body() -> float:
        ship(1)
        pay("first", podium.now())
        pay("second", podium.now())
        return podium.now().timestamp() - STARTED

    life = Life(body)
    life.answer()
    first = copied(life, keep=1, began=STARTED + DAY)
    first.answer()
    second = copied(first, keep=3, began=STARTED + 2 * DAY)
    assert second.run().value() == 2 * DAY


def test_open_timers_move_by_the_gap_and_the_runs_own_timeout_begins_anew() -> None:
    async def body() -> str:
        async with asyncio.timeout(60):
            ship(1)
            ship(2)
        return "in time"

    function = declared(body)
    function.timeout = 100
    life = Life(function)
    life.feed(Kind.RESULT, life.open().id, life.open().digest, b"1", at=STARTED + 20)
    again = copied(life, keep=1, began=STARTED + DAY)
    due = {timer.identity: timer.due - STARTED - DAY for timer in again.machine.loop.timers}
    assert due == {"/timer#1": 40, "/deadline": 100}
    again.answer()
    assert again.value() == "in time"


def test_draws_are_of_the_lineage_and_not_of_the_run() -> None:
    async def body() -> uuid.UUID:
        return podium.uuid4()

    def drawn(run: str, lineage: str) -> bytes:
        machine = Machine(run, declared(body), b"{}", STARTED, lineage)
        machine.begin()
        assert machine.finished is not None
        return machine.finished.payload

    assert drawn("r-1", "seed") == drawn("r-2", "seed") != drawn("r-1", "seed@1")
    assert drawn("seed", "") == drawn("r-1", "seed")
