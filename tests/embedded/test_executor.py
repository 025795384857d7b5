"""`podium.Executor` in one process: futures, what is on record, how a block is left and gone on with."""

from __future__ import annotations

import operator
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ALL_COMPLETED, as_completed, wait
from dataclasses import dataclass
from pathlib import Path

import pytest

import podium
from podium import App, EngineStopped, Executor, Options, RunCancelled, UsageError, task, workflow

said: list[str] = []
called: list[object] = []
failing: set[object] = set()


@pytest.fixture(autouse=True)
def app(store: Path) -> Iterator[App]:
    called.clear(), said.clear(), failing.clear()
    with App(store, options=Options(poll=0.05, grace=2), notice=said.append, starter="script.py") as app:
        yield app


def square(n: int) -> int:
    called.append(n)
    if n in failing:
        raise ZeroDivisionError(n)
    return n * n


@dataclass(frozen=True)
class Point:
    x: int

    def moved(self, by: int) -> Point:
        called.append(self)
        return Point(self.x + by)


def the_run() -> podium.Run[object]:
    (run,) = podium.runs()
    return run


def test_results_come_as_from_any_executor() -> None:
    with Executor(2) as executor:
        futures = [executor.submit(square, n) for n in range(4)]
        assert {future.result() for future in as_completed(futures)} == {0, 1, 4, 9}
        assert list(executor.map(operator.add, [1, 2], [3, 4])) == [4, 6]
    assert str(the_run().state) == "succeeded"
    assert len(the_run().history()) == 6


def test_a_result_is_on_record_before_its_future_has_it() -> None:
    with Executor() as executor:
        executor.submit(square, 3).result()
        assert [entry.step.partition("#")[0] for entry in the_run().history()] == ["/square"]


def test_a_failure_comes_as_itself_with_its_traceback() -> None:
    class Own(Exception):
        pass

    def fails() -> None:
        raise Own("here")

    with Executor() as executor:
        error = executor.submit(fails).exception()
    assert isinstance(error, Own)
    assert error.__traceback__ is not None
    assert error.__traceback__.tb_frame.f_code.co_name == "fails"


def block(fresh: bool = False) -> list[int]:
    with Executor(1, name="block", fresh=fresh) as executor:
        return [future.result() for future in [executor.submit(square, n) for n in range(4)]]


def test_a_block_left_by_an_exception_is_gone_on_with() -> None:
    failing.add(2)
    with pytest.raises(ZeroDivisionError):
        block()
    assert called == [0, 1, 2, 3]
    assert str(the_run().state) == "waiting"
    assert "when it is run again" in the_run().why()
    failing.clear()
    assert block() == [0, 1, 4, 9]
    assert called == [0, 1, 2, 3, 2], "a failure is never taken for a result"
    assert str(the_run().state) == "succeeded"
    assert any("3 results" in line for line in said)


def test_fresh_begins_anew() -> None:
    failing.add(2)
    with pytest.raises(ZeroDivisionError):
        block()
    failing.clear()
    assert block(fresh=True) == [0, 1, 4, 9]
    assert called == [0, 1, 2, 3, 0, 1, 2, 3]


def test_a_block_that_has_ended_is_over() -> None:
    assert block() == block()
    assert len(called) == 8


def test_equal_calls_are_counted_and_order_does_not_matter() -> None:
    def left(numbers: list[int]) -> list[int]:
        with Executor(1, name="left") as executor:
            results = [executor.submit(square, n).result() for n in numbers]
            if len(called) < 4:
                raise KeyError
        return results

    with pytest.raises(KeyError):
        left([5, 5, 6])
    assert left([6, 7, 5, 5, 5]) == [36, 49, 25, 25, 25]
    assert called == [5, 5, 6, 7, 5]


def test_methods_and_objects_are_recorded_with_what_they_hold() -> None:
    with Executor(name="points") as executor:
        assert executor.submit(Point(1).moved, 2).result() == Point(3)
    assert not said


def test_what_cannot_be_recorded_is_called_all_the_same_and_said_once() -> None:
    lock = threading.Lock()
    with Executor() as executor:
        assert executor.submit(lambda: lock.locked()).result() is False
        assert executor.submit(operator.is_, lock, lock).result() is True
        assert [executor.submit(threading.Event).result().is_set() for _ in range(2)] == [False, False]
    assert [line.split(":")[1].strip().rpartition(".")[2] for line in said] == ["<lambda>", "is_", "Event"]


