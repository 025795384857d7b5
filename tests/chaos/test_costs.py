"""Faults at a share of the syncs and writes, and a few sleepers: what `make prove` does in full."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.chaos.trial import ROOT


def run(*command: str) -> str:
    """A module that judges itself; its output. In a process of its own: it forks, or weighs its memory."""
    paths = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize(("fault", "every"), [("io-error", 4), ("kill", 4), ("full", 24)])
def test_a_fault_of_the_disk_loses_nothing_acknowledged_and_hangs_nobody(fault: str, every: int) -> None:
    said = run("tests.chaos.disk", "--fault", fault, "--every", str(every))
    assert "0 violations" in said
    assert "HUNG" not in said


@pytest.mark.slow
def test_sleepers_cost_little_and_replay_is_linear() -> None:
    said = run("tests.chaos.sleepers", "--runs", "5000", "--seconds", "3", "--steps", "8000", "--count")
    assert "5000 sleepers" in said
    assert "ratio per doubling" in said
