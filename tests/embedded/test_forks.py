"""A fork: a copy that goes its own way from a step on, and has its own ids, chance and keys there."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest

import podium
from podium import App, UsageError, WrongState, task, workflow
from podium.model import COPY_BEGAN, Kind, State
from tests.waiting import until

charged: list[tuple[str, int]] = []  # by idempotency key


@dataclass(frozen=True)
class Receipt:
    order: str
    amount: int


@task
async def quote(order: str) -> int:
    return len(order)


@task
async def charge(order: str, amount: int) -> Receipt:
    charged.append((podium.idempotency_key(), amount))
    return Receipt(order, amount)


@workflow
async def buy(order: str) -> tuple[uuid.UUID, Receipt, uuid.UUID]:
    early = podium.uuid4()
    receipt = await charge(order, await quote(order))
    return early, receipt, podium.uuid4()


@workflow
async def child(n: int) -> str:
    await podium.receive("go")
    return f"child {n} of {podium.uuid4()}"


@workflow
async def parent(outlive: bool) -> str:
    run = child.options(outlive=outlive).start(1)
    price = await quote("abc")
    return f"{price}: {await run}"


@workflow
async def asks() -> str:
    if not await podium.ask("Go on?", bool):
        return "refused"
    await quote("x")
    return "done"


@workflow
async def fails() -> int:
    return await breaks(1) + await quote("abc")


@task(retries=podium.Retry(times=1, wait=0.01))
async def breaks(n: int) -> int:
    raise ValueError("boom")


@workflow
async def patient() -> datetime:
    await quote("x")
    async with asyncio.timeout(0.4):
        await charge("late", 1)
        await asyncio.sleep(0.1)
    return podium.now()


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    yield
    charged.clear()


def test_a_step_is_done_again_under_a_key_of_its_own(app: App) -> None:
    run = buy.start("abc")
    early, receipt, late = run.result()
    fork = run.fork(at="charge")
    forked_early, forked_receipt, forked_late = fork.result()
    assert (forked_early, forked_receipt) == (early, receipt), "what was copied stays what it was"
    assert forked_late != late, "what comes after the cut is its own"
    (one, _), (two, _) = charged
    assert one != two
    assert app.load(fork.id).origin == run.id
    assert [entry.step for entry in fork.history()] == ["/quote", COPY_BEGAN, "/charge"]


def test_another_value_in_place_of_an_outcome(app: App) -> None:
    run = buy.start("abc")
    run.result()
    _, receipt, _ = run.fork(at="quote", value=100).result()
    assert receipt == Receipt("abc", 100)
    _, receipt, late = run.fork(at="charge", value=Receipt("other", 5)).result()
    assert (receipt, len(charged)) == (Receipt("other", 5), 2)
    assert late != run.result()[2]


def test_a_value_must_fit_what_the_step_returns(app: App) -> None:
    run = buy.start("abc")
    run.result()
    for wrong in ("much", True, 1.5):
        with pytest.raises(UsageError, match=rf"the value for /quote: {wrong!r} is no integer"):
            run.fork(at="quote", value=wrong)
    with pytest.raises(UsageError, match="the value for /charge: 3 is no string at order"):
        run.fork(at="charge", value={"order": 3, "amount": 1})
    assert podium.runs("workflow:buy").count().result() == 1


@task
async def numbers() -> list[int]:
    return [1, 2]


@workflow
async def adds() -> int:
    return sum(await numbers())


@pytest.mark.parametrize("wrong", [[1, "a"], [1, True], ["a"], {"a": 1}])
def test_every_item_of_a_value_must_fit(app: App, wrong: Any) -> None:
    run = adds.start()
    run.result()
    with pytest.raises(UsageError, match="the value for /numbers"):
        run.fork(at="numbers", value=wrong)
    assert run.fork(at="numbers", value=[3, 4]).result() == 7


@pytest.mark.parametrize("at", ["quote", "/quote", 1, f"{__name__}:quote"])
def test_a_step_is_named_as_people_do(app: App, at: str | int) -> None:
    run = buy.start("abc")
    run.result()
    assert run.fork(at=at, value=7).result()[1].amount == 7


def test_what_is_no_step_is_refused_with_those_there_are(app: App) -> None:
    run = fails.start()
    with pytest.raises(ValueError, match="boom"):
        run.result()
    with pytest.raises(UsageError, match=r"has no step 'quote'") as unknown:
        run.fork(at="quote")
    assert "these can be named: " in unknown.value.fix
    assert "; what else came, a signal say, by the number of its entry: " in unknown.value.fix
    with pytest.raises(UsageError, match="has no step 99"):
        run.fork(at=99)


def test_a_failed_step_gets_a_value_and_its_failed_attempts_are_no_past(app: App) -> None:
    run = fails.start()
    with pytest.raises(ValueError, match="boom"):
        run.result()
    fork = run.fork(at="breaks", value=10)
    assert fork.result() == 13
    again = run.fork(at="breaks")
    with pytest.raises(ValueError, match="boom"):
        again.result()
    kinds = [entry.kind for entry in again.history()]
    assert kinds == [Kind.RETRY, Kind.ERROR], "with retries of its own"
    with pytest.raises(ValueError, match="boom"):
        run.retry().result()
    assert podium.runs("workflow:fails origin:" + run.id).count().result() == 3


def test_forks_of_forks_and_their_retries_keep_what_they_have_copied(app: App) -> None:
    run = buy.start("abc")
    run.result()
    first = run.fork(at="charge")
    early, _, late = first.result()
    second = first.fork(at="charge")
    assert second.result()[0] == early
    assert second.result()[2] != late
    assert len({key for key, _ in charged}) == 3
    whole = second.fork(at=len(second.history()), value=Receipt("x", 1))
    assert whole.result()[0] == early
    for each in podium.check("workflow:buy", last=9):
        assert each.outcome == "as recorded", each


def test_a_fork_is_refused_while_a_child_that_goes_with_its_origin_runs(app: App) -> None:
    run = parent.start(False)
    until(lambda: len(run.history()) >= 2)
    with pytest.raises(WrongState, match="a child of run"):
        run.fork(at="quote")
    podium.runs("workflow:child").cancel().result()
    with pytest.raises(podium.RunCancelled):
        run.result()
    run.fork(at="quote", value=1)


def test_a_copied_start_is_awaited_again(app: App) -> None:
    run = parent.start(True)
    until(lambda: len(run.history()) >= 2)
    fork = run.fork(at="quote", value=99)
    (begun,) = podium.runs("workflow:child")
    begun.send("go")
    price, _, rest = run.result().partition(": ")
    assert fork.result() == f"99: {rest}", price
    assert podium.runs("workflow:child").count().result() == 1


@workflow
async def asks_in_vain(how: str) -> list[str]:
    said: list[str] = []
    try:
        if how == "own":
            said.append(await podium.ask("Well?", str, timeout=0.05))
        else:
            async with asyncio.timeout(0.05):
                said.append(await podium.ask("Well?", str))
    except TimeoutError:
        said.append("late")
    return said


@pytest.mark.parametrize("how", ["own", "around"])
def test_a_question_that_timed_out_is_given_an_answer_or_asked_again(app: App, how: str) -> None:
    run = asks_in_vain.start(how)
    assert run.result(20) == ["late"]
    assert run.fork(at="ask", value="yes").result(20) == ["yes"]
    with pytest.raises(UsageError, match="value"):
        run.fork(at="ask", value=12)
    assert run.fork(at="ask").result(20) == ["late"], "asked again, and again in vain"


def test_a_question_that_was_answered_is_asked_again_or_given(app: App) -> None:
    run = asks.start()
    until(lambda: _answered(run))
    assert run.result() == "done"
    assert run.fork(at="ask", value=False).result() == "refused"
    with pytest.raises(UsageError, match="the value for /ask: 'perhaps' is no boolean"):
        run.fork(at="ask", value="perhaps")


def _answered(run: Any) -> bool:
    try:
        run.answer(True)
    except WrongState:
        return False
    return True


@workflow
async def decides(kind: str) -> int:
    asked = podium.ask("How many?", int) if kind == "ask" else podium.callback(int)
    await quote("abc")
    return await asked


def _asked(app: App, run: Any) -> str:
    (row,) = until(lambda: app.store.waits(run.id))
    return row.target


@pytest.mark.parametrize("kind", ["ask", "callback"])
@pytest.mark.parametrize("is_before", [True, False], ids=["before", "after"])
def test_an_answer_that_came_before_the_fork_was_driven_is_its_answer_too(
    app: App, kind: str, is_before: bool
) -> None:
    run = decides.start(kind)
    target = _asked(app, run)
    until(lambda: run.state is State.WAITING)
    if is_before:
        podium.complete(target, 5).result()
        assert run.result() == 5
    forks = [run.fork(at="quote") for _ in range(3)]
    if not is_before:
        podium.complete(target, 5).result()
    assert [each.result(20) for each in (run, *forks)] == [5] * 4
    assert [each.fork(at="quote").result(20) for each in forks] == [5] * 3, "and so on"


def test_a_callback_has_one_outcome_whoever_waits_for_it(app: App) -> None:
    run = decides.start("callback")
    target = _asked(app, run)
    podium.complete(target, 5).result()
    assert run.result() == 5
    fork = run.fork(at="quote")
    for _ in range(2):
        with pytest.raises(WrongState, match="was answered already, otherwise"):
            podium.complete(target, 6).result()
        podium.complete(target, 5).result()
        assert fork.result(20) == 5
    assert run.fork(at="callback").result(20) == 5, "nor is it asked again"
    assert run.fork(at="callback", value=6).result(20) == 6


def test_the_clock_of_a_fork_goes_on_at_its_own_time(app: App) -> None:
    run = patient.start()
    ended = run.result()
    fork = run.fork(at="charge")
    assert fork.result() > ended
    given = run.fork(at="charge", value=Receipt("x", 1))
    assert given.result() > ended


def refund(receipt: str, order: str) -> None:
    charged.append((f"refund {receipt}", 0))


@task(undo=refund)
async def pay(order: str) -> str:
    return f"{order} paid"


@workflow
async def buys_and_fails(order: str) -> str:
    price = await quote(order)
    await pay(order)
    price += await quote("ab")
    if price > 3:
        raise ValueError(f"{price} is too much")
    return "bought"


def test_a_fork_never_undoes_what_it_has_copied_and_never_rests_on_what_was_undone(app: App) -> None:
    run = buys_and_fails.start("x")
    assert run.result() == "bought"
    fork = run.fork(at="quote#1", value=9)
    with pytest.raises(ValueError, match="10 is too much"):
        fork.result()
    assert charged == [], "what was paid is its origin's"
    undone = buys_and_fails.start("abc")
    with pytest.raises(ValueError, match="5 is too much"):
        undone.result()
    assert charged == [("refund abc paid", 0)]
    with pytest.raises(UsageError, match=r"has undone what it did before /quote#1") as caught:
        undone.fork(at="quote#1", value=0)
    assert caught.value.fix == "fork at /pay, or before it"
    again = undone.fork(at="pay")
    with pytest.raises(ValueError, match="5 is too much"):
        again.result()
    assert charged == [("refund abc paid", 0)] * 2, "it has paid again, so that is undone"
    assert undone.fork(at="/quote", value=1).result() == "bought"


def test_async_code_awaits_a_fork(app: App) -> None:
    async def main() -> int:
        run = buy.start("abc")
        await run
        fork = run.fork(at="quote", value=4)
        await fork.started()
        return (await fork)[1].amount

    assert asyncio.run(main()) == 4
