"""Retries of runs that have started others: these are retried in them, from their records, by their keys."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections import Counter
from concurrent.futures import Future
from typing import Any

import pytest

import podium
from podium import App, Run, WrongState, task, workflow
from podium.client import forget
from podium.client.families import StopWait
from podium.model import Kind, Query, RunRow, State

charged: list[tuple[Any, str]] = []
refunded: list[tuple[Any, str]] = []
broken: set[int] = set()
has_charged, is_cleaning_up = threading.Event(), threading.Event()


@pytest.fixture(autouse=True)
def _afresh() -> None:
    for each in (charged, refunded, broken):
        each.clear()
    may_stop.clear()
    has_charged.clear()
    is_cleaning_up.clear()


@task
def charge(n: int) -> str:
    charged.append((n, podium.idempotency_key()))
    has_charged.set()
    return podium.idempotency_key()


@task
def ship(n: int) -> int:
    if n in broken:
        raise ValueError(f"no such address: {n}")
    return n


@workflow
def order(n: int) -> int:
    charge(n)
    return ship(n)


@workflow
async def two_orders() -> list[int]:
    first = await order.options(id="first").start(1)
    return [first, order(2)]


@workflow
def branch(n: int) -> int:
    return order(n) * 10


@workflow
def tree(n: int) -> int:
    charge(0)
    return branch(n) + 1


@workflow
async def at_once(ns: list[int]) -> list[int]:
    return await asyncio.gather(*(order.start(n) for n in ns))


@workflow
async def tolerant(ns: list[int]) -> list[Any]:
    return await order.map(ns, tolerate=1)


def failed(run: Run[Any]) -> Run[Any]:
    with pytest.raises(ValueError, match="no such address"):
        run.result(20)
    return run


def ids_of(run: Run[Any]) -> dict[str, str]:
    return {entry.step: entry.name for entry in run.history() if entry.kind in (Kind.SENT, Kind.CHILD)}


def test_children_that_failed_go_on_where_they_failed(app: App) -> None:
    broken.add(2)
    run = failed(two_orders.start())
    broken.clear()
    again = run.retry()
    assert again.result(20) == [1, 2]
    assert [n for n, _ in charged] == [1, 2], "what has succeeded in a child that failed is not done again"
    child = podium.get(ids_of(again)["/order#1"])
    origin = ids_of(run)["/order#1"]
    assert (child.id, app.load(child.id).origin) == (f"{origin}~2", origin)
    assert app.load(child.id).parent == again.id


def test_so_do_their_own_children(app: App) -> None:
    broken.add(4)
    run = failed(tree.start(4))
    broken.clear()
    assert run.retry().result(20) == 41
    assert [n for n, _ in charged] == [0, 4]


def test_a_retry_of_a_retry_goes_on_from_the_last_of_each(app: App) -> None:
    broken.add(4)
    run = tree.start(4)
    for _ in range(3):
        run = failed(run).retry()
    failed(run)
    broken.clear()
    again = run.retry()
    assert again.result(20) == 41
    assert again.id.endswith("~5")
    family = [row for row in app.find(Query(limit=99)) if row.root == again.id]
    assert [row.id[-2:] for row in family] == ["~5"] * 3
    assert [n for n, _ in charged] == [0, 4]


def test_a_map_that_tolerates_failures_starts_the_failed_ones_as_runs(app: App) -> None:
    broken.update((2, 3))
    run = failed(tolerant.start([1, 2, 3, 4]))
    broken.clear()
    assert run.retry().result(20) == [1, 2, 3, 4]
    assert Counter(n for n, _ in charged) == {1: 1, 2: 1, 3: 1, 4: 1}


@workflow
async def one_by_one(ns: list[int]) -> list[Any]:
    return await order.map(ns, tolerate=1, limit=1)


def test_an_outcome_is_heard_though_the_copied_past_has_a_message_of_its_number(app: App) -> None:
    broken.update((1, 3))
    run = failed(one_by_one.start([1, 2, 3]))
    broken.clear()
    assert run.retry().result(20) == [1, 2, 3]
    assert [n for n, _ in charged] == [1, 2, 3]


def test_a_child_that_ended_well_after_its_parent_is_not_begun_anew(app: App) -> None:
    """Nothing of the parent's record is copied, so its clock is another one, and what derives from that."""
    broken.add(1)
    run = failed(at_once.start([1, 2, 3]))
    for child in ids_of(run).values():
        app.wait(child).result(20)
    broken.clear()
    again = run.retry()
    assert again.result(20) == [1, 2, 3]
    assert all(count == 1 for count in Counter(key for _, key in charged).values()), "one key for one charge"
    assert len({key for _, key in charged}) == 3


