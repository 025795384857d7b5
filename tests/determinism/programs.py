"""Two programs full of races, one async and one sync: what they return depends on the order of events."""

from __future__ import annotations

import asyncio
from typing import Any

import podium
from podium import task, workflow


@task
def weigh(n: int) -> int:
    if n % 7 == 6:
        raise ValueError(f"{n} is too heavy")
    return n * 3


@task
async def fetch(n: int) -> int:
    return n * 10


@workflow
async def racing(width: int) -> dict[str, Any]:
    """wait(FIRST_COMPLETED), timeout, TaskGroup, Queue, sets, and plain calls of def tasks."""
    seen: list[Any] = []
    order: asyncio.Queue[str] = asyncio.Queue(maxsize=2)

    async def produce(name: str, n: int) -> None:
        for i in range(n):
            try:
                value = weigh(n + i)  # waits in this branch only
            except ValueError as error:
                value = str(error)
            await order.put(f"{name}{i}={value}")

    async def consume() -> None:
        while (item := await order.get()) != "end":
            seen.append(item)
            if item.startswith("a"):
                seen.append(await fetch(len(seen)))

    async with asyncio.TaskGroup() as group:
        consumer = group.create_task(consume())
        producers = [group.create_task(produce(name, width)) for name in "ab"]
        pending = {asyncio.create_task(fetch(n)) for n in range(width)}
        while pending:
            try:
                async with asyncio.timeout(3):
                    done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                    seen.append([task.result() for task in done])
            except TimeoutError:
                seen.append(f"late at {podium.now():%M:%S}")
                for slow in pending:  # a set: its order must be the same in every replay
                    slow.cancel()
                    break
                pending = {branch for branch in pending if not branch.cancelling()}
        await asyncio.gather(*producers)
        await order.put("end")
    assert consumer.done()
    lucky = podium.random().choice(["x", "y", "z"])
    return {"seen": seen, "lucky": lucky, "id": podium.uuid4(), "letters": {"a", "b", lucky}}


@workflow
def collecting(width: int) -> dict[str, Any]:
    """start, map and as_completed, in sync code."""
    seen: list[Any] = []
    early = [weigh.start(n) for n in range(width)]
    for value in fetch.map(range(width), limit=3).as_completed():
        seen.append(value)
        if value == 20:
            podium.sleep(5)
            seen.append(f"{podium.now():%M:%S}")
    for value in weigh.map((n for n in range(2 * width)), limit=4, on_error="return").as_completed():
        seen.append(repr(value))  # noqa: PERF401  # a step's outcome each, as users write it
    for run in early:
        try:
            seen.append([str(run.state), run.result()])
        except ValueError as error:
            seen.append(str(error))
    return {"seen": seen, "id": podium.uuid4()}
