"""Executors that an app is given by name: attempts cross to another process as bytes, and may get lost."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import msgspec
import pytest

from podium import App, Options, RunParked, UsageError
from podium.engine import dispatch
from podium.env import Env
from podium.errors import ResourceShortage, RunCancelled
from podium.executors import Attempt, Ended, decode_outcome, encode_attempt, run_encoded
from podium.executors.protocol import Reactor
from podium.model import Kind
from tests.isolation import clustered

OPTIONS = Options(poll=0.05, grace=0)


class Cluster:
    """One worker process that knows nothing of Podium but the bytes that it is handed."""

    def __init__(self, workers: ProcessPoolExecutor, ended: Callable[[Ended], None]) -> None:
        self._workers, self._ended = workers, ended
        self.is_closed = False

    def submit(self, attempt: Attempt) -> None:
        def done(outcome: Future[bytes]) -> None:
            self._ended(decode_outcome(attempt, outcome.result()))

        self._workers.submit(run_encoded, encode_attempt(attempt)).add_done_callback(done)

    def cancel(self, attempt: Attempt) -> None:
        attempt.cancelled = True

    def close(self) -> None:
        self.is_closed = True


class Outage:
    """A cluster that is gone for some attempts: they have neither outcome nor failure."""

    def __init__(self, lost: int, ended: Callable[[Ended], None]) -> None:
        self.left, self.numbers, self._ended = lost, list[int](), ended

    def submit(self, attempt: Attempt) -> None:
        self.numbers.append(attempt.number)
        if self.left:
            self.left -= 1
            self._ended(Ended(attempt, b"", ResourceShortage("the cluster is gone"), lost=True))
        else:
            self._ended(decode_outcome(attempt, run_encoded(encode_attempt(attempt))))

    def cancel(self, attempt: Attempt) -> None:
        attempt.cancelled = True

    def close(self) -> None:
        pass


class Broken(Outage):
    """Raises these, one after the other, instead of taking what it is given; then it is mended."""

    def __init__(self, errors: list[Exception], ended: Callable[[Ended], None]) -> None:
        super().__init__(0, ended)
        self._errors = errors

    def submit(self, attempt: Attempt) -> None:
        if self._errors:
            raise self._errors.pop(0)
        super().submit(attempt)


class Stalled:
    """Takes attempts and never answers."""

    def __init__(self) -> None:
        self.taken, self.cancelled = threading.Event(), threading.Event()

    def submit(self, attempt: Attempt) -> None:
        self.taken.set()

    def cancel(self, attempt: Attempt) -> None:
        self.cancelled.set()

    def close(self) -> None:
        raise OSError("it fails to close, too")


@pytest.fixture(scope="module")
def workers() -> Iterator[ProcessPoolExecutor]:
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        yield pool


def test_an_attempt_is_made_in_another_process_with_all_that_it_may_ask_for(
    store: Path, workers: ProcessPoolExecutor
) -> None:
    made: list[Cluster] = []

    def cluster(env: Env, reactor: Reactor, ended: Callable[[Ended], None]) -> Cluster:
        made.append(Cluster(workers, ended))
        return made[0]

    with App(store, options=OPTIONS, executors={"cluster": cluster}):
        run = clustered.sums.options(id="r-1").start(1, 2)
        total, process, key, number = run.result(timeout=60)
        assert (total, key, number) == (3, "r-1:/adds", 1)
        assert process != os.getpid()
        assert clustered.doubled.run(4) == 8, "an async def, too"
        with pytest.raises(ValueError, match="no 5, attempt 3"):
            clustered.refused.run(5)
        assert not made[0].is_closed
    assert made[0].is_closed


def test_what_a_body_emits_and_publishes_there_comes_with_its_outcome(store: Path) -> None:
    def here(env: Env, reactor: Reactor, ended: Callable[[Ended], None]) -> Outage:
        return Outage(0, ended)

    with App(store, options=OPTIONS, executors={"cluster": here}):
        run = clustered.spoken.start(3)
        assert "emit('large', ...) in speaks" in run.result(timeout=60), (
            "what has no room is told, and not lost"
        )
        chunks = [(chunk.n, chunk.attempt, chunk.value) for chunk in run.stream("numbers")]
        assert chunks == [(1, 1, 0), (2, 1, 1), (3, 1, 2), (4, 2, 0), (5, 2, 1), (6, 2, 2)]
        assert run.value("at") == 2
        assert [chunk.n for chunk in run.stream("large")] == list(range(1, 18))


def test_a_lost_attempt_begins_again_and_is_no_failure(store: Path) -> None:
    made: list[Outage] = []

    def outage(env: Env, reactor: Reactor, ended: Callable[[Ended], None]) -> Outage:
        made.append(Outage(1, ended))
        return made[0]

    with App(store, options=OPTIONS, executors={"cluster": outage}):
        run = clustered.sums.start(1, 2)
        assert run.result(timeout=60)[0] == 3
        assert len(made[0].numbers) == 2
        assert [entry.kind for entry in run.history()] == [Kind.RESULT], "though the task has no retries"


def test_a_run_whose_executor_is_missing_is_parked_and_goes_on_with_an_app_that_has_it(
    store: Path, workers: ProcessPoolExecutor
) -> None:
    with App(store, options=OPTIONS):
        run = clustered.sums.options(id="r-1").start(1, 2)
        with pytest.raises(RunParked, match=r"adds runs on the executor 'cluster', which this app does not"):
            run.result(timeout=60)
    with App(store, options=OPTIONS, executors={"cluster": lambda *given: Cluster(workers, given[2])}):
        again = clustered.sums.get("r-1")
        again.resume()
        assert again.result(timeout=60)[0] == 3


@pytest.mark.parametrize("lacked", [[], [MemoryError()]], ids=["at once", "after it lacked something"])
def test_a_run_whose_executor_does_not_take_it_is_parked_with_its_name_and_goes_on_once_it_does(
    store: Path, monkeypatch: pytest.MonkeyPatch, lacked: list[Exception]
) -> None:
    monkeypatch.setattr(dispatch, "AGAIN_SECONDS", 0.01)
    errors = [*lacked, RuntimeError("no scheduler")]
    with App(store, options=OPTIONS, executors={"cluster": lambda *given: Broken(errors, given[2])}):
        run = clustered.sums.start(1, 2)
        what = r"'cluster' did not take adds: RuntimeError: no scheduler"
        with pytest.raises(RunParked, match=what) as told:
            run.result(timeout=60)
        assert f"podium resume {run.id}" in str(told.value)
        run.resume().result()
        assert run.result(timeout=60)[0] == 3


def test_an_executor_that_cannot_cancel_parks_nothing(store: Path, caplog: pytest.LogCaptureFixture) -> None:
    stalled: Any = Stalled()
    stalled.cancel = Mock(side_effect=RuntimeError("no scheduler"))
    with App(store, options=OPTIONS, executors={"cluster": lambda *_: stalled}):
        run = clustered.rested.start()
        assert stalled.taken.wait(60)
        run.cancel()
        with pytest.raises(RunCancelled):
            run.result(timeout=60)
    assert "'cluster' did not cancel" in caplog.text


def test_a_cancelled_run_cancels_its_attempt_and_an_executor_that_fails_to_close_is_told_of(
    store: Path, caplog: pytest.LogCaptureFixture
) -> None:
    stalled = Stalled()
    with App(store, options=OPTIONS, executors={"cluster": lambda *_: stalled}):
        run = clustered.rested.start()
        assert stalled.taken.wait(60)
        run.cancel()
        assert stalled.cancelled.wait(60)
    assert "an executor of the app could not be closed" in caplog.text


@pytest.mark.parametrize("name", ["loop", "threads", "processes"])
def test_no_app_gives_podiums_own_names_to_others(store: Path, name: str) -> None:
    with pytest.raises(UsageError, match=f"'{name}' is one of Podium's own"):
        App(store, executors={name: lambda *_: Stalled()})


def test_an_executor_is_given_as_a_function_that_makes_it(store: Path) -> None:
    stalled: Any = Stalled()
    with pytest.raises(UsageError, match=r"a function \(env, reactor, ended\) is needed"):
        App(store, executors={"cluster": stalled})


def test_a_factory_that_fails_leaves_no_engine_behind(store: Path) -> None:
    def fails(*_: object) -> Stalled:
        raise OSError("no such cluster")

    with pytest.raises(OSError, match="no such cluster"), App(store, executors={"cluster": fails}):
        pass
    with App(store, drives="nothing") as app:
        assert app.store.engines() == []


def test_other_bytes_are_no_attempt() -> None:
    with pytest.raises(msgspec.DecodeError):
        run_encoded(b"nothing of ours")
