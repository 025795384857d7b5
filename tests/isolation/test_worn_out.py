"""Threads that cannot be stopped are counted, and at a limit somebody is told."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from podium import App, Options, TaskTimeout, task, workflow
from tests.isolation.conftest import soon

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


def overrun(times: int) -> None:
    for _ in range(times):
        with pytest.raises(TaskTimeout):
            tries_in_vain.run()


def test_at_the_limit_a_process_says_once_that_it_is_worn_out_and_goes_on(
    store: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with App(store, options=Options(abandoned_max=2)) as app:
        overrun(1)
        assert (caplog.text, app.host.is_worn_out) == ("", False)
        overrun(3)
        assert caplog.text.count("2 threads are lost to tasks") == 1
        assert app.host.is_worn_out
        gate.set()
        soon(lambda: not app.host.is_worn_out)


def test_threads_that_end_after_all_do_not_add_up(store: Path, caplog: pytest.LogCaptureFixture) -> None:
    with App(store, options=Options(abandoned_max=1)) as app:
        overrun(1)
        gate.set()
        soon(lambda: not app.host.is_worn_out)
    with App(store, options=Options(abandoned_max=2)) as app:
        for _ in range(3):
            gate.clear()
            overrun(1)
            gate.set()
            soon(lambda: app.host.engine.executors["threads"].abandoned == 0)
        assert caplog.text.count("threads are lost") == 1, "by the first app"
