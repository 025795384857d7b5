"""`map` inside a workflow: one scope, item i is branch i, at most `limit` in flight."""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from podium import UsageError, task
from podium.errors import EncodeError
from podium.machine.fanout import FanOut
from tests.unit.machine.driver import Life, result


@task
async def fetch(n: int) -> int:
    if n < 0:
        raise ValueError(n)
    return n * 10


@task
def pay(n: int) -> int:
    return n + 100


def test_results_keep_the_order_of_the_items() -> None:
    async def body() -> list[int]:
        return await fetch.map([3, 1, 2])

    life = Life(body)
    life.answer("1.2/")
    life.evict()
    life.answer("1.0/")
    assert life.run().value() == [30, 10, 20]


def test_at_most_limit_are_in_flight() -> None:
    async def body() -> list[int]:
        return await fetch.map(range(10), limit=3)

    life = Life(body)
    most = 0
    while life.move():
        most = max(most, len(life.machine.open))
    assert life.value() == [n * 10 for n in range(10)]
    assert most == 3


def test_items_are_drawn_only_as_slots_become_free() -> None:
    drawn: list[int] = []

    def endless() -> Iterator[int]:
        for n in itertools.count():
            drawn.append(n)
            yield n

    async def body() -> list[int]:
        taken: list[int] = []
        async for value in fetch.map(endless(), limit=4):
            taken.append(value)
            if len(taken) == 5:
                break
        return taken

    assert Life(body).run().value() == [0, 10, 20, 30, 40]
    assert len(drawn) < 12


def test_an_asynchronous_source_may_call_the_same_task() -> None:
    """The source is a branch of its own beside the items'."""

    async def source() -> AsyncIterator[int]:
        for n in (1, 2, 3):
            yield await fetch(n)

    async def body() -> list[int]:
        return await fetch.map(source(), limit=2)

    assert result(body) == [100, 200, 300]


def test_an_asynchronous_source_waits_for_slots() -> None:
    async def source() -> AsyncIterator[int]:
        for n in range(6):
            yield n

    async def body() -> list[int]:
        return await fetch.map(source(), limit=2)

    life = Life(body)
    assert len(life.machine.open) == 2
    assert life.run(evict=1.0).value() == [n * 10 for n in range(6)]


def test_as_completed_follows_the_recorded_order() -> None:
    async def awaited() -> list[int]:
        return [n async for n in fetch.map(range(3)).as_completed()]

    def plain() -> list[int]:
        return list(fetch.map(range(3)).as_completed())

    for body in (awaited, plain):
        life = Life(body)
        for part in ("1.1/", "1.2/", "1.0/"):
            life.answer(part)
        assert life.value() == [10, 20, 0]
        life.boot()
        assert life.value() == [10, 20, 0]


def test_the_first_failure_cancels_the_rest() -> None:
    async def body() -> Any:
        try:
            return await fetch.map([1, -2, 3, 4])
        except ValueError as error:
            return repr(error)

    life = Life(body)
    life.answer("1.1/")
    assert life.value() == "ValueError(-2)"
    assert [step.partition("/")[0] for step in life.cancelled] == ["1.0", "1.2", "1.3"]


def test_failures_may_take_their_place_among_the_results() -> None:
    async def body() -> list[str]:
        return [repr(v) for v in await fetch.map([1, -2, 3], on_error="return")]

    assert result(body) == ["10", "ValueError(-2)", "30"]


def test_what_an_item_raises_while_drawn_is_the_maps_failure() -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise LookupError("no more")

    async def body() -> Any:
        try:
            return await pay.map(broken(), limit=1)
        except LookupError as error:
            return str(error)

    assert result(body) == "no more"


def test_an_item_that_cannot_be_stored_is_named() -> None:
    async def body() -> Any:
        return await fetch.map([1, object()])

    with pytest.raises(EncodeError, match="object"):
        result(body)


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_below_one_is_refused(limit: int) -> None:
    async def body() -> Any:
        return await fetch.map([1], limit=limit)

    with pytest.raises(UsageError, match="whole number of 1 or more"):
        result(body)


def test_empty() -> None:
    async def body() -> list[Any]:
        return [await fetch.map([]), [n async for n in fetch.map([])], list(pay.map(iter([])))]

    assert result(body) == [[], [], []]


def test_cancelling_whoever_collects_cancels_what_is_in_flight() -> None:
    async def body() -> str:
        try:
            async with asyncio.timeout(5):
                await fetch.map(range(3))
        except TimeoutError:
            return "late"
        return "done"

    life = Life(body)
    life.tick()
    assert life.value() == "late"
    assert len(life.cancelled) == 3

    def plain() -> str:
        try:
            list(pay.map(range(3)))
        except asyncio.CancelledError:
            return pay.name
        return "done"

    life = Life(plain)
    life.cancel()
    assert life.value() == pay.name
    assert len(life.cancelled) == 3


def test_cancel_draws_no_more() -> None:
    async def body() -> str:
        runs = fetch.map(itertools.count(), limit=2)
        first = await anext(aiter(runs))
        runs.cancel()
        return f"{first} and no more"

    life = Life(body)
    life.answer()
    assert life.value() == "0 and no more"
    assert len(life.started) <= 3


def test_results_are_handed_out_once() -> None:
    async def body() -> Any:
        runs = fetch.map([1])
        await runs
        return await runs

    with pytest.raises(UsageError, match="once"):
        result(body)


def test_nested_maps_have_scopes_of_their_own() -> None:
    async def row(n: int) -> list[int]:
        return await fetch.map([n, n + 1])

    async def body() -> list[list[int]]:
        return list(await asyncio.gather(row(1), row(5)))

    assert result(body) == [[10, 20], [50, 60]]
    steps = {entry.step.partition("/")[0] for entry in Life(body).run().history}
    assert steps == {"1.1.0", "1.1.1", "2.1.0", "2.1.1"}


class Walked(deque[int]):
    """Does not let itself be searched for one position after the other."""

    def remove(self, value: int, /) -> None:
        raise AssertionError("a walk for each failure")


def test_a_redrive_takes_all_failures_out_in_one_walk() -> None:
    nothing: Any = object()
    fan_out: Any = object.__new__(FanOut)
    fan_out._failure, fan_out._exhausted, fan_out._steps = None, False, {}
    fan_out._failures = dict.fromkeys(range(0, 10, 2), nothing)
    fan_out._outcomes = dict.fromkeys(range(2, 10), nothing)  # 0 and 1 were collected
    fan_out._finished = Walked(range(9, 1, -1))
    fan_out._fill, fan_out._again = lambda: None, deque()
    fan_out.redrive()
    assert list(fan_out._finished) == [9, 7, 5, 3]
    assert [position for position, _ in fan_out._again] == [2, 4, 6, 8]
    assert sorted(fan_out._outcomes) == [3, 5, 7, 9]
