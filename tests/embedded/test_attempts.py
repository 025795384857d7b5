"""Failures, retries, timeouts and cancellation of tasks and runs."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import podium
from podium import (
    App,
    Options,
    Retry,
    RunCancelled,
    RunParked,
    TaskFailed,
    TaskTimeout,
    UsageError,
    task,
    workflow,
)
from podium.engine import Event, events
from podium.executors import Attempt, threads
from podium.model import Kind, State
from tests.waiting import until


class Bell:
    """What a test and its tasks ring, and what they saw."""

    def __init__(self) -> None:
        self.rung = threading.Event()
        self.go_on = threading.Event()
        self.seen: list[Any] = []


bell = Bell()


@pytest.fixture(autouse=True)
def _a_bell_of_its_own() -> Iterator[None]:
    global bell
    bell = Bell()
    yield
    bell.go_on.set()


def seen_soon(*expected: str) -> None:
    """A cancelled coroutine gets to know of it after the run has ended, on the engine's own time."""
    until(lambda: sorted(bell.seen) == list(expected), lambda: bell.seen)


class OddError(Exception):
    def __init__(self, *, code: int) -> None:
        super().__init__(f"code {code}")
        self.code = code


@task
def raises_with_everything() -> None:
    try:
        raise KeyError("inner")
    except KeyError as inner:
        error = ValueError("outer", 7)
        error.add_note("look here")
        raise error from inner


@task
async def raises_odd() -> None:
    raise OddError(code=5)


@task(retries=Retry(times=3, wait=0.01, jitter=False))
def flaky(fails: int) -> list[Any]:
    bell.seen.append((podium.attempt(), podium.idempotency_key(), podium.fencing_token()))
    if podium.attempt() <= fails:
        raise ConnectionError(f"attempt {podium.attempt()}")
    return [podium.attempt()]


@task(retries=Retry(times=5, wait=0.01, on=ConnectionError))
def picky() -> None:
    bell.seen.append(podium.attempt())
    raise ValueError if podium.attempt() == 2 else ConnectionError


@task(retries=1, timeout=0.05)
async def slow_async() -> str:
    bell.seen.append(podium.attempt())
    try:
        await asyncio.sleep(10)
    finally:
        bell.seen.append("cleaned up")
    return "late"


@task(timeout=0.05)
def slow() -> str:
    bell.rung.set()
    bell.go_on.wait(30)
    bell.seen.append("returned late")
    return "late"


@task(timeout=3600)
def patient_with(n: int) -> int:
    return n


@task
def quick(n: int) -> int:
    return n


@task
def waits(n: int) -> int:
    bell.rung.set()
    bell.go_on.wait(30)
    return n


@task
async def waits_async(n: int) -> int:
    bell.rung.set()
    try:
        await asyncio.sleep(10)
    except asyncio.CancelledError:
        bell.seen.append(f"task {n} cancelled")
        raise
    return n


@task(retries=Retry(times=1, wait=30))
def backs_off() -> None:
    bell.rung.set()
    raise ConnectionError


@task
def reports() -> None:
    podium.progress(1, 3, "one of three")


@workflow
async def waits_for_nothing() -> None:
    await asyncio.Event().wait()


@workflow
async def everything() -> None:
    await raises_odd() if bell.seen else raises_with_everything()


@workflow
def flaky_flow(fails: int) -> list[Any]:
    return flaky(fails)


@workflow
def picky_flow() -> None:
    picky()


@workflow
async def slow_flow(kind: str) -> str:
    return await slow_async() if kind == "async" else slow()


@workflow
async def patients(many: int) -> list[int]:
    return await patient_with.map(range(many))


@workflow
async def patient(kind: str) -> Any:
    match kind:
        case "step":
            return waits(1)
        case "async step":
            return await waits_async(1)
        case "sleep":
            bell.rung.set()
            await asyncio.sleep(30)
        case "backoff":
            backs_off()
        case "map":
            return await waits_async.map(range(3))
    return None


@workflow(timeout=0.1)
async def impatient() -> None:
    await waits_async(1)


@workflow
async def tidy() -> None:
    try:
        await waits_async(1)
    finally:
        bell.seen.append(f"tidied {quick(5)}")


@workflow
def reporting() -> None:
    reports()


# -- failures ----------------------------------------------------------------------------------------------


def test_an_exception_keeps_type_arguments_cause_and_notes(app: App) -> None:
    with pytest.raises(ValueError, match="outer") as caught:
        everything.run()
    error = caught.value
    assert type(error) is ValueError
    assert error.args == ("outer", 7)
    assert error.__notes__ == ["look here"]
    assert isinstance(error.__cause__, KeyError)
    assert error.__cause__.args == ("inner",)


def test_an_exception_of_ones_own_is_never_initialised_again(app: App) -> None:
    bell.seen.append("odd")
    with pytest.raises(OddError, match="code 5") as caught:
        everything.run()
    assert caught.value.code == 5


# -- retries -----------------------------------------------------------------------------------------------


def test_attempts_count_with_one_key_and_rising_tokens(app: App) -> None:
    run = flaky_flow.start(2)
    assert run.result() == [3]
    numbers, keys, tokens = zip(*bell.seen, strict=True)
    assert numbers == (1, 2, 3)
    assert set(keys) == {f"{run.id}:/flaky"}
    assert sorted(set(tokens)) == list(tokens)
    history = run.history()
    assert [entry.kind for entry in history] == [Kind.RETRY, Kind.RETRY, Kind.RESULT]
    assert [entry.attempt for entry in history] == [1, 2, 3]
    assert history[1].due is not None
    assert history[1].due >= history[1].at


