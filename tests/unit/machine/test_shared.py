"""What asyncio's locks, events and queues hold belongs to one run."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from podium.errors import SharedInWorkflow, UsageError
from tests.unit.machine.driver import Life, result


async def locks(lock: asyncio.Lock) -> None:
    async with lock:
        await asyncio.sleep(1)


async def sets(event: asyncio.Event) -> None:
    event.set()
    await event.wait()


async def puts(queue: asyncio.Queue[int]) -> None:
    await queue.put(1)
    await queue.get()


async def counts(semaphore: asyncio.Semaphore) -> None:
    async with semaphore:
        await asyncio.sleep(1)


async def notifies(condition: asyncio.Condition) -> None:
    async with condition:
        condition.notify_all()


Uses = Callable[[Any], Awaitable[None]]
KINDS: list[tuple[type, Uses]] = [
    (asyncio.Lock, locks), (asyncio.Event, sets), (asyncio.Queue, puts), (asyncio.PriorityQueue, puts),
    (asyncio.Semaphore, counts), (asyncio.Condition, notifies),
]  # fmt: skip
both = pytest.mark.parametrize(("make", "use"), KINDS, ids=lambda part: getattr(part, "__name__", ""))


@both
def test_one_made_outside_is_refused_with_the_line_by_every_run_that_uses_it(make: type, use: Uses) -> None:
    shared = make()

    async def body() -> None:
        await use(shared)

    for number in range(3):
        with pytest.raises(SharedInWorkflow, match=r"test_shared\.py:\d+: this asyncio\.\w+ was made"):
            Life(body, id=f"r-{number}")


@both
def test_one_made_in_the_body_is_its_own(make: type, use: Uses) -> None:
    async def body() -> str:
        mine = make()
        await asyncio.gather(use(mine), use(mine))
        return "done"

    assert result(body) == "done"


@both
def test_outside_of_workflows_a_shared_one_is_as_ever(make: type, use: Uses) -> None:
    shared = make()

    async def main() -> None:
        await asyncio.wait_for(use(shared), 10)

    asyncio.run(main())


def test_a_future_of_another_loop_is_not_waited_for() -> None:
    futures: list[Any] = []

    async def makes() -> None:
        futures.append(asyncio.get_running_loop().create_future())
        await asyncio.sleep(1)

    async def waits() -> None:
        await futures[0]

    Life(makes)
    with pytest.raises((RuntimeError, UsageError), match="no event loop of its own"):
        Life(waits).value()