def test_a_failed_child_of_a_failed_run_is_retried_with_it(app: App) -> None:
    broken.add(2)
    run = failed(two_orders.start())
    child = podium.get(ids_of(run)["/order#1"])
    with pytest.raises(WrongState, match=f"is retried with run {run.id}"):
        child.retry()
    broken.clear()
    assert podium.runs("status:failed").retry().result() == 1
    assert podium.get(f"{run.id}~2").result(20) == [1, 2]
    assert podium.runs("status:failed").retry().result() == 0
    with pytest.raises(WrongState, match="was retried before"):
        child.retry()


@workflow
async def survives(n: int) -> str:
    try:
        await order.start(n)
    except ValueError:
        return "without"
    return "with"


def test_a_failed_child_of_a_run_that_went_on_without_it_is_retried_alone(app: App) -> None:
    broken.add(2)
    run = survives.start(2)
    assert run.result(20) == "without"
    child = podium.get(ids_of(run)["/order"])
    broken.clear()
    assert child.retry().result(20) == 2
    assert [n for n, _ in charged] == [2]


def test_a_run_has_one_retry(app: App) -> None:
    broken.add(5)
    run = failed(order.start(5))
    again = failed(run.retry())
    with pytest.raises(WrongState, match=f"was retried before, as {again.id}, which is failed"):
        run.retry()
    broken.clear()
    assert again.retry().result(20) == 5


@workflow
async def meets(id: str) -> str:
    await podium.receive("go", int)
    return id


def test_a_retry_that_has_not_ended_is_given_again(app: App) -> None:
    run = meets.start("m")
    run.cancel()
    with pytest.raises(podium.RunCancelled):
        run.result(20)
    again = run.retry()
    assert run.retry().id == again.id
    again.send("go", 1)
    assert again.result(20) == "m"


# -- a failure that is not the last thing on record ---------------------------------------------------------


@task
async def late(n: int) -> str:
    await asyncio.sleep(0.2)
    charged.append((n, podium.idempotency_key()))
    return f"late {n}"


@task
async def fails(n: int) -> int:
    if n in broken:
        raise ValueError(f"no such address: {n}")
    return n


@workflow
async def looks_later(n: int) -> tuple[int, str]:
    early = asyncio.create_task(fails(n))
    done = await late(n)
    return await early, done


@workflow
async def hears_later(n: int) -> tuple[int, str, int]:
    early = order.start(n)
    done = await late(n)
    return await early, done, await order.start(n + 1)


@workflow
async def told_later(n: int) -> tuple[int, str]:
    early = asyncio.create_task(fails(n))
    word = await podium.receive("word", str)
    return await early, word


def test_a_retry_is_not_bound_to_the_failure_that_other_steps_outlasted(app: App) -> None:
    broken.add(3)
    run = failed(looks_later.start(3))
    broken.clear()
    assert run.retry().result(20) == (3, "late 3")
    assert len(charged) == 1, "what went well after the failure is not done again"


def test_nor_to_that_of_a_child(app: App) -> None:
    broken.add(3)
    run = failed(hears_later.start(3))
    again = failed(run.retry())
    broken.clear()
    assert again.retry().result(20) == (3, "late 3", 4)
    assert sorted(n for n, _ in charged) == [3, 3, 4], "each of them once: the order, what was late, the next"


