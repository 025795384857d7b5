"""A task that kills its process from a thread: it is found out, its run parked, and everything else goes on.

A supervisor starts the process again whenever it dies, as systemd or Kubernetes would.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from podium import App, RunParked
from podium.model import Kind, State, read_reason
from tests import forkserver
from tests.isolation import poisoned
from tests.tidy.source import ROOT

CRASHES_MAX = 6  # the promise, for each step that kills
BODY_CRASHES_MAX = 8  # and for each body that does
OTHERS = 12


def supervise(store: Path, ledger: Path) -> int:
    """Start the process again until it ends well; how often it had to be."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "tests.isolation.poisoned", str(store), str(ledger)]
    crashes = 0
    while forkserver.run(command, env=environment, stderr=subprocess.DEVNULL, timeout=60).returncode != 0:
        crashes += 1
        assert crashes <= 30, "the pool never came to rest"
    return crashes


@pytest.mark.parametrize("hows", [["exit"], ["abort"], ["kill"], ["exit", "abort", "kill"]], ids="+".join)
def test_a_step_that_kills_its_process_is_isolated_then_parked(tmp_path: Path, hows: list[str]) -> None:
    store, ledger = tmp_path / "podium.db", tmp_path / "ledger"
    with App(store, drives="nothing", starter="") as app:
        bad = [poisoned.poison.start(how) for how in hows]
        good = [poisoned.steady.start(number) for number in range(OTHERS)]
        crashes = supervise(store, ledger)
        print(f"{crashes} crashes")
        assert [run.result() for run in good] == [3 * number for number in range(OTHERS)]
        for run in good:
            assert sum(entry.kind is Kind.RESULT for entry in run.history()) == 3
        begun = Counter(line.split()[0] for line in ledger.read_text().splitlines())
        for how, run in zip(hows, bad, strict=True):
            assert run.state is State.PARKED
            with pytest.raises(RunParked, match=r"kills\(.*\) was lost with its process"):
                run.result()
            reason = read_reason(app.load(run.id).payload)
            assert f"kills(how='{how}')" in reason.what, "what it was called with"
            assert (reason.code, "poisoned.py:" in reason.line) == ("E207", True), "the line of the call"
            alone = [
                entry for entry in run.history() if entry.kind is Kind.START_ALONE and "kills" in entry.step
            ]
            assert len(alone) == 3, "only losses alone count"
            assert begun[how] <= CRASHES_MAX
        assert crashes <= CRASHES_MAX * len(hows)


@pytest.mark.parametrize("hows", [["exit"], ["abort", "exit"]], ids="+".join)
def test_a_body_that_kills_its_process_is_parked_and_takes_nobody_along(
    tmp_path: Path, hows: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, ledger = tmp_path / "podium.db", tmp_path / "ledger"
    with App(store, drives="nothing", starter="") as app:
        bad = [poisoned.deadly.start(how) for how in hows]
        step = poisoned.poison.start("kill")  # beside one whose step does
        good = [poisoned.steady.start(number) for number in range(OTHERS)]
        crashes = supervise(store, ledger)
        print(f"{crashes} crashes")
        assert [run.result() for run in good] == [3 * number for number in range(OTHERS)]
        for run in bad:
            reason = read_reason(app.load(run.id).payload)
            assert (run.state, reason.code) == (State.PARKED, "E207")
            assert "the body of deadly took the process down" in reason.what
            assert "poisoned.py:" in reason.line
        assert step.state is State.PARKED
        assert crashes <= CRASHES_MAX + BODY_CRASHES_MAX * len(hows)
        monkeypatch.setenv("MENDED", "1")
        for run in (*bad, step):
            run.resume()
        assert supervise(store, ledger) == 0, (
            "who is resumed is tried again, not parked for what it did before"
        )
        assert [run.result() for run in (*bad, step)] == [0] * (len(hows) + 1)
