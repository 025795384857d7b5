"""What holds on Dask and on Ray: bodies run there, whatever dies there costs an attempt and no run."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

import podium
from podium import App, TaskTimeout
from podium.model import Kind
from tests.cluster import programs
from tests.cluster.conftest import PATIENCE
from tests.waiting import until

SECONDS = 2 * PATIENCE  # a cluster of Ray takes its time to begin


def text_of(app: App, run: str) -> str:
    return "\n".join(line.text for line in app.store.logs(run))


def test_a_body_runs_there_with_all_that_it_may_ask_for_and_say(app: App, kind: str) -> None:
    run = programs.one.start(kind, "adds", 1, 2)
    total, process, key, number = run.result(timeout=SECONDS)
    assert (total, number) == (3, 1)
    assert key.startswith(f"{run.id}:/adds")
    assert process != os.getpid()
    said = [line for line in text_of(app, run.id).split("\n") if not line.startswith("runs on ")]
    assert said == ["adding", "it is 3"]
    assert [point.value for point in podium.series("sums")][-1] == 3
    assert [chunk.value for chunk in run.stream("parts")] == [1, 2]


def test_many_at_once_and_an_async_def(app: App, kind: str) -> None:
    assert programs.doubled.start(kind, 300).result(timeout=SECONDS) == [2 * n for n in range(300)]


def test_a_worker_of_a_cluster_drives_no_runs(app: App, kind: str) -> None:
    """By its main module it might be a server, which drives all that is in the store of its folder."""
    assert programs.one.start(kind, "drives").result(timeout=SECONDS) == "nothing"


def test_what_a_body_raises_is_its_failure(app: App, kind: str) -> None:
    with pytest.raises(ValueError, match="no"):
        programs.one.start(kind, "refuses").result(timeout=SECONDS)


def test_a_killed_worker_costs_an_attempt_and_no_outcome(app: App, kind: str, tmp_path: Path) -> None:
    run = programs.one.start(kind, "waits", str(tmp_path))
    first = tmp_path / "attempt-1"
    until(first.exists, seconds=PATIENCE)
    os.kill(int(first.read_text()), signal.SIGKILL)
    until((tmp_path / "attempt-2").exists, seconds=PATIENCE)
    where = "tcp://127.0.0.1:" if kind == "dask" else "ray worker "
    until(lambda: f"ago: runs on {where}" in run.why(), seconds=PATIENCE)
    (tmp_path / "go").touch()
    assert run.result(timeout=SECONDS) == 2
    assert [entry.kind for entry in run.history()] == [Kind.RESULT], "no failure is on record"
    said = text_of(app, run.id)
    assert "attempt 1 is lost: " in said


def test_a_task_that_kills_its_worker_fails_and_no_other_one(app: App, kind: str, tmp_path: Path) -> None:
    run = programs.in_company.start(kind, str(tmp_path), 20)
    doubled, why = run.result(timeout=SECONDS)
    assert doubled == [2 * n for n in range(20)]
    assert f"kills-{kind} has cost" in why
    # The first time another one may have been on its worker, so that its death is not its doing for certain.
    assert (tmp_path / "kills").read_text() in ("xx", "xxx"), "the cluster has begun it again by itself"


def test_a_timeout_counts_from_the_beginning_of_the_body(app: App, kind: str, tmp_path: Path) -> None:
    with pytest.raises(TaskTimeout, match=r"lingers-\w+ took longer than its timeout of 0.3 s on "):
        programs.one.start(kind, "lingers", str(tmp_path)).result(timeout=SECONDS)
    assert (tmp_path / "lingers").exists()
