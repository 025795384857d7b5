"""Iteration, termination, triggers."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from podium import receive, workflow
from tests.patterns.conftest import Play
from tests.patterns.steps import HOUR, after, done, tell, work


@workflow
async def arbitrary_cycles() -> str:
    stage, text = "draft", ""
    while stage != "end":  # a loop with two entries and two exits
        text = await work(f"{text}{stage[0]}")
        stage = {"draft": "review", "review": "edit" if len(text) < 4 else "end", "edit": "review"}[stage]
    return text


def test_arbitrary_cycles(play: Play) -> None:
    """10 Arbitrary cycles. Loops with more than one entry or exit: the state is a variable."""
    assert play(arbitrary_cycles) == "DRER"


@workflow
def structured_loop(goal: int) -> str:
    text = ""
    while len(text) < goal:
        text = work.run(f"{text}x")
    return text


def test_structured_loop(play: Play) -> None:
    """21 Structured loop. Steps again and again, with the test before or behind them."""
    assert play(structured_loop, 3) == "XXX"


@workflow
async def recursion(text: str) -> str:
    if len(text) < 2:
        return await work(text)
    half = len(text) // 2
    return "".join(await asyncio.gather(recursion(text[:half]), recursion(text[half:])))


def test_recursion(play: Play) -> None:
    """22 Recursion. A workflow calls itself: each call is a child run."""
    assert play(recursion, "abc") == "ABC"


@workflow
async def implicit_termination() -> None:
    async with asyncio.TaskGroup() as branches:
        branches.create_task(tell("a"))
        branches.create_task(tell("b"))  # nothing says that it is the end


def test_implicit_termination(play: Play) -> None:
    """11 Implicit termination. A run has ended when nothing is left to do."""
    assert play(implicit_termination) is None
    assert sorted(done) == ["a", "b"]


@workflow
async def explicit_termination() -> str:
    after.start(20)
    return await work("the end")  # whatever else runs is asked to stop


def test_explicit_termination(play: Play) -> None:
    """43 Explicit termination. A run ends at one point, and what is still under way is withdrawn."""
    assert play(explicit_termination) == "THE END"
    assert done == []


@workflow
async def transient_trigger() -> str:
    await asyncio.sleep(HOUR)
    with suppress(TimeoutError):
        while True:  # what came while nobody waited is taken, and thrown away
            await receive("go", str, timeout=1)
    return await work(await receive("go", str))


@workflow
async def sender() -> str:
    listener = transient_trigger.start()
    listener.send("go", "too early")
    await asyncio.sleep(2 * HOUR)
    listener.send("go", "in time")
    return await listener


def test_transient_trigger(play: Play) -> None:
    """23 Transient trigger. A signal counts only while it is waited for."""
    assert play(sender) == "IN TIME"


@workflow
async def persistent_trigger() -> str:
    await asyncio.sleep(HOUR)
    return await work(await receive("go", str))


def test_persistent_trigger(play: Play) -> None:
    """24 Persistent trigger. A signal is kept until it is waited for."""
    assert play(persistent_trigger, talk=[("go", "early")]) == "EARLY"
