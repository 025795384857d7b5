"""Scripts that are stopped by a signal."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes.support import wait_until

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


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_script_that_is_stopped_says_how_to_go_on(tmp_path: Path, how: signal.Signals) -> None:
    (tmp_path / "script.py").write_text(STOPPED, encoding="utf-8")
    script = subprocess.Popen(
        [sys.executable, "script.py"],
        cwd=tmp_path, env={**os.environ, "PODIUM_URL": str(tmp_path / "podium.db")}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    wait_until((tmp_path / "begun").exists)
    script.send_signal(how)
    _, said = script.communicate(timeout=30)
    assert "podium: stopped run" in said
    assert "2 steps on record" in said
    assert "go on: run the script again, or podium resume" in said
    assert script.returncode == (128 + how if how is signal.SIGTERM else -how)
