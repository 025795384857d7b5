"""Basic control flow."""

from __future__ import annotations

import asyncio

from podium import workflow
from tests.patterns.conftest import Play
from tests.patterns.steps import work


@workflow
async def sequence() -> str:
    first = await work("a")
    return await work(first + "b")


def test_sequence(play: Play) -> None:
    """1 Sequence. A step begins when the one before it has ended."""
    assert play(sequence) == "AB"


@workflow
async def parallel_split() -> list[str]:
    left = work.start("left")
    right = work.start("right")
    return [await left, await right]


def test_parallel_split(play: Play) -> None:
    """2 Parallel split. Two branches begin, and neither waits for the other."""
    assert play(parallel_split) == ["LEFT", "RIGHT"]


@workflow
async def synchronization() -> str:
    left, right = await asyncio.gather(work("left"), work("right"))
    return await work(f"{left} and {right}")


def test_synchronization(play: Play) -> None:
    """3 Synchronization. What follows begins when all branches have ended."""
    assert play(synchronization) == "LEFT AND RIGHT"


@workflow
async def exclusive_choice(amount: int) -> str:
    return await work("by hand") if amount > 100 else await work("by itself")


def test_exclusive_choice(play: Play) -> None:
    """4 Exclusive choice. One of several branches is taken, by what is known."""
    assert play(exclusive_choice, 120) == "BY HAND"
    assert play(exclusive_choice, 5) == "BY ITSELF"


@workflow
def simple_merge(amount: int) -> str:  # a plain function waits by .run() and .result()
    who = work.run("boss") if amount > 100 else work.run("clerk")
    return work.run(f"{who} signs")


def test_simple_merge(play: Play) -> None:
    """5 Simple merge. Alternative branches lead to the same step."""
    assert play(simple_merge, 120) == "BOSS SIGNS"
    assert play(simple_merge, 5) == "CLERK SIGNS"
