"""Cancellation."""

from __future__ import annotations

import asyncio

from podium import workflow
from tests.patterns.conftest import Play
from tests.patterns.steps import HOUR, after, breaks, done, tell, work


@workflow
async def cancel_task() -> str:
    try:
        async with asyncio.timeout(HOUR):
            return await after(2)
    except TimeoutError:
        return await work("gave up")


def test_cancel_task(play: Play) -> None:
    """19 Cancel task. One that runs is withdrawn."""
    assert play(cancel_task) == "GAVE UP"
    assert done == []


@workflow
async def cancel_case() -> str:
    case = after.start(20)
    await asyncio.sleep(HOUR)
    case.cancel()  # or, from anywhere: podium cancel RUN
    try:
        return await case
    except asyncio.CancelledError:
        return await work("cancelled")


def test_cancel_case(play: Play) -> None:
    """20 Cancel case. A whole run is withdrawn, with all that it waits for."""
    assert play(cancel_case) == "CANCELLED"
    assert done == []


@workflow
async def cancel_region() -> list[str]:
    kept = work.start("kept")  # outside of the region
    try:
        async with asyncio.TaskGroup() as region:
            region.create_task(after(20))
            region.create_task(after(20))
            region.create_task(breaks("fire"))
    except* ValueError:
        await tell("region is cleared")
    return [await kept]


def test_cancel_region(play: Play) -> None:
    """25 Cancel region. A part of a run is withdrawn, the rest goes on."""
    assert play(cancel_region) == ["KEPT"]
    assert done == ["region is cleared"]


@workflow
async def cancel_instances() -> str:
    runs = after.map([20, 20, 20])
    await asyncio.sleep(HOUR)
    runs.cancel()
    return await work("none is left")


def test_cancel_instances(play: Play) -> None:
    """26 Cancel multiple instances. All that have not ended are withdrawn."""
    assert play(cancel_instances) == "NONE IS LEFT"
    assert done == []


@workflow
async def complete_instances() -> list[str]:
    runs, found = after.map([1, 2, 20]), list[str]()
    try:
        async with asyncio.timeout(10 * HOUR):
            async for result in runs.as_completed():
                found += [result]
    except TimeoutError:
        runs.cancel()
    return found


def test_complete_instances(play: Play) -> None:
    """27 Complete multiple instances. What has not ended by then is withdrawn, and it goes on with what is
    there."""
    assert play(complete_instances) == ["hour 1", "hour 2"]
    assert done == ["hour 1", "hour 2"]
