"""`crash_everywhere`: what a crash at each commit changes of a workflow, and which step is to blame."""

from __future__ import annotations

import asyncio

import pytest

import podium
from podium import ArgumentError, Mismatch, UsageError, task, workflow
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


@task
async def polite(order: str) -> str:
    if order not in seen:
        seen.add(order)
        raise podium.RetryAfter("1m")
    return order


@task(queue=podium.Queue("crash-metered", rate="6/m"))
async def metered(order: str) -> str:
    done.append(f"metered {order}")
    return order


@workflow(queue=podium.Queue("crash-orders", concurrency=1))
async def in_line(order: str) -> list[str]:
    return list(await asyncio.gather(polite(order), metered(order)))


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


def test_what_stands_in_queues_is_driven_too_and_retry_after_is_no_failure() -> None:
    report = crash_everywhere(in_line, "abc", effects=done, begin=seen.clear)
    assert report.result == "succeeded: ['abc', 'abc']"
    assert report.effects == {"metered abc": 1}
    assert report.not_idempotent == {"/metered": 2}


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


@workflow
def approved(order: str) -> str:
    quote.run(order)
    podium.sleep("2d")
    return charge_once(order, 1) if podium.ask("pay it?", bool).result() else "refused"


@workflow
async def approves(order: str) -> list[str]:
    return [await approved.start(order)]


def test_what_is_asked_is_answered_whenever_it_is_asked() -> None:
    report = crash_everywhere(approved, "a", effects=done, begin=seen.clear, answers={"pay it?": True})
    assert (report.result, report.effects) == ("succeeded: 'a: 1'", {"charge a": 1})
    assert report.is_safe, report
    report = crash_everywhere(approves, "a", answers={"pay it?": False})
    assert (report.result, report.is_safe) == ("succeeded: ['refused']", True)


def test_a_question_that_nobody_answers_is_named() -> None:
    with pytest.raises(UsageError, match=r"answers=\{'pay it\?': \.\.\.\}"):
        crash_everywhere(approved, "a")
    with pytest.raises(UsageError, match="the answer to 'pay it\\?': 'yes' is no boolean"):
        crash_everywhere(approved, "a", answers={"pay it?": "yes"})


turns: list[str] = []


@workflow
def uneven() -> str:
    turns.append("one more")
    return charge_once("a", len(turns))


def test_a_body_that_decides_otherwise_when_it_runs_again_is_told_with_its_line() -> None:
    with pytest.raises(Mismatch, match=r"(?s)test_crash_everywhere\.py:\d+: .*move what differs into a task"):
        crash_everywhere(uneven)


def test_arguments_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ArgumentError, match="missing a required argument: 'order'"):
        crash_everywhere(careful)
    with pytest.raises(ArgumentError, match="wants str, got 7"):
        crash_everywhere(careful, 7)


@workflow(alerts=[podium.alert.waiting("http://127.0.0.1:9/boss"), podium.alert.failed("ops")])
async def told_of() -> bool:
    return await podium.ask("ok?", bool)


def test_alerts_are_not_told_and_cost_no_crashes() -> None:
    """Each was a run that had no channel, and tried again for days of the world's time: no end was seen."""
    report = crash_everywhere(told_of, answers={"ok?": True})
    assert report.is_safe, report
    assert report.crashes == crash_everywhere(untold, answers={"ok?": True}).crashes


@workflow
async def untold() -> bool:
    return await podium.ask("ok?", bool)