def test_when_the_retries_are_used_up_the_last_failure_is_raised(app: App) -> None:
    with pytest.raises(ConnectionError, match="attempt 4"):
        flaky_flow.run(9)


def test_only_what_the_policy_names_is_retried(app: App) -> None:
    with pytest.raises(ValueError):
        picky_flow.run()
    assert bell.seen == [1, 2]


def test_what_a_task_may_ask_is_refused_elsewhere(app: App) -> None:
    for verb in (podium.attempt, podium.idempotency_key, podium.fencing_token):
        with pytest.raises(UsageError, match="works inside a task"):
            verb()
    podium.progress(1, 2, "goes nowhere")


def test_progress_reaches_whoever_looks(app: App) -> None:
    seen: list[Event] = []
    app.observers.append(seen.append)
    reporting.run()
    assert [event.progress.text for event in seen if isinstance(event, events.AttemptProgressed)] == [
        "one of three"
    ]


# -- timeouts ----------------------------------------------------------------------------------------------


def test_a_coroutine_past_its_timeout_is_cancelled_and_tried_again(app: App) -> None:
    with pytest.raises(TaskTimeout, match=r"slow_async took longer than its timeout of 0\.05 s"):
        slow_flow.run("async")
    assert bell.seen == [1, "cleaned up", 2, "cleaned up"]
    assert issubclass(TaskTimeout, TimeoutError)


def test_a_thread_past_its_timeout_is_replaced_and_its_late_result_dropped(
    store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads, "ABANDON_SECONDS", 0.05)
    with App(store, options=Options(thread_slots=1)):
        run = slow_flow.start("thread")
        with pytest.raises(TaskTimeout, match="slow took longer"):
            run.result()
        assert quick.run(3) == 3, "the only slot is free again"
        entries = len(run.history())
        bell.go_on.set()
        until(lambda: "returned late" in bell.seen)
        assert quick.run(4) == 4
        assert len(run.history()) == entries
        assert run.state is State.FAILED


def test_an_attempt_that_has_ended_is_not_kept_until_its_timeout(app: App) -> None:
    gc.collect()  # what tests before this one have left
    assert len(patients.run(300)) == 300
    kept = sum(issubclass(type(thing), Attempt) for thing in gc.get_objects())
    assert kept <= app.options.thread_slots, "an idle thread may remember its last one"


def test_a_workflow_past_its_timeout(app: App) -> None:
    with pytest.raises(TimeoutError):
        impatient.run()
    seen_soon("task 1 cancelled")


# -- cancelling --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("evict_always", [False, True])
@pytest.mark.parametrize("kind", ["step", "async step", "sleep", "backoff", "map"])
def test_cancelling_a_run_whatever_it_waits_for(store: Any, kind: str, evict_always: bool) -> None:
    with App(store, options=Options(poll=0.05, evict_always=evict_always)) as app:
        run = patient.start(kind)
        assert bell.rung.wait(30)
        until(lambda: kind != "backoff" or run.history())
        run.cancel()
        with pytest.raises(RunCancelled, match=run.id):
            run.result(30)
        assert run.state is State.CANCELLED
        assert "it was cancelled" in run.why()
        assert app.host.engine.owned == {}
    if kind == "map":
        seen_soon(*[f"task {n} cancelled" for n in range(3)])


def test_a_cancelled_body_cleans_up_with_tasks(app: App) -> None:
    run = tidy.start()
    assert bell.rung.wait(30)
    run.cancel()
    with pytest.raises(RunCancelled):
        run.result(30)
    assert bell.seen == ["task 1 cancelled", "tidied 5"]


def test_a_parked_run_is_ended_by_a_decision(app: App) -> None:
    run = patient.start("sleep")
    assert bell.rung.wait(30)
    until(lambda: run.state is State.WAITING)
    app.terminate(run.id).result()
    with pytest.raises(RunCancelled):
        run.result(30)


def test_what_no_process_has_imported_says_so_by_itself(app: App) -> None:
    with pytest.raises(TaskFailed) as caught:
        raise TaskFailed("elsewhere:Odd", "gone", "Traceback ...")
    assert str(caught.value) == "Odd: gone"


def test_cancelling_a_parked_run_ends_it(app: App) -> None:
    run = waits_for_nothing.start()
    with pytest.raises(RunParked):
        run.result()
    run.cancel()
    assert run.state is State.CANCELLED


# -- tasks that wait for runs ------------------------------------------------------------------------------


@task
def half(n: int) -> int:
    return n // 2


@workflow
def halves(n: int) -> int:
    return half(n)


@task
def asks_for_one(n: int) -> int:
    return halves.run(n)


@task
def asks_for_many(n: int) -> int:
    return sum(halves.map([n, n]))


@workflow
async def asking(asks: int) -> int:
    return sum([*await asks_for_one.map(range(asks)), *await asks_for_many.map(range(asks))])


def test_tasks_that_wait_for_runs_leave_their_slots_to_the_tasks_of_these(tmp_path: Path) -> None:
    """With every slot held by one that waits, nobody would ever get one."""
    before = threading.enumerate()

    def serving() -> int:
        new = [thread for thread in threading.enumerate() if thread not in before]
        return sum(thread.name.startswith("podium-task") for thread in new)

    with App(tmp_path / "a.db", options=Options(thread_slots=2)):
        assert asking.start(20).result(30) == 3 * sum(n // 2 for n in range(20))
        until(lambda: serving() <= 2)
        assert serving() == 2
