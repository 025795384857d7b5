"""Threads that cannot be stopped are counted, and at a limit somebody is told."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from podium import App, Options, TaskTimeout, task, workflow
from podium.executors import threads
from tests.waiting import until

gate = threading.Event()


@pytest.fixture(autouse=True)
def _shut() -> Iterator[None]:
    gate.clear()
    yield
    gate.set()


@task(timeout=0.02)
def stuck() -> None:
    gate.wait(30)


@workflow
def tries_in_vain() -> None:
    stuck()


@task
def plain(n: int) -> int:
    if n == 0:
        raise ValueError(n)
    gate.wait(30)
    return n


@workflow
async def fans_out(many: int) -> list[int]:
    return await plain.map(range(1 - many, 1))


def at_work(before: list[threading.Thread]) -> int:
    """The threads for tasks that this process has begun since; older tests may have left some."""
    fresh = set(threading.enumerate()).difference(before)
    return sum(thread.name.startswith("podium-task-") for thread in fresh)


def lost(app: App) -> int:
    executor = app.host.engine.dispatcher.executors["threads"]
    assert isinstance(executor, threads.ThreadExecutor)
    return executor.abandoned


def overrun(times: int) -> None:
    for _ in range(times):
        with pytest.raises(TaskTimeout):
            tries_in_vain.run()


def test_at_the_limit_a_process_says_once_that_it_is_exhausted_and_goes_on(
    store: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads, "ABANDON_SECONDS", 0.05)
    with App(store, options=Options(abandoned_max=2)) as app:
        overrun(1)
        until(lambda: lost(app) == 1)
        assert (caplog.text, app.host.is_exhausted) == ("", False)
        overrun(3)
        until(lambda: "threads are lost" in caplog.text)
        assert caplog.text.count("2 threads are lost to tasks") == 1
        assert app.host.is_exhausted
        gate.set()
        until(lambda: not app.host.is_exhausted)


def test_threads_that_end_after_all_do_not_add_up(
    store: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads, "ABANDON_SECONDS", 0.05)
    with App(store, options=Options(abandoned_max=1)) as app:
        overrun(1)
        until(lambda: app.host.is_exhausted and "threads are lost" in caplog.text)
        gate.set()
        until(lambda: not app.host.is_exhausted)
    with App(store, options=Options(abandoned_max=2)) as app:
        for _ in range(3):
            gate.clear()
            overrun(1)
            until(lambda: lost(app) == 1)
            gate.set()
            until(lambda: lost(app) == 0)
        assert caplog.text.count("threads are lost") == 1, "by the first app"


def test_plain_calls_whose_sibling_failed_are_not_lost_threads(
    store: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with App(store, options=Options(thread_slots=8, abandoned_max=2)) as app:
        before = threading.enumerate()
        for _ in range(3):
            gate.clear()
            with pytest.raises(ValueError):
                fans_out.run(8)
            time.sleep(0.05)  # for replacements to begin, if there were any
            assert (lost(app), app.host.is_exhausted, at_work(before)) == (0, False, 8)
            gate.set()
        assert caplog.text == ""


def test_replacements_are_bounded_and_whoever_gets_none_keeps_its_slot(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads, "ABANDON_SECONDS", 0.05)
    with App(store, options=Options(thread_slots=4, abandoned_max=2)) as app:
        before = threading.enumerate()
        overrun(6)  # the last two in the slots that two replacements have given back
        until(lambda: lost(app) == 2)
        jammed = tries_in_vain.start()
        time.sleep(0.3)
        assert (lost(app), at_work(before), jammed.state.is_final) == (2, 4 + 2, False)
        gate.set()
        jammed.result()  # it has its turn, and finds the gate open
        until(lambda: (lost(app), at_work(before)) == (0, 4))
