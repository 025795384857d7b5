"""State."""

from __future__ import annotations

import asyncio
from random import Random

from podium import receive, workflow
from tests.patterns.conftest import Play
from tests.patterns.steps import HOUR, branch, work


@workflow
async def deferred_choice() -> str:
    try:
        answer = await receive("answer", str, timeout=24 * HOUR)
    except TimeoutError:
        return await work("remind")
    return await work(f"file {answer}")


def test_deferred_choice(play: Play) -> None:
    """16 Deferred choice. What happens first, outside, chooses the branch; the other is withdrawn."""
    assert play(deferred_choice, talk=[("answer", "yes")]) == "FILE YES"
    assert play(deferred_choice) == "REMIND"


@workflow
async def interleaved_parallel() -> list[str]:
    turn = asyncio.Lock()
    order: list[str] = []

    async def branch(*names: str) -> None:
        for name in names:  # in this order, but never two steps at once
            async with turn:
                order.append(await work(name))

    await asyncio.gather(branch("a1", "a2"), branch("b1"))
    return order


def test_interleaved_parallel(play: Play) -> None:
    """17 Interleaved parallel routing. Branches keep their own order, and no two steps run at once."""
    assert play(interleaved_parallel) == ["A1", "B1", "A2"]


@workflow
async def milestone(shipped_after: int) -> str:
    shipping = asyncio.create_task(branch(shipped_after))
    await branch(2)  # so long the customer thinks about it
    said = "too late" if shipping.done() else await work("another colour")
    await shipping
    return said


def test_milestone(play: Play) -> None:
    """18 Milestone. A branch may be taken only while another has not gone past a point."""
    assert play(milestone, 3) == "ANOTHER COLOUR"
    assert play(milestone, 1) == "too late"


@workflow
async def critical_section() -> list[str]:
    account = asyncio.Lock()
    seen: list[str] = []

    async def branch(name: str) -> None:
        async with account:  # both steps, and no other branch between them
            seen.append(await work(f"{name} reads"))
            seen.append(await work(f"{name} writes"))

    await asyncio.gather(branch("a"), branch("b"))
    return seen


def test_critical_section(play: Play) -> None:
    """39 Critical section. Several steps of one branch, and no other branch comes in between. (What many runs
    share is a [resource](resources.md).)"""
    assert play(critical_section) == ["A READS", "A WRITES", "B READS", "B WRITES"]


@workflow
async def interleaved(names: list[str], seed: int) -> list[str]:
    order = Random(seed).sample(names, len(names))  # with a seed chance is the same in each replay
    return [await work(name) for name in order]


def test_interleaved(play: Play) -> None:
    """40 Interleaved routing. Each once, one at a time, in any order."""
    assert sorted(play(interleaved, ["a", "b", "c"], 7)) == ["A", "B", "C"]
