"""A task that takes its process down: its own failure, and nobody else's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from podium import App, TaskCrashed
from podium.model import Kind, State
from tests.isolation import tasks
from tests.isolation.conftest import noted
from tests.waiting import is_alive, until


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("exit", "crashes crashed its process: it exited with code 3"),
        ("abort", "killed by SIGABRT (C code called abort)"),
        ("fault", "killed by SIGSEGV (a fault in C code)"),
        ("kill", "killed by SIGKILL (by the system for want of memory, or by somebody's kill -9)"),
    ],
)
def test_a_crash_is_the_outcome_of_its_step_and_says_how(app: App, how: str, said: str) -> None:
    run = tasks.crash.start(how)
    with pytest.raises(TaskCrashed) as caught:
        run.result()
    assert said in str(caught.value)
    assert caught.value.code == "E209"
    assert "a last line" in caught.value.__notes__[0]
    assert run.state is State.FAILED
    assert tasks.crash.run("not at all") == "unharmed", "the same engine goes on"


def test_a_crash_in_c_shows_the_line_of_python(app: App) -> None:
    with pytest.raises(TaskCrashed) as caught:
        tasks.crash.run("fault")
    shown: Any = caught.value
    assert "ctypes.string_at(0)" in shown.__podium_traceback__
    assert "child.py" not in shown.__podium_traceback__, "our own frames are of no interest"


def test_a_crash_counts_as_a_failure_for_retries(app: App) -> None:
    run = tasks.third_time.start()
    assert run.result() == 3
    assert [entry.kind for entry in run.history()] == [Kind.RETRY, Kind.RETRY, Kind.RESULT]


def test_runs_beside_a_crashing_one_do_not_notice(app: App, folder: Path) -> None:
    beside = tasks.at_once.start(str(folder), 1)
    until(lambda: noted(folder))
    for how in ("exit", "abort", "fault", "kill"):
        with pytest.raises(TaskCrashed):
            tasks.crash.run(how)
    (folder / "gate").touch()
    assert beside.result() == noted(folder)
    assert [entry.attempt for entry in beside.history()] == [1]


def test_what_a_crashed_task_has_started_dies_with_it(app: App, folder: Path) -> None:
    assert tasks.hold.run(str(folder), "crashes").startswith("TaskCrashed")
    until(lambda: not any(map(is_alive, noted(folder))))
    assert len(noted(folder)) == 2


@pytest.mark.parametrize("unseen", [False, True])
def test_a_task_within_its_memory_cap_is_left_alone(app: App, unseen: bool) -> None:
    assert tasks.take.run(50_000_000, unseen) == 50_000_000


def test_an_allocation_past_the_cap_is_an_exception_in_the_task(app: App) -> None:
    with pytest.raises(MemoryError, match="takes wanted more than its memory cap of 200 MB"):
        tasks.take.run(tasks.CAP, False)
    assert tasks.take.run(1000, False) == 1000


def test_memory_past_the_cap_that_no_limit_stops_is_seen_from_outside(app: App) -> None:
    with pytest.raises(TaskCrashed, match="its process had more than its memory cap of 200 MB"):
        tasks.take.run(4 * tasks.CAP, True)
