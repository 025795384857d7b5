"""Multiple instances."""

from __future__ import annotations

import asyncio

from podium import Run, receive, workflow
from tests.patterns.conftest import Play
from tests.patterns.steps import after, done, tell, work


@workflow
async def without_synchronization(names: list[str]) -> int:
    for name in names:
        notice.options(outlive=True).start(name)  # it goes on when this run has ended
    return len(names)


@workflow
async def notice(name: str) -> None:
    await asyncio.sleep(60)
    await tell(name)


def test_without_synchronization(play: Play) -> None:
    """12 Instances without synchronization. Any number are begun, and nobody waits for them."""
    assert play(without_synchronization, ["ada", "ben"]) == 2
    assert sorted(done) == ["ada", "ben"]


@workflow
async def known_when_written() -> list[str]:
    return list(await asyncio.gather(work("eu"), work("us"), work("asia")))


def test_known_when_written(play: Play) -> None:
    """13 Number known when it is written. All are waited for."""
    assert play(known_when_written) == ["EU", "US", "ASIA"]


@workflow
async def known_when_begun(text: str) -> list[str]:
    chapters = (await work(text)).split()
    return await work.map([f"read {chapter}" for chapter in chapters], limit=2)


def test_known_when_begun(play: Play) -> None:
    """14 Number known when they begin. An earlier step says how many; two run at once."""
    assert play(known_when_begun, "one two three") == ["READ ONE", "READ TWO", "READ THREE"]


@workflow
async def known_at_the_end() -> list[str]:
    begun: list[Run[str]] = []
    while (name := await receive("item", str)) != "that is all":
        begun.append(work.start(name))  # while the ones before are under way
    return [await each for each in begun]


def test_known_at_the_end(play: Play) -> None:
    """15 Number known at the end only. More are begun while others run, until a signal says so."""
    talk = [("item", "milk"), ("item", "bread"), ("item", "that is all")]
    assert play(known_at_the_end, talk=talk) == ["MILK", "BREAD"]


@workflow
async def static_partial_join(hours: list[int], needed: int) -> list[str]:
    arrived = aiter(after.map(hours).as_completed())
    first = [await anext(arrived) for _ in range(needed)]
    await tell(f"enough: {', '.join(first)}")
    async for _ in arrived:  # the rest end, and change nothing
        pass
    return first


def test_static_partial_join(play: Play) -> None:
    """34 Static partial join. So many of the instances let it go on; the rest end in peace."""
    assert play(static_partial_join, [3, 1, 2], 2) == ["hour 1", "hour 2"]
    assert done == ["hour 1", "hour 2", "enough: hour 1, hour 2", "hour 3"]


@workflow
async def cancelling_join(hours: list[int], needed: int) -> list[str]:
    runs = after.map(hours)
    arrived = aiter(runs.as_completed())
    first = [await anext(arrived) for _ in range(needed)]
    runs.cancel()
    return first


def test_cancelling_join(play: Play) -> None:
    """35 Cancelling partial join. So many of the instances let it go on; the rest are cancelled."""
    assert play(cancelling_join, [20, 1, 2], 2) == ["hour 1", "hour 2"]
    assert done == ["hour 1", "hour 2"]


@workflow
async def dynamic_partial_join(wanted: int) -> list[str]:
    begun = [after.start(hours) for hours in (1, 2)]
    found: list[str] = []
    while not enough(found, wanted):  # asked anew after each that ends
        found.append(await begun[len(found)])
        if len(begun) == len(found) + 1:
            begun.append(after.start(2 * len(begun)))  # and more may be begun
    for run in begun[len(found) :]:
        run.cancel()
    return found


def enough(found: list[str], wanted: int) -> bool:
    return sum(int(name.split()[1]) for name in found) >= wanted


def test_dynamic_partial_join(play: Play) -> None:
    """36 Dynamic partial join. Instances are added as it goes; a condition on what has come says when it
    is enough."""
    assert play(dynamic_partial_join, 4) == ["hour 1", "hour 2", "hour 4"]
