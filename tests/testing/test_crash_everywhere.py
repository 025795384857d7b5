"""`crash_everywhere`: what a crash at each commit changes of a workflow, and which step is to blame."""

from __future__ import annotations

import asyncio

import pytest

import podium
from podium import UsageError, task, workflow
from podium.testing import crash_everywhere, stubbed

done: list[str] = []
seen: set[str] = set()


@task
async def quote(order: str) -> int:
    await asyncio.sleep(5)
    return len(order)


@task
async def charge(order: str, amount: int) -> str:
    done.append(f"charge {order}")
    return f"{order}: {amount}"


@task
def charge_once(order: str, amount: int) -> str:
    key = podium.idempotency_key()
    if key not in seen:
        seen.add(key)
        done.append(f"charge {order}")
    return f"{order}: {amount}"


@workflow
async def careless(order: str) -> str:
    amount = await quote(order)
    await asyncio.sleep(14 * 86_400)
    return await charge(order, amount)


@workflow
def careful(order: str) -> str:
    amount = quote.run(order)
    podium.sleep("14d")
    return charge_once(order, amount)


@workflow
async def family(n: int) -> list[str]:
    return await careless.map([f"order-{n}" for n in range(n)])


@workflow
async def asks() -> str:
    name = await podium.receive("name", str)
    async with asyncio.timeout(60):
        await quote(name)
    return f"hello {name}"


@task(once=True)
async def fires(order: str) -> None:
    done.append("fired")


@workflow
async def risky(order: str) -> None:
    await fires(order)


def test_what_is_not_idempotent_is_named_with_how_often_it_came() -> None:
    report = crash_everywhere(careless, "abc", effects=done)
    assert report.result == "succeeded: 'abc: 3'"
    assert report.effects == {"charge abc": 1}
    assert report.not_idempotent == {"/charge": 2}
    assert all(crash.effects == {"charge abc": 1} for crash in report.differing)
    assert report.crashes >= 6
    assert "'charge abc' +1 times, /charge ran 2 times" in str(report)
    assert not report.is_safe


def test_a_step_that_knows_its_key_is_safe() -> None:
    report = crash_everywhere(careful, "abc", effects=done, begin=seen.clear)
    assert report.is_safe, report
    assert str(report) == f"succeeded: 'abc: 3', whatever the {report.crashes} crashes"


def test_children_and_signals_are_driven_too() -> None:
    report = crash_everywhere(family, 2, effects=done)
    assert report.effects == {"charge order-0": 1, "charge order-1": 1}
    assert report.not_idempotent == {"/charge": 2}
    talked = crash_everywhere(asks, talk=[("name", "Ada")])
    assert (talked.result, talked.is_safe) == ("succeeded: 'hello Ada'", True), talked


def test_what_is_never_begun_twice_parks_and_is_told() -> None:
    report = crash_everywhere(risky, "abc", effects=done)
    assert {crash.result.partition(":")[0] for crash in report.differing} == {"parked"}
    assert report.not_idempotent == {}


def test_stubs_stand_in_for_tasks() -> None:
    with stubbed(charge, lambda order, amount: done.append("stub") or "paid") as stub:
        report = crash_everywhere(careless, "abc", effects=done)
    assert report.result == "succeeded: 'paid'"
    assert len(stub.calls) > report.crashes


def test_what_never_ends_is_told_with_the_way_out() -> None:
    with pytest.raises(UsageError, match="asks does not end within 1000 days") as caught:
        crash_everywhere(asks)
    assert caught.value.fix == 'send it what it waits for: talk=[("name", value)]'
