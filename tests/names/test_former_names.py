"""Runs of Podium 0.1, which called a script by its stem, go on when their script opens the store."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from podium import App
from podium.client import operator
from podium.model import Query, State
from tests import forkserver

SCRIPT = """
import os, sys, time
from podium import task, workflow

@task
def step(n: int) -> int:
    with open("ledger", "a") as ledger:
        ledger.write(f"{n}\\n")
    return n

@task
def gate() -> None:
    while not os.path.exists("go"):
        time.sleep(0.01)

@workflow
def flow(count: int) -> int:
    total = sum(step(n) for n in range(count))
    gate()
    return total

if __name__ == "__main__":
    print(flow(int(sys.argv[1])))
"""


def run(home: Path, file: str, *args: str) -> subprocess.Popen[str]:
    return forkserver.Popen(
        [sys.executable, file, *args], cwd=home, env=dict(os.environ), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


@pytest.fixture
def left(tmp_path: Path) -> Path:
    """A project with a killed run of two steps that is known by the file's stem."""
    for folder in ("invoices", "cleanup"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "main.py").write_text(SCRIPT)
    (tmp_path / "pyproject.toml").touch()
    script = run(tmp_path, "invoices/main.py", "2")
    ledger = tmp_path / "ledger"
    while not (ledger.exists() and ledger.read_text() == "0\n1\n"):
        assert script.poll() is None
    with App(tmp_path / ".podium" / "podium.db", drives="nothing", starter="") as app:
        while app.store.find(Query())[0].entries < 2:
            assert script.poll() is None
        script.kill()
        script.communicate()
        (row,) = app.store.find(Query())
        app.decisions.rename(row.id, "main:flow", operator()).result()
    return tmp_path


def test_the_very_script_gives_them_its_name(left: Path) -> None:
    (left / "go").touch()
    out, err = run(left, "invoices/main.py", "2").communicate(timeout=60)
    assert out == "1\n", err
    assert "took its new name, invoices.main:flow" in err
    assert "resumed" in err
    assert (left / "ledger").read_text() == "0\n1\n", "what is on record was not done again"


def test_another_script_of_that_stem_does_not(left: Path) -> None:
    (left / "go").touch()
    out, _ = run(left, "cleanup/main.py", "2").communicate(timeout=60)
    assert out == "1\n"
    with App(left / ".podium" / "podium.db", drives="nothing", starter="") as app:
        rows = {row.function: row.state for row in app.store.find(Query())}
    assert rows == {"main:flow": State.WAITING, "cleanup.main:flow": State.SUCCEEDED}


def test_a_file_that_has_moved_goes_on_with_its_record(left: Path) -> None:
    """By rename: the module is no part of a step's identity."""
    (left / "shop").mkdir()
    (left / "invoices" / "main.py").rename(left / "shop" / "bills.py")
    (left / "go").touch()
    podium = [sys.executable, "-m", "podium"]
    rename = [*podium, "rename", "main:flow", "shop.bills:flow", "--yes"]
    moved = forkserver.run(rename, cwd=left, capture_output=True, text=True, check=False)
    assert moved.returncode == 0, moved.stderr
    resumed = forkserver.run(
        [*podium, "resume", moved.stdout.strip()], cwd=left, capture_output=True, text=True, check=False
    )
    assert resumed.returncode == 0, resumed.stderr
    assert (left / "ledger").read_text() == "0\n1\n"
