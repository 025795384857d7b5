"""Applications.

Functions, services, messages.
"""

from __future__ import annotations

import asyncio

import pytest

from podium import Blob, Retry, attempt, emit, publish, receive, task, workflow
from tests.patterns.conftest import Play
from tests.patterns.steps import HOUR, after, breaks, done, tell, work


@workflow
async def fan_out(names: list[str]) -> int:
    found = await work.map(names, limit=2, on_error="return")
    return sum(len(each) for each in found if isinstance(each, str))


def test_fan_out(play: Play) -> None:
    """Fan-out and fan-in. A step for each item, two at once; what failed is left out of the sum."""
    assert play(fan_out, ["a", "bb", "ccc"]) == 6


@workflow
async def monitor(goal: int, seen: int = 0, pause: int = 60) -> int:
    if seen >= goal:
        return seen
    await asyncio.sleep(pause)
    seen += len(await work("x"))
    return monitor.again(goal, seen, min(2 * pause, HOUR))  # its history does not grow


def test_monitor(play: Play) -> None:
    """Monitor. It looks again and again, in intervals that change, until a condition holds."""
    assert play(monitor, 3) == 3


@workflow
async def approval(amount: int) -> str:
    try:
        approved = await receive("approved", bool, timeout=72 * HOUR)
    except TimeoutError:
        await tell("the boss")
        approved = await receive("approved", bool, timeout=24 * HOUR)
    return await work("pay" if approved else "refuse")


def test_approval(play: Play) -> None:
    """Human interaction. An answer is waited for, for a time; when that is up, somebody else is told."""
    assert play(approval, 120, talk=[("approved", True)]) == "PAY"
    with pytest.raises(TimeoutError):
        play(approval, 120)
    assert done == ["the boss"]


@workflow
async def account(balance: int = 0) -> int:
    while (amount := await receive("add", int)) != 0:
        balance += amount
        publish("balance", balance)  # anybody reads it: run.value("balance")
    return balance


def test_account(play: Play) -> None:
    """Entity. State by key, one operation at a time: a run whose id is the key (`options(id="ada")`)."""
    assert play(account, talk=[("add", 5), ("add", -2), ("add", 0)]) == 3


async def take_back(receipt: str, what: str) -> None:
    await tell.fn(f"{what} is taken back")


@task(undo=take_back)
async def book(what: str) -> str:
    return f"receipt for {what}"


@workflow
async def trip() -> None:
    await book("flight")
    await book("hotel")
    await breaks("no car")


def test_trip(play: Play) -> None:
    """Saga. What was done is undone, the last first, when a later step fails."""
    with pytest.raises(ValueError, match="no car"):
        play(trip)
    assert done == ["hotel is taken back", "flight is taken back"]


@task(retries=Retry(times=5, wait=60, on=TimeoutError))
async def ship(order: str) -> str:
    if attempt() < 3:
        raise TimeoutError("busy")
    return f"{order} is shipped"


@workflow
async def pivot(order: str) -> str:
    await book(order)  # can be taken back; what comes behind the pivot is retried until it is done
    return await ship(order)


def test_pivot(play: Play) -> None:
    """Saga with a pivot; retry by kind of error. Before it steps are undone, behind it they are retried."""
    assert play(pivot, "milk") == "milk is shipped"
    assert done == []


@workflow
async def process_manager(order: str) -> list[str]:
    log = [await work(order)]
    while (event := await receive("event", str)) != "delivered":
        log.append(await work({"paid": "pack", "packed": "ship"}[event]))
    return log


def test_process_manager(play: Play) -> None:
    """Process manager. A run for each order; replies come to it by its id and choose what is next."""
    talk = [("event", "paid"), ("event", "packed"), ("event", "delivered")]
    assert play(process_manager, "milk", talk=talk) == ["MILK", "PACK", "SHIP"]


@workflow
async def scatter_gather(hours: int) -> list[str]:
    asked, offers = after.map([1, 2, 20]), list[str]()
    try:
        async with asyncio.timeout(hours * HOUR):
            async for offer in asked.as_completed():
                offers += [offer]
    except TimeoutError:
        asked.cancel()  # stragglers
    return offers


def test_scatter_gather(play: Play) -> None:
    """Scatter-gather. All are asked; what has come by then is taken."""
    assert play(scatter_gather, 10) == ["hour 1", "hour 2"]
    assert done == ["hour 1", "hour 2"]


@workflow
async def first_acceptable(wanted: str) -> str | None:
    asked = after.map([1, 2, 20])
    async for offer in asked.as_completed():
        if offer == wanted:
            asked.cancel()
            return offer
    return None