def test_what_people_have_sent_since_is_not_lost_for_it(app: App) -> None:
    broken.add(3)
    run = told_later.start(3)
    run.send("word", "hello")
    again = failed(run).retry()
    broken.clear()
    with pytest.raises(ValueError, match="no such address"):
        again.result(20)


# -- a body that was mended to ask for something else -------------------------------------------------------

is_mended = False


@workflow
async def corrects(given: str, outlive: bool) -> int:
    await late(0)
    id = {"derived": None, "chosen": "chosen", "chosen anew": "anew" if is_mended else "chosen"}[given]
    child = order.options(id=id, outlive=outlive).start(3 if is_mended else 2)
    if outlive and not is_mended:
        await fails(0)
    return await child


@pytest.mark.parametrize(
    ("given", "id"), [("derived", "{}~2"), ("chosen", "chosen~2"), ("chosen anew", "anew")]
)
@pytest.mark.parametrize("outlive", [False, True], ids=["failed", "went on"])
def test_a_mended_body_calls_its_child_with_other_arguments(
    app: App, monkeypatch: pytest.MonkeyPatch, given: str, id: str, outlive: bool
) -> None:
    broken.update((0, 3) if outlive else (2, 3))
    run = failed(corrects.start(given, outlive))
    first = ids_of(run)["/order"]
    if outlive:
        app.wait(first).result(20)
    monkeypatch.setattr(f"{__name__}.is_mended", True)
    again = failed(run.retry())
    child = app.load(ids_of(again)["/order"])
    assert child.id == id.format(first)
    assert (child.origin, child.parent) == ("", again.id), "another call, which begins from nothing"
    broken.clear()
    last = again.retry()
    assert last.result(20) == 3
    assert app.load(ids_of(last)["/order"]).origin == child.id, "the same call, which goes on"
    assert sorted(n for n, _ in charged) == [0, 2, 3]


@workflow
async def stops_before(n: int) -> int:
    await late(0)
    if not is_mended:
        raise ValueError("no such address: none")
    return await branch.start(n)


@pytest.mark.parametrize("pruned", ["branch", "order"])
def test_a_planned_retry_whose_origin_was_pruned_begins_from_nothing(
    app: App, monkeypatch: pytest.MonkeyPatch, pruned: str
) -> None:
    broken.add(4)
    monkeypatch.setattr(f"{__name__}.is_mended", True)
    run = failed(stops_before.start(4))
    monkeypatch.setattr(f"{__name__}.is_mended", False)
    again = failed(run.retry())  # before it asks for the child whose retry is planned
    (gone,) = (row for row in app.find(Query(limit=9)) if row.function.endswith(f":{pruned}"))
    assert [why for _, why in forget(app, [gone])] == [""]
    broken.clear()
    monkeypatch.setattr(f"{__name__}.is_mended", True)
    assert again.retry().result(20) == 40
    assert [n for n, _ in charged] == [0, 4, 4]


# -- a failure that the body has handled ---------------------------------------------------------------------


@task
async def fetch(what: str) -> str:
    charged.append((what, podium.idempotency_key()))
    if len(charged) in broken:
        raise KeyError("id")
    return what


@workflow
async def pays_either_way() -> str:
    try:
        paid = await fetch("card")
    except KeyError:
        paid = await fetch("paypal")
        await fetch("label")
    return paid


@workflow
async def pays_and_finds_the_same_error() -> str:
    try:
        paid = await fetch("card")
    except KeyError:
        paid = await fetch("paypal")
    await fetch("label")
    return paid


@workflow
async def says_so_otherwise() -> str:
    try:
        paid = await fetch("card")
    except KeyError:
        paid = await fetch("paypal")
        try:
            await fetch("label")
        except KeyError as error:
            raise ValueError("no label") from error
    return paid


@workflow
async def makes_up_for_it_and_raises() -> str:
    try:
        paid = await fetch("card")
    except KeyError:
        await fetch("paypal")
        raise ValueError("too late")  # noqa: B904  # its context is what is tested
    return paid


