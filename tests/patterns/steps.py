"""What the programs of all groups call: three tasks, a child workflow, a part of a body."""

from __future__ import annotations

import asyncio

from podium import task, workflow

HOUR = 3600

done: list[str] = []  # what was done outside, as another system would have it


@task
async def work(name: str) -> str:
    return name.upper()


@task
async def breaks(name: str) -> str:
    raise ValueError(name)


@task
async def tell(name: str) -> None:
    if name not in done:  # the other system knows what it has had
        done.append(name)


@workflow
async def after(hours: int) -> str:
    await asyncio.sleep(hours * HOUR)
    await tell(f"hour {hours}")
    return f"hour {hours}"


async def branch(hours: int) -> str:
    """A branch within a body, no run of its own."""
    await asyncio.sleep(hours * HOUR)
    return f"hour {hours}"
