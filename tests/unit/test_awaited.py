"""A call that is awaited goes on when its id and its end are told, by whatever threads, in whatever order."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from podium import codec
from podium.client.awaited import Awaited
from podium.engine import End
from podium.errors import EngineStopped, IdConflict, ResourceShortage
from podium.functions import Function
from podium.model import State

ENDED = End(State.SUCCEEDED, codec.encode(7))


class _App:
    """Stands in for what an outcome asks of its app."""

    class store:
        depot = None


async def add(number: int) -> int:
    return number + 1


ADD = Function("app:add", add, is_workflow=True, is_async=True)


async def _outcome(*tells: Callable[[Awaited], None]) -> Any:
    """What a call comes to of which this is told, by a thread each, all at once."""
    app: Any = _App()
    awaited, gate = Awaited(app), threading.Barrier(len(tells))

    def tell(one: Callable[[Awaited], None]) -> None:
        gate.wait(timeout=10)
        one(awaited)

    threads = [threading.Thread(target=tell, args=(one,)) for one in tells]
    for thread in threads:
        thread.start()
    try:
        await asyncio.wait_for(awaited.here, 10)
        return awaited.outcome(ADD)
    finally:
        for thread in threads:
            thread.join(10)


def test_who_awaits_goes_on_where_id_and_end_are_told_at_once() -> None:
    async def many() -> list[Any]:
        return [await _outcome(lambda one: one.tell("r1"), lambda one: one(ENDED)) for _ in range(300)]

    assert asyncio.run(many()) == [7] * 300


def test_an_id_and_an_end_that_were_told_stand_whatever_fails_after_them() -> None:
    async def fails_last() -> Any:
        app: Any = _App()
        awaited = Awaited(app)
        awaited.tell("r1")
        awaited(ENDED)
        awaited.fail(ResourceShortage("planted", fix="more of it"))  # before its loop has a turn
        await awaited.here
        return awaited.outcome(ADD)

    assert asyncio.run(fails_last()) == 7


def test_neither_alone_lets_it_go_on() -> None:
    async def alone(tell: Callable[[Awaited], None], rest: Callable[[Awaited], None]) -> Any:
        app: Any = _App()
        awaited = Awaited(app)
        tell(awaited)
        await asyncio.sleep(0)
        assert not awaited.here.done()
        rest(awaited)
        await awaited.here
        return awaited.outcome(ADD)

    assert asyncio.run(alone(lambda one: one.tell("r1"), lambda one: one(ENDED))) == 7
    assert asyncio.run(alone(lambda one: one(ENDED), lambda one: one.tell("r1"))) == 7


@pytest.mark.parametrize(
    "tells",
    [
        [lambda one: one.fail(IdConflict("taken"))],
        [lambda one: one.tell(IdConflict("taken")), lambda one: one(ENDED)],
        [lambda one: (one.fail(IdConflict("taken")), one(EngineStopped("closed")))],
        [lambda one: (one.tell("r1"), one(IdConflict("taken")))],
        [lambda one: (one(ENDED), one.fail(IdConflict("taken")))],
        [lambda one: (one.tell("r1"), one.fail(IdConflict("taken")), one(ENDED))],
    ],
    ids=["the start", "the notice of it", "the start, then the engine", "the wait", "the end, then the start",
         "what follows from its start"],
)  # fmt: skip
def test_what_has_failed_is_raised(tells: list[Callable[[Awaited], None]]) -> None:
    with pytest.raises(IdConflict, match="taken"):
        asyncio.run(_outcome(*tells))


def test_one_who_has_left_is_told_in_vain() -> None:
    async def leave() -> None:
        app: Any = _App()
        awaited = Awaited(app)
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(awaited.here, 0.001)
        awaited.tell("r1")
        awaited(ENDED)
        await _outcome(lambda one: one.tell("r2"), lambda one: one(ENDED))  # by way of the same queue
        assert awaited.here.cancelled()

    asyncio.run(leave())