def test_what_made_up_for_a_failure_is_not_done_again_though_the_body_raised_then(app: App) -> None:
    broken.add(1)
    run = makes_up_for_it_and_raises.start()
    for _ in range(2):
        with pytest.raises(ValueError, match="too late"):
            run.result(20)
        run = run.retry()
    assert [what for what, _ in charged] == ["card", "paypal"]


@workflow
async def polls() -> str:
    for _ in range(3):
        try:
            return await fetch("page")
        except KeyError:
            await asyncio.sleep(0.01)
    return await fetch("page")


@pytest.mark.parametrize("flow", [pays_either_way, pays_and_finds_the_same_error, says_so_otherwise])
def test_a_failure_that_was_handled_stays_as_it_was(app: App, flow: Any) -> None:
    broken.update((1, 3))
    run = flow.start()
    with pytest.raises((KeyError, ValueError)):
        run.result(20)
    assert run.retry().result(20) == "paypal"
    assert [what for what, _ in charged] == ["card", "paypal", "label", "label"]


def test_so_do_the_rounds_before_the_one_that_failed_for_good(app: App) -> None:
    broken.update((1, 2, 3, 4))
    run = polls.start()
    with pytest.raises(KeyError):
        run.result(20)
    assert run.retry().result(20) == "page"
    keys = [key for _, key in charged]
    assert len(set(keys)) == 4
    assert keys[4:] == keys[3:4], "what came after the last round again, and no round before"


# -- the retry of a fork ------------------------------------------------------------------------------------


@task(once=True)
async def only_once(n: int) -> int:
    await asyncio.sleep(0.05)
    charged.append((n, podium.idempotency_key()))
    return n


@workflow
async def forked_beside(n: int) -> tuple[str, int, int]:
    word = await fetch("word")
    early = asyncio.create_task(fails(n))
    return word, await only_once(n), await early


@workflow
async def forked_with_child(n: int) -> tuple[str, int]:
    word = await fetch("word")
    with contextlib.suppress(ValueError):
        await fails(9)
    return word, await order.start(n)


def test_what_a_fork_has_done_stands_in_its_retry(app: App) -> None:
    run = forked_beside.start(1)
    assert run.result(20) == ("word", 1, 1)
    broken.add(1)
    fork = failed(run.fork(at="fails"))
    again = failed(fork.retry())
    broken.clear()
    assert again.retry().result(20) == ("word", 1, 1)
    assert [n for n, _ in charged] == ["word", 1, 1], "once by the run, once by its fork"


def test_the_failed_child_of_a_fork_is_retried_with_it(app: App) -> None:
    broken.add(9)
    run = forked_with_child.start(2)
    assert run.result(20) == ("word", 2)
    broken.add(2)
    (child,) = ids_of(run)
    fork = failed(run.fork(at="fails"))
    again = failed(fork.retry())
    broken.clear()
    last = again.retry()
    assert last.result(20) == ("word", 2)
    assert ids_of(last)[child] == f"{ids_of(fork)[child]}~3"
    assert [n for n, _ in charged] == ["word", 2, 2]


# -- what was undone ----------------------------------------------------------------------------------------


@task
def refund(n: int) -> None:
    refunded.append((n, podium.idempotency_key()))


@task
def gives_back(done: int, n: int) -> None:
    refunded.append((n, podium.idempotency_key()))


@task(undo=gives_back)
def pays(n: int) -> int:
    charged.append((n, podium.idempotency_key()))
    return n


@workflow
def saga(n: int) -> int:
    pays(n)
    return ship(n)


@workflow
def of_saga(n: int) -> int:
    return saga(n)


@workflow
def undoes_its_child(n: int) -> int:
    done = order(n)
    podium.on_failure(refund, n)
    return ship(n + 1) + done


