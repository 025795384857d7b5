"""Timeouts and cancellation that really end the task, whatever it does."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from podium import App, Options, RunCancelled, TaskCrashed, TaskTimeout
from tests.isolation import tasks
from tests.isolation.conftest import noted
from tests.waiting import is_alive, until

STOPPED_SECONDS = 30.0  # 0.3 s of timeout and 1 s to clean up, on a busy machine; alone it holds for 600 s


@pytest.mark.parametrize("kind", ["gil", "others"])
def test_a_timeout_ends_the_task_and_all_that_it_has_started(app: App, folder: Path, kind: str) -> None:
    began = time.monotonic()
    assert "took longer than its timeout of 0.3 s" in tasks.hold.run(str(folder), kind)
    assert time.monotonic() - began < STOPPED_SECONDS
    assert len(noted(folder)) == (3 if kind == "others" else 1)
    until(lambda: not any(map(is_alive, noted(folder))))


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nobody can tell whose they were")
def test_a_timeout_ends_what_the_task_has_started_in_sessions_of_their_own(app: App, folder: Path) -> None:
    with pytest.raises(TaskTimeout):
        tasks.starts_demons.run(str(folder))
    assert len(noted(folder)) == 2
    until(lambda: not any(map(is_alive, noted(folder))))


def test_what_a_task_has_orphaned_is_no_child_of_the_next_one(app: App) -> None:
    ran = [tasks.leaves_a_child.run() for _ in range(3)]
    assert len({pid for pid, _ in ran}) == 1, "one process for all of them"
    assert not any(has_children for _, has_children in ran)


def test_when_a_timeout_is_told_the_task_is_dead_already(app: App, folder: Path) -> None:
    tasks.hold.run(str(folder), "gil")
    assert not any(map(is_alive, noted(folder))), "or the next attempt would run beside it"


@pytest.mark.parametrize("kind", ["gil for ever", "ignores"])
def test_a_cancelled_task_that_will_not_end_is_killed(app: App, folder: Path, kind: str) -> None:
    run = tasks.hold.start(str(folder), kind)
    until(lambda: noted(folder))
    run.cancel()
    with pytest.raises(RunCancelled):
        run.result(30)
    until(lambda: not any(map(is_alive, noted(folder))))
    assert tasks.add.run(1, 2) == 3, "its slot is free again"


def test_a_cancelled_task_may_clean_up(app: App, folder: Path) -> None:
    run = tasks.hold_async.start(str(folder))
    until(lambda: noted(folder))
    run.cancel()
    with pytest.raises(RunCancelled):
        run.result(30)
    until((folder / "cleaned").exists)
    until(lambda: not is_alive(noted(folder)[0]))


def test_others_are_as_quick_as_ever_beside_one_that_holds_the_gil(app: App, folder: Path) -> None:
    run = tasks.hold.start(str(folder), "gil for ever")
    until(lambda: noted(folder))
    began = time.monotonic()
    assert [tasks.add.run(n, n) for n in range(20)] == [2 * n for n in range(20)]
    assert time.monotonic() - began < 30, "they waited"
    run.cancel()
    with pytest.raises(RunCancelled):
        run.result(30)


def test_a_task_that_cuts_its_link_to_podium_is_killed(app: App) -> None:
    with pytest.raises(TaskCrashed, match="broke its process's link to Podium"):
        tasks.demonize.run()


def test_a_task_that_writes_nonsense_into_it_is_killed(app: App) -> None:
    with pytest.raises(TaskCrashed, match="broke its process's link to Podium"):
        tasks.babble.run()
    assert tasks.add.run(1, 2) == 3


def test_closing_ends_tasks_that_outlast_the_grace(store: Path, folder: Path) -> None:
    with App(store, options=Options(grace=0.1)):
        tasks.hold.start(str(folder), "ignores")
        until(lambda: noted(folder))
    assert not any(map(is_alive, noted(folder)))
