"""What is said of a run that stands still is true: in line, taken up soon, or over with steps left behind."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import click
import pytest

from podium import codec
from podium.cli.drawing import frame
from podium.cli.formatting import TIMES
from podium.cli.story import tree
from podium.cli.view import View
from podium.inspect import RunProgress
from podium.model import Entry, Kind, RunRow, State
from tests import forkserver
from tests.cli.support import PODIUM, environment, podium, write_app

FAILURE = codec.encode_failure(ValueError("boom"))


def test_detached_without_a_worker_it_says_so(project: Path) -> None:
    write_app(project)
    told = podium("run", "app:adds", "--detach", "--id", "r").stderr
    assert told == (
        "undriven: no engine is alive; whoever drives it needs app:adds\npodium resume r  drives it here\n"
    )


@pytest.mark.parametrize("verb", ["why", "doctor"])
def test_the_told_command_finds_the_store(project: Path, verb: str) -> None:
    write_app(project)
    store = str(project / "other.db")
    podium("run", "app:adds", "--detach", "--id", "r", "--store", store)
    told = podium("why", "r", "--store", store) if verb == "why" else podium("doctor", "--store", store)
    (command,) = re.findall(r"podium (resume r.*?)(?=  |\n)", told.stdout)
    resumed = podium(*shlex.split(command))
    assert resumed.returncode == 0, resumed.stderr


def test_detached_while_a_worker_stands_by_it_is_taken_soon(project: Path) -> None:
    write_app(project)
    command = [*PODIUM, "worker", "app"]
    with forkserver.Popen(command, stderr=subprocess.PIPE, text=True, env=environment()) as worker:
        try:
            assert worker.stderr is not None
            while "serves" not in worker.stderr.readline():
                assert worker.poll() is None
            told = podium("run", "app:hangs", "--detach").stderr
        finally:
            worker.kill()
    assert "resume" not in told
    assert f"process {worker.pid}" in told  # which is about to take it, or has it already


def test_resumed_for_others_it_says_who_goes_on_with_it(project: Path) -> None:
    write_app(project)
    podium("run", "app:adds", "--detach", "--id", "r")
    told = podium("resume", "r", "--detach").stderr
    assert told == (
        "in line already\nundriven: no engine is alive; whoever drives it needs app:adds\n"
        "podium resume r  drives it here\n"
    )


def test_back_in_line_is_not_waiting_until_it_is_due() -> None:
    view = View("adds", 0.0)
    view.moved(State.WAITING, 100.0)  # long ago
    view.moved(State.RUNNING, None)
    view.moved(State.WAITING, 4e9)
    view.moved(State.RUNNING, None)
    view.moved(State.WAITING, None)
    assert [click.unstyle(line) for line in view.news] == [
        "◌ waiting to be taken",
        "◌ waiting until it is due",
        "◌ waiting for a message",
    ]


def retry(seq: int, step: str) -> Entry:
    return Entry(seq=seq, kind=Kind.RETRY, at=1.0, step=step, payload=FAILURE, attempt=1, due=4e9, policy=0)


def row(state: State) -> RunRow:
    return RunRow(
        id="r", function="app:wf", state=state, token=1, owner=None, created=0.0, started=0.0, ended=3.0,
        due=None, args=b"{}", payload=b"", digest=b"", lost=0, entries=2, fingerprint="", starter="",
        parent="", tags=(), inbox=0,
    )  # fmt: skip


LEFT = [
    Entry(seq=1, kind=Kind.RESULT, at=1.0, step="1.0/fetch", payload=b"1", began=0.5, attempt=1),
    retry(2, "1.1/fetch"),
    retry(3, "1.2/fetch"),
    Entry(seq=4, kind=Kind.ERROR, at=1.0, step="/other", payload=FAILURE, began=0.5, attempt=1),
]


@pytest.mark.parametrize("state", [State.FAILED, State.CANCELLED])
def test_what_a_run_left_behind_is_not_shown_as_if_to_come(state: State) -> None:
    drawn = "\n".join(map(click.unstyle, tree(RunProgress(LEFT, branches=True), row(state), 2.0)))
    assert f"⊘ fetch {TIMES} 3" in drawn
    assert "2 not finished" in drawn
    assert "try 2" not in drawn
    view = View("wf", 0.0)
    view.recall(LEFT)
    view.state = state
    live = "\n".join(map(click.unstyle, frame(view, 2.0, 40)))
    assert "1 done · 2 not finished · 2 retried" in live
    assert "try 2" not in live


def test_a_waiting_run_says_when_its_steps_are_tried_again() -> None:
    drawn = "\n".join(map(click.unstyle, tree(RunProgress(LEFT, branches=True), row(State.WAITING), 2.0)))
    assert drawn.count("try 2 in more than 30 years") == 2
    parked = "\n".join(map(click.unstyle, tree(RunProgress(LEFT, branches=True), row(State.PARKED), 2.0)))
    assert parked.count("◍ try 2  ValueError: boom") == 2, "when, nobody knows before it is resumed"