def test_what_a_child_has_undone_it_does_again_with_another_key(app: App) -> None:
    broken.add(6)
    run = failed(of_saga.start(6))
    broken.clear()
    assert run.retry().result(20) == 6
    (_, first), (_, second) = charged
    assert second == f"{first}~1"
    assert [n for n, _ in refunded] == [6]


def test_a_child_that_was_undone_by_its_parent_begins_from_nothing(app: App) -> None:
    broken.add(8)
    run = failed(undoes_its_child.start(7))
    broken.clear()
    assert run.retry().result(20) == 15
    assert [n for n, _ in charged] == [7, 7]
    assert len({key for _, key in charged}) == 2


# -- what goes on -------------------------------------------------------------------------------------------

may_stop = threading.Event()


@task
def cleans_up() -> None:
    is_cleaning_up.set()
    assert may_stop.wait(20)


@task
def after_a_charge() -> None:
    assert has_charged.wait(20)


@workflow
async def stops_slowly(n: int) -> int:
    try:
        charge(n)
        await podium.receive("never", int)
    finally:
        cleans_up()
    return n


@workflow
async def beside(n: int) -> int:
    stops_slowly.start(n)
    after_a_charge()  # one that has not begun stops at once
    return await order.start(n)


def test_a_retry_waits_for_what_was_asked_to_stop(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    broken.add(9)
    run = failed(beside.start(9))
    broken.clear()
    assert is_cleaning_up.wait(20)  # it has taken the request by now, so it lies in its inbox no more

    waits = StopWait.stopped

    def stopped(waiting: StopWait, child: RunRow) -> RunRow:
        may_stop.set()
        return waits(waiting, child)

    monkeypatch.setattr(StopWait, "stopped", stopped)
    again = run.retry()
    assert may_stop.is_set()
    assert again.result(20) == 9
    assert [n for n, _ in charged] == [9, 9], "one by each child"


def test_a_child_that_does_not_end_is_named(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("podium.client.families.SETTLE_SECONDS", 0.05)
    broken.add(9)
    run = failed(beside.start(9))
    slow = ids_of(run)["/stops_slowly"]
    with pytest.raises(WrongState, match=f"run {slow}, a child of run {run.id}, was asked to stop"):
        run.retry()
    may_stop.set()
    assert app.wait(slow).result(20).state is State.CANCELLED


def cleaning_up() -> Run[Any]:
    """A failed run, with a child that goes on cleaning up until `may_stop`."""
    has_charged.clear()
    is_cleaning_up.clear()
    run = failed(beside.start(9))
    assert is_cleaning_up.wait(20)
    return run


def refused_within(run: Run[Any]) -> float:
    """How long it took to say that a child goes on."""
    begun = time.monotonic()
    with pytest.raises(WrongState, match="was asked to stop and is still"):
        run.retry()
    return time.monotonic() - begun


@task
async def retries_in_a_task(id: str) -> float:
    return refused_within(podium.get(id))


def test_an_event_loop_is_not_held_up_by_a_child_that_goes_on(app: App) -> None:
    broken.add(9)
    run = cleaning_up()
    broken.clear()

    async def retried_once_it_has_ended() -> int:
        assert refused_within(run) < 2
        may_stop.set()
        await asyncio.wrap_future(app.wait(ids_of(run)["/stops_slowly"]))
        return await run.retry()

    assert retries_in_a_task.start(run.id).result(20) < 2, "the loop of the engine, which is to end the child"
    assert asyncio.run(retried_once_it_has_ended()) == 9


def test_many_retries_wait_no_longer_than_one(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("podium.client.families.SETTLE_SECONDS", 0.5)
    broken.add(9)
    for _ in range(4):
        cleaning_up()
    begun = time.monotonic()
    assert podium.runs("workflow:beside").retry().result() == 0
    assert time.monotonic() - begun < 1.5
    host, watched = app.session.host, Future[list[str]]()
    host.call(lambda: watched.set_result(host.engine.watchers.watched))
    assert watched.result(5) == [], "who does not wait any more is not told"
    may_stop.set()
