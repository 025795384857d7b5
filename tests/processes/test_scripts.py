"""Scripts that are stopped by a signal."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from podium.model import Query
from tests import forkserver
from tests.processes.support import Host
from tests.waiting import until

STOPPED = """
from podium import sleep, task, workflow

@task
def step() -> None: ...

@task
def begin() -> None:
    open("begun", "w").close()

@workflow
def flow() -> None:
    step()
    begin()
    sleep(600)

if __name__ == "__main__":
    flow()
"""


def started(folder: Path, text: str) -> subprocess.Popen[str]:
    """A script with this text, on a store of that folder."""
    (folder / "script.py").write_text(text, encoding="utf-8")
    return forkserver.Popen(
        [sys.executable, "script.py"],
        cwd=folder, env={**os.environ, "PODIUM_URL": str(folder / "podium.db")}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_script_that_is_stopped_says_how_to_go_on(tmp_path: Path, how: signal.Signals) -> None:
    script = started(tmp_path, STOPPED)
    until((tmp_path / "begun").exists)
    script.send_signal(how)
    _, said = script.communicate(timeout=30)
    assert "podium: stopped run" in said
    assert "2 steps on record" in said
    assert "go on: run the script again, or podium resume" in said
    assert script.returncode == (128 + how if how is signal.SIGTERM else -how)


STUBBORN = """
import atexit, time
from pathlib import Path
from podium import task, workflow

@task
def step() -> None:
    atexit.register(Path("leaving").touch)  # the last one to be registered is called first
    Path("begun").touch()
    time.sleep(600)

@workflow
def flow() -> None:
    step()

if __name__ == "__main__":
    flow()
"""


def test_a_second_ctrl_c_leaves_at_once_without_our_frames(tmp_path: Path) -> None:
    script = started(tmp_path, STUBBORN)
    for mark in ("begun", "leaving"):
        until((tmp_path / mark).exists)
        script.send_signal(signal.SIGINT)
    _, said = script.communicate(timeout=30)
    assert "podium: left at once: what was running is cut off\n" in said
    assert "go on: run the script again, or podium resume" in said
    assert "Exception ignored" not in said
    assert "podium/client" not in said


def test_a_script_that_is_stopped_beside_a_worker_says_who_goes_on(host: Host) -> None:
    """Whoever presses Ctrl-C to stop a mail-out must not read that it was stopped when the rest is sent."""
    host.write("mails", STOPPED)
    worker = host.worker("mails")
    script = forkserver.Popen(
        [sys.executable, "mails.py"],
        cwd=host.folder, env={**os.environ, "PODIUM_URL": host.url}, text=True, stderr=subprocess.PIPE,
    )  # fmt: skip
    until((host.folder / "begun").exists)
    script.send_signal(signal.SIGINT)
    _, said = script.communicate(timeout=30)
    (row,) = host.app.find(Query())
    last = said.splitlines()[-1]
    assert "stopped run" not in said
    assert last.startswith(f"podium: run {row.id} is not stopped: process {worker.process.pid} on ")
    assert last.endswith(f"goes on with it; podium cancel {row.id} ends it")
