"""Branching and joining."""

from __future__ import annotations

import asyncio

from podium import receive, workflow
from tests.patterns.conftest import Play
from tests.patterns.steps import after, branch, done, tell, work


@workflow
async def multi_choice(colour: bool, large: bool) -> list[str]:
    chosen = [name for name, wanted in (("colour", colour), ("large", large)) if wanted]
    await tell.map(chosen)
    return chosen


def test_multi_choice(play: Play) -> None:
    """6 Multi-choice. Each branch is taken whose condition holds."""
    assert play(multi_choice, True, False) == ["colour"]
    assert play(multi_choice, True, True) == ["colour", "large"]
    assert sorted(done) == ["colour", "large"]


@workflow
async def synchronizing_merge(names: list[str]) -> str:
    taken = [work.start(name) for name in names]
    return await work("+".join([await branch for branch in taken]))


def test_synchronizing_merge(play: Play) -> None:
    """7 Structured synchronizing merge. The join waits for as many branches as were taken."""
    assert play(synchronizing_merge, ["a", "b"]) == "A+B"
    assert play(synchronizing_merge, ["b"]) == "B"


@workflow
async def multi_merge() -> list[str]:
    async def branch(name: str) -> str:
        return await work(f"check {await work(name)}")  # for each branch anew

    return list(await asyncio.gather(branch("left"), branch("right")))


def test_multi_merge(play: Play) -> None:
    """8 Multi-merge. What follows runs once for each branch that arrives, without waiting for others."""
    assert play(multi_merge) == ["CHECK LEFT", "CHECK RIGHT"]


@workflow
async def discriminator() -> list[str]:
    runs = after.map([1, 3])
    arrived = aiter(runs.as_completed())
    first = await anext(arrived)
    await tell(f"go on with {first}")
    return [first, *[late async for late in arrived]]


def test_discriminator(play: Play) -> None:
    """9 Structured discriminator. The first branch to arrive lets it go on; the others end in peace."""
    assert play(discriminator) == ["hour 1", "hour 3"]
    assert done == ["hour 1", "go on with hour 1", "hour 3"]


@workflow
async def blocking_discriminator(rounds: int) -> list[str]:
    firsts: list[str] = []
    for _ in range(rounds):
        arrived = iter(asyncio.as_completed([branch(1), branch(3)]))
        firsts.append(await next(arrived))
        for late in arrived:  # the join is closed until all of this round are in
            await late
    return firsts


def test_blocking_discriminator(play: Play) -> None:
    """28 Blocking discriminator. It opens for the first branch, and again when all of a round are in."""
    assert play(blocking_discriminator, 2) == ["hour 1", "hour 1"]


@workflow
async def cancelling_discriminator() -> str:
    runs = after.map([1, 20])
    first = await anext(aiter(runs.as_completed()))
    runs.cancel()
    return first


def test_cancelling_discriminator(play: Play) -> None:
    """29 Cancelling discriminator. The first branch to arrive lets it go on; the others are cancelled."""
    assert play(cancelling_discriminator) == "hour 1"
    assert done == ["hour 1"]


@workflow
async def partial_join() -> list[str]:
    arrived = aiter(after.map([1, 2, 3]).as_completed())
    two = [await anext(arrived), await anext(arrived)]
    await tell(f"go on with {two}")
    return [*two, *[late async for late in arrived]]


def test_partial_join(play: Play) -> None:
    """30 Structured partial join. The first two of three let it go on; the others end in peace."""
    assert play(partial_join) == ["hour 1", "hour 2", "hour 3"]
    assert done[2:] == ["go on with ['hour 1', 'hour 2']", "hour 3"]


@workflow
async def blocking_partial_join(rounds: int) -> list[list[str]]:
    firsts: list[list[str]] = []
    for _ in range(rounds):
        arrived = iter(asyncio.as_completed([branch(1), branch(2), branch(3)]))
        firsts.append([await next(arrived), await next(arrived)])
        for late in arrived:
            await late
    return firsts


def test_blocking_partial_join(play: Play) -> None:
    """31 Blocking partial join. It opens for two of three, and again when all of a round are in."""
    assert play(blocking_partial_join, 2) == [["hour 1", "hour 2"], ["hour 1", "hour 2"]]


@workflow
async def cancelling_partial_join() -> list[str]:
    runs = after.map([1, 2, 20])
    arrived = aiter(runs.as_completed())
    two = [await anext(arrived), await anext(arrived)]
    runs.cancel()
    return two


def test_cancelling_partial_join(play: Play) -> None:
    """32 Cancelling partial join. The first two of three let it go on; the others are cancelled."""
    assert play(cancelling_partial_join) == ["hour 1", "hour 2"]
    assert done == ["hour 1", "hour 2"]


@workflow
async def and_join(pairs: int) -> list[str]:
    joined: list[str] = []
    for _ in range(pairs):  # one of each; what comes early waits for its partner
        order, payment = await asyncio.gather(receive("order", str), receive("payment", str))
        joined.append(await work(f"{order}/{payment}"))
    return joined


def test_and_join(play: Play) -> None:
    """33 Generalised AND-join. One of each branch lets it go on; what comes early is kept."""
    talk = [("order", "a"), ("order", "b"), ("payment", "1"), ("payment", "2")]
    assert play(and_join, 2, talk=talk) == ["A/1", "B/2"]


@workflow
async def local_merge(insured: bool) -> str:
    pack = work.start("pack")
    insure = work.start("insure") if insured else None
    papers = await insure if insure else "no papers"  # known here: nobody else is asked
    return f"{await pack}, {papers}"


def test_local_merge(play: Play) -> None:
    """37 Local synchronizing merge. Whether a branch will still come is known from variables of the body."""
    assert play(local_merge, True) == "PACK, INSURE"
    assert play(local_merge, False) == "PACK, no papers"


@workflow
async def general_merge(tries: int) -> str:
    async def branch(name: str) -> str:
        for n in range(tries):  # it may loop back before it arrives, or never arrive
            await work(f"{name} {n}")
        return name if tries < 3 else ""

    async with asyncio.TaskGroup() as group:
        branches = [group.create_task(branch(name)) for name in ("a", "b")]
    return "+".join(each.result() for each in branches if each.result())


def test_general_merge(play: Play) -> None:
    """38 General synchronizing merge. It waits until nothing more can arrive, loops and dead ends included:
    a branch is a coroutine, and its end says so."""
    assert play(general_merge, 2) == "a+b"
    assert play(general_merge, 3) == ""


@workflow
async def thread_merge(names: list[str]) -> str:
    threads = [work.start(name) for name in names]
    return await work("".join([await thread for thread in threads]))  # so many become one


def test_thread_merge(play: Play) -> None:
    """41 Thread merge. A number of threads of one branch become one."""
    assert play(thread_merge, ["a", "b", "c"]) == "ABC"


@workflow
async def thread_split(count: int) -> list[str]:
    return await work.map([f"thread {n}" for n in range(count)])


def test_thread_split(play: Play) -> None:
    """42 Thread split. One thread becomes a number of threads of the same branch."""
    assert play(thread_split, 3) == ["THREAD 0", "THREAD 1", "THREAD 2"]
