"""Standard streams in trouble: closed, full, closed by a task, or with a reader that has gone.

The run is never concerned. Data that could not be written is an error of one line; talk that nobody can read
is none.
"""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest

from tests import forkserver
from tests.cli.support import PODIUM, as_json, environment, write_app

APP = """
import sys
from podium import task, workflow

@task
def add(a: int, b: int) -> int:
    return a + b

@task
def closes(name: str) -> int:
    getattr(sys, name).close()
    return 3

@workflow
def adds(n: int = 3) -> int:
    return sum(add(i, 1) for i in range(n))

@workflow
def closing(name: str) -> int:
    return closes(name) + add(1, 2)
"""


@pytest.fixture(autouse=True)
def _app(project: Path) -> None:
    write_app(project, APP)


def shell(line: str, **changes: str) -> subprocess.CompletedProcess[str]:
    """Run it in a shell, where `podium` is what is tested."""
    line = line.replace("podium", shlex.join(PODIUM), 1)
    return forkserver.run(
        ["bash", "-c", line], capture_output=True, text=True, env=environment(**changes), timeout=60
    )


def last_state() -> str:
    return as_json("runs")["runs"][0]["state"]


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(
    ("where", "why"), [(">&-", "it is closed"), (">/dev/full", "No space left on device")]
)
@pytest.mark.parametrize("verb", ["run app:adds -q", "config --json", "--help", "show -h", "--version"])
def test_data_that_cannot_be_written(verb: str, where: str, why: str, unbuffered: str) -> None:
    ran = shell(f"podium {verb} {where}", PYTHONUNBUFFERED=unbuffered)
    assert ran.stderr.splitlines() == [f"podium: stdout cannot be written: {why}"]
    assert ran.returncode == 1
    if verb.startswith("run "):
        assert last_state() == "succeeded"


def test_a_task_that_closes_stdout() -> None:
    ran = shell("podium run app:closing -q -- --name stdout")
    assert ran.stderr.splitlines() == ["podium: stdout cannot be written: it is closed"]
    assert ran.returncode == 1
    assert last_state() == "succeeded"


@pytest.mark.parametrize("where", ["2>&-", "2>/dev/full", "<&- 2>&-"])
def test_talk_that_nobody_can_read_is_no_error(where: str) -> None:
    ran = shell(f"podium run app:adds {where}")
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "6\n", "")


def test_a_task_that_closes_stderr() -> None:
    ran = shell("podium run app:closing -- --name stderr")
    assert (ran.returncode, ran.stdout) == (0, "6\n")


@pytest.mark.parametrize("where", [">&- 2>&-", "<&- >&- 2>&-", ">/dev/full 2>&1"])
def test_nothing_can_be_written_at_all(where: str) -> None:
    ran = shell(f"podium run app:adds {where}")
    assert (ran.returncode, ran.stdout, ran.stderr) == (1, "", "")
    assert last_state() == "succeeded"


@pytest.mark.parametrize("verb", ["config --json", "--version"])
def test_a_reader_that_has_gone_is_no_error(verb: str) -> None:
    ran = shell(f"podium {verb} | true; exit ${{PIPESTATUS[0]}}")
    assert (ran.returncode, ran.stderr) == (0, "")


def test_wrong_use_is_still_told_by_its_exit_code() -> None:
    ran = shell("podium runs nosuch:x 2>&-")
    assert (ran.returncode, ran.stdout, ran.stderr) == (2, "", "")
