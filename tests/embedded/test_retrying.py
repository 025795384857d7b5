"""A retry of a run that a timeout ended: it has its own time, and does not do again what was done."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any

import pytest

import podium
from podium import App, Run, task, workflow
from podium.model import COPY_BEGAN, Kind
from tests.waiting import until

calls: list[str] = []


@pytest.fixture(autouse=True)
def _afresh() -> None:
    calls.clear()


@task
async def before() -> int:
    calls.append("before")
    return 1


@task
async def hangs_once() -> int:
    calls.append("hangs")
    if calls.count("hangs") == 1:
        await asyncio.Event().wait()
    return 2


@task
async def clean_up() -> None:
    calls.append("clean")


@workflow(timeout=0.5)
async def impatient() -> int:
    done = await before()
    await asyncio.sleep(0)
    return done + await hangs_once()


@workflow(timeout=0.5)
async def tidy() -> int:
    done = await before()
    try:
        return done + await hangs_once()
    except asyncio.CancelledError:
        await clean_up()
        raise


@workflow
async def inner() -> int:
    done = await before()
    async with asyncio.timeout(0.2):
        return done + await hangs_once()


@workflow
async def waiting() -> int:
    done = await before()
    return done + await asyncio.wait_for(hangs_once(), 0.2)


@workflow
async def in_a_group() -> int:
    done = await before()
    async with asyncio.timeout(0.2), asyncio.TaskGroup() as group:
        slow = group.create_task(hangs_once())
    return done + slow.result()


@workflow
async def group_of_deadlines() -> int:
    done = await before()
    async with asyncio.TaskGroup() as group:
        slow = group.create_task(asyncio.wait_for(hangs_once(), 0.2))
    return done + slow.result()


@workflow(timeout=60)
async def by_step() -> int:
    await asyncio.sleep(0.01)
    return await before() + await limited()


@task(timeout=0.2)
async def limited() -> int:
    calls.append("hangs")
    if calls.count("hangs") == 1:
        await asyncio.Event().wait()
    return 2


@workflow(timeout=0.2)
async def always() -> None:
    await asyncio.gather(forever(), forever())


@workflow(timeout=0.2)
async def idle() -> None:
    await asyncio.sleep(60)


@task
async def forever() -> None:
    await asyncio.Event().wait()


FLOWS = [impatient, tidy, inner, waiting, in_a_group, group_of_deadlines, by_step]


@pytest.mark.parametrize("flow", FLOWS)
def test_a_retry_after_a_timeout_reuses_what_was_done_and_has_its_own_time(app: App, flow: Any) -> None:
    run: Run[int] = flow.start()
    with pytest.raises((TimeoutError, ExceptionGroup)):
        run.result(30)
    assert run.retry().result(30) == 3
    assert (calls.count("before"), calls.count("hangs")) == (1, 2)


def test_a_workflow_that_overran_says_what_it_was_at(app: App) -> None:
    run = impatient.start()
    said = "impatient took longer than its timeout of 0.5 s, while `hangs_once` was running"
    with pytest.raises(TimeoutError) as caught:
        run.result(30)
    assert str(caught.value) == said
    assert said in run.why()


def test_a_retry_that_overruns_says_so_again(app: App) -> None:
    run = always.start()
    for _ in range(2):
        with pytest.raises(TimeoutError, match=r"timeout of 0\.2 s, while `forever` was running"):
            run.result(30)
        run = run.retry()


def test_a_workflow_that_overran_in_a_sleep_names_no_step(app: App) -> None:
    with pytest.raises(TimeoutError, match=r"^idle took longer than its timeout of 0\.2 s$"):
        idle.run()


@workflow(timeout=0.2)
async def leaves_angrily() -> None:
    try:
        await asyncio.sleep(60)
    finally:
        raise TimeoutError("cleanup: lock server silent")


def test_a_timeout_of_the_body_s_own_keeps_its_words(app: App) -> None:
    with pytest.raises(TimeoutError, match="lock server silent"):
        leaves_angrily.run()


@workflow
async def rests_then_fails() -> int:
    await asyncio.sleep(0.05)
    calls.append("rested")
    if calls.count("rested") == 1:
        raise TimeoutError("a socket's")
    return await before()


def test_a_sleep_before_a_failure_that_only_looks_like_a_timeout_is_not_slept_again(app: App) -> None:
    run = rests_then_fails.start()
    with pytest.raises(TimeoutError, match="socket"):
        run.result(30)
    ticks = [entry for entry in run.history() if entry.kind is Kind.TICK]
    again = run.retry()
    assert again.result(30) == 1
    own = [entry for entry in again.history() if entry.kind is Kind.TICK and entry.step != COPY_BEGAN]
    assert own == ticks


# -- what a body derives from its run ----------------------------------------------------------------------

keys: list[str] = []
marks: list[tuple[str, datetime]] = []


@task
def mark(id: str, at: datetime) -> int:
    marks.append((id, at))
    return len(marks)


@task
def charge(id: str, at: datetime, fails: int) -> str:
    keys.append(podium.idempotency_key())
    if len(keys) <= fails:
        raise ValueError(f"try {len(keys)}")
    return id


@workflow
async def derives(fails: int) -> list[str]:
    async with asyncio.timeout(30):
        mark(str(podium.uuid4()), podium.now())
        await asyncio.sleep(0.01)
        mark(str(podium.random().random()), podium.now())
        return [charge(str(podium.uuid4()), podium.now(), fails), str(podium.uuid4())]


@workflow
def derives_first(fails: int) -> str:
    return charge(str(podium.uuid4()), podium.now(), fails)


@pytest.fixture
def _none_yet() -> None:
    keys.clear()
    marks.clear()
    gates.clear()


@pytest.mark.usefixtures("_none_yet")
@pytest.mark.parametrize(("flow", "marked"), [(derives, 2), (derives_first, 0)], ids=["late", "at once"])
def test_a_retry_of_a_body_that_derives_ids_and_times_goes_on_with_the_same_keys(
    app: App, flow: Any, marked: int
) -> None:
    run = flow.start(3)
    for attempt in (1, 2, 3):
        with pytest.raises(ValueError, match=f"try {attempt}"):
            run.result()
        run = run.retry()
    assert run.result()
    assert len(marks) == marked, "what is on record is not done again"
    assert len(keys) == 4
    assert len(set(keys)) == 1, "one key for one step, in every retry"


@pytest.mark.usefixtures("_none_yet")
def test_a_retry_that_goes_on_and_fails_later_is_retried_too(app: App) -> None:
    run = goes_on.start()
    for _ in range(2):
        with pytest.raises(ValueError, match="not yet"):
            run.result()
        run = run.retry()
    assert run.result() == [1, 2, 3]


gates: list[int] = []


@task
def step(n: int, at: datetime) -> int:
    gates.append(n)
    if n > 1 and gates.count(n) == 1:
        raise ValueError("not yet")
    return n


@workflow
def goes_on() -> list[int]:
    return [step(n, podium.now()) for n in (1, 2, 3)]


# -- what has come to it ------------------------------------------------------------------------------------


is_mended = False


@workflow
async def told_and_fails() -> str:
    word = await podium.receive("word", str)
    if not is_mended:
        raise ValueError("no")
    return word


def test_a_retry_has_the_signals_that_were_received(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    run = told_and_fails.start()
    run.send("word", "hello")
    with pytest.raises(ValueError, match="no"):
        run.result(20)
    monkeypatch.setattr(f"{__name__}.is_mended", True)
    assert run.retry().result(20) == "hello"


# -- a cancel is not in the past of a retry, whatever came after it -----------------------------------------


def bank(key: str) -> object:
    return podium.Done(2) if "paid" in calls else podium.NOT_DONE


@task(verify=bank)
async def pays() -> int:
    """What has begun with an effect is brought to its outcome, which comes after the cancel."""
    calls.append("hangs")
    while "cancelled" not in calls:
        await asyncio.sleep(0.001)
    calls.append("paid")
    return 2


@workflow
async def cleans_up() -> int:
    done = await before()
    try:
        return done + await hangs_once()
    finally:
        await clean_up()


@workflow
async def pays_meanwhile() -> int:
    return await before() + await pays()


@workflow
async def calls_off(pays: bool) -> int:
    run = (pays_meanwhile if pays else cleans_up).start()
    await breaks_once()
    return await run


@task
async def breaks_once() -> None:
    while "hangs" not in calls:
        await asyncio.sleep(0.001)
    calls.append("cancelled")
    if calls.count("cancelled") == 1:
        raise LookupError("the parent fails, and asks its child to stop")


@pytest.mark.parametrize("flow", [cleans_up, pays_meanwhile])
def test_a_retry_of_a_cancelled_run_goes_on_though_something_ended_after_the_cancel(
    app: App, flow: Any
) -> None:
    """It had the cancel in its past, and was cancelled at once."""
    run = flow.start()
    until(lambda: "hangs" in calls)
    run.cancel()
    until(lambda: any(entry.name == "cancel:" for entry in run.history()))
    calls.append("cancelled")
    with pytest.raises(podium.RunCancelled):
        run.result(timeout=20)
    assert run.retry().result(timeout=20) == 3
    assert calls.count("before") == 1
    assert calls.count("paid") <= 1
    assert calls.count("clean") in (0, 2)  # that of the retry is its own


@pytest.mark.parametrize("pays", [False, True])
def test_a_child_that_its_failed_parent_has_called_off_goes_on_in_the_retry(app: App, pays: bool) -> None:
    run = calls_off.start(pays)
    with pytest.raises(LookupError):
        run.result(timeout=20)
    assert run.retry().result(timeout=20) == 3
    assert calls.count("before") == 1
    assert calls.count("paid") == int(pays)