def test_first_acceptable(play: Play) -> None:
    """Aggregator, first acceptable. Answers come in the order of their arrival; one that will do ends it."""
    assert play(first_acceptable, "hour 2") == "hour 2"
    assert done == ["hour 1", "hour 2"]


@workflow
async def aggregator(size: int) -> list[str]:
    batch: list[str] = []
    try:
        async with asyncio.timeout(HOUR):
            while len(batch) < size:
                batch.append(await receive("part", str))
    except TimeoutError:
        pass
    return batch


def test_aggregator(play: Play) -> None:
    """Aggregator, N of them or a timeout. Complete by count, else by time."""
    assert play(aggregator, 2, talk=[("part", "a"), ("part", "b"), ("part", "c")]) == ["a", "b"]
    assert play(aggregator, 2, talk=[("part", "a")]) == ["a"]


@workflow
async def splitter(order: str) -> str:
    return ", ".join(await work.map(order.split()))


def test_splitter(play: Play) -> None:
    """Splitter. One message becomes many, and their answers become one."""
    assert play(splitter, "milk bread") == "MILK, BREAD"


STATIONS = {"work": work, "breaks": breaks}


@workflow
async def routing_slip(plan: list[str], text: str) -> str:
    for station in plan:
        text = await STATIONS[station](text)
    return text


def test_routing_slip(play: Play) -> None:
    """Routing slip. The plan is data."""
    assert play(routing_slip, ["work", "work"], "a") == "A"


@workflow
async def recipient_list(text: str) -> list[str]:
    wanted = {"milk": ["dairy", "kitchen"], "bread": ["kitchen"]}
    await tell.map([f"{name}: {text}" for name in wanted[text]])
    return wanted[text]


def test_recipient_list(play: Play) -> None:
    """Recipient list. What the message says chooses who has it."""
    assert play(recipient_list, "milk") == ["dairy", "kitchen"]
    assert sorted(done) == ["dairy: milk", "kitchen: milk"]


@workflow
async def claim_check(size: int) -> int:
    return await weigh(await load(size))  # what goes by the body is the reference


@task
async def load(size: int) -> Blob:
    return Blob(b"x" * size)


@task
async def weigh(blob: Blob) -> int:
    return len(blob.data)


def test_claim_check(play: Play) -> None:
    """Claim check. A large value is put aside, and its reference goes round."""
    assert play(claim_check, 100_000) == 100_000


@workflow
async def dead_letters(names: list[str]) -> list[str]:
    answers = await picky.map(names, tolerate=2)
    dead = [name for name, answer in zip(names, answers, strict=True) if isinstance(answer, ValueError)]
    await tell.map([f"look at {name}" for name in dead])
    return dead


@task
async def picky(name: str) -> str:
    if name.startswith("bad"):
        raise ValueError(name)
    return name


def test_dead_letters(play: Play) -> None:
    """Dead-letter channel; partial failure. So many may fail, and are put where somebody looks."""
    assert play(dead_letters, ["milk", "bad milk"]) == ["bad milk"]
    assert done == ["look at bad milk"]


@workflow
async def idempotent_receiver() -> list[str]:
    taken: dict[str, str] = {}
    while (message := await receive("order", str)) != "end":
        if message not in taken:  # in another process: order.options(id=message).start(message)
            taken[message] = await work(message)
    return list(taken.values())


def test_idempotent_receiver(play: Play) -> None:
    """Idempotent receiver. A message that comes twice is taken once."""
    talk = [("order", "a"), ("order", "a"), ("order", "b"), ("order", "end")]
    assert play(idempotent_receiver, talk=talk) == ["A", "B"]


@workflow
async def wire_tap(names: list[str]) -> list[str]:
    said: list[str] = []
    for name in names:
        emit("seen", name)  # whoever likes reads along: podium stream RUN seen --follow
        said.append(await work(name))
    return said


def test_wire_tap(play: Play) -> None:
    """Wire tap. What goes by is copied for whoever looks, and is no part of the run."""
    assert play(wire_tap, ["a", "b"]) == ["A", "B"]


@workflow
async def resequencer(count: int) -> list[str]:
    early: dict[int, str] = {}
    said: list[str] = []
    while len(said) < count:
        number, text = await receive("part", tuple[int, str])
        early[number] = text
        while (n := len(said)) in early:
            said.append(await work(early.pop(n)))
    return said


def test_resequencer(play: Play) -> None:
    """Resequencer. What comes out of order is kept until its turn."""
    assert play(resequencer, 3, talk=[("part", (n, f"p{n}")) for n in (2, 0, 1)]) == ["P0", "P1", "P2"]