def test_max_workers_is_kept_and_pending_calls_can_be_cancelled() -> None:
    begun, go_on = threading.Event(), threading.Event()

    def holds() -> None:
        begun.set()
        go_on.wait(30)

    executor = Executor(1)
    first, second = executor.submit(holds), executor.submit(square, 1)
    assert begun.wait(30)
    assert first.running()
    assert not first.cancel()
    assert second.cancel()
    go_on.set()
    executor.shutdown()
    assert first.result() is None
    assert not called
    with pytest.raises(RuntimeError, match="after shutdown"):
        executor.submit(square, 1)


def test_shutdown_cancels_what_has_not_begun() -> None:
    with Executor(1) as executor:
        futures = [executor.submit(time.sleep, 0.01) for _ in range(50)]
        executor.shutdown(cancel_futures=True)
    assert not wait(futures, timeout=5, return_when=ALL_COMPLETED).not_done
    assert any(future.cancelled() for future in futures)


def test_what_an_idle_worker_would_have_begun_with_is_not_cancelled(app: App) -> None:
    free = threading.Event()
    app.host.call(free.wait)  # so that nothing has begun yet
    executor = Executor(2)
    futures = [executor.submit(square, n) for n in range(5)]
    executor.shutdown(wait=False, cancel_futures=True)
    free.set()
    assert [future.result(30) for future in futures[:2]] == [0, 1]
    assert not wait(futures, timeout=10).not_done
    assert [future.cancelled() for future in futures] == [False, False, True, True, True]


def test_callbacks_may_use_podium() -> None:
    seen: list[object] = []
    with Executor() as executor:
        future = executor.submit(square, 2)
        future.add_done_callback(lambda done: seen.append((done.result(), the_run().id)))
    assert seen == [(4, the_run().id)]


def test_a_cancelled_run_fails_what_is_open() -> None:
    begun, go_on = threading.Event(), threading.Event()

    def holds() -> None:
        begun.set()
        go_on.wait(30)

    executor = Executor(1)
    futures = [executor.submit(holds), executor.submit(square, 1)]
    assert begun.wait(30)
    the_run().cancel()
    try:
        for future in futures:
            assert isinstance(future.exception(timeout=10), RunCancelled)
        with pytest.raises(RunCancelled):
            executor.submit(square, 2)
    finally:
        go_on.set()
        executor.shutdown()


def test_an_engine_that_closes_fails_what_is_open(store: Path) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def holds() -> None:
        begun.set()
        go_on.wait(30)

    with App(store, options=Options(grace=0.0), notice=said.append, starter="other.py"):
        executor = Executor(1)
        futures = [executor.submit(holds), executor.submit(square, 1)]
        assert begun.wait(30)
    try:
        for future in futures:
            assert isinstance(future.exception(timeout=10), EngineStopped)
        with pytest.raises(RuntimeError, match="the engine is closed"):
            executor.submit(square, 2)
        executor.shutdown()
    finally:
        go_on.set()


def test_a_declared_task_keeps_its_retries() -> None:
    with Executor() as executor:
        assert executor.submit(flaky).result() == 3


@task(retries=podium.Retry(times=3, wait=0.0))
def flaky() -> int:
    if podium.attempt() < 3:
        raise ConnectionError
    return podium.attempt()


async def coroutine() -> None: ...


@workflow
def uses_an_executor() -> int:
    with Executor() as executor:
        return executor.submit(square, 2).result()


def test_what_no_thread_pool_can_call_is_refused_and_nothing_stored() -> None:
    with Executor() as executor:
        for wrong in (coroutine, uses_an_executor, 7):
            with pytest.raises(UsageError):
                executor.submit(wrong)
    with pytest.raises(ValueError, match="max_workers must be greater than 0"):
        Executor(0)
    assert not [run for run in podium.runs() if run.history()]


def takes_back(_result: int, n: int) -> None:
    """Of a charge."""


@task(undo=takes_back)
def charges(n: int) -> int:
    return n


def test_what_only_a_workflow_undoes_is_refused() -> None:
    with Executor() as executor, pytest.raises(UsageError, match=r"submit\(charges\): it has undo="):
        executor.submit(charges, 1)
    assert not [run for run in podium.runs() if run.history()]


def test_a_workflow_is_told_to_use_tasks() -> None:
    with pytest.raises(UsageError, match="inside a workflow"):
        uses_an_executor.run()


def test_a_wrong_call_fails_as_calls_do() -> None:
    with Executor() as executor:
        assert isinstance(executor.submit(square, 1, 2).exception(), TypeError)
