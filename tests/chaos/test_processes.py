"""Several processes on one store, a frozen one, and such as are asked to stop: real processes and signals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.chaos.ledger import Ledger, Line
from tests.chaos.trial import ROOT
from tests.chaos.witness import View

PATIENCE = 30.0
SHORT, LONG = 0.3, 60.0  # seconds of grace


class Theatre:
    """A store, a ledger, gates, and the processes that play on them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store, self.ledger = folder / "a.db", Ledger(folder / "ledger")
        self.lines: list[Line] = []
        self.processes: list[subprocess.Popen[str]] = []
        (folder / "gates").mkdir()
        self.open("end")

    def start(self, gate: str, lease: float = 10.0, grace: float = SHORT) -> subprocess.Popen[str]:
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH")))),
            "PODIUM_URL": str(self.store),
            "CHAOS_LEDGER": str(self.ledger.file),
            "CHAOS_GATES": str(self.folder / "gates"),
        }
        command = [sys.executable, "-m", "tests.chaos.gated", gate, str(lease), str(grace)]
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.processes.append(process)
        return process

    def open(self, gate: str) -> None:
        (self.folder / "gates" / gate).touch()

    def shut(self, gate: str) -> None:
        (self.folder / "gates" / gate).unlink()

    def wait_for(self, what: Callable[[], object]) -> None:
        """Until it is true; files have no events to wait for."""
        end = time.monotonic() + PATIENCE
        while not what():
            assert time.monotonic() < end, f"waited in vain; the ledger says {self.lines}"
            time.sleep(0.005)

    def noted(self, value: str) -> list[Line]:
        """Lines with this value, or ending with it."""
        self.lines += self.ledger.new()
        return [line for line in self.lines if line.value.endswith(value)]

    def at_the_gate(self, process: subprocess.Popen[str], gate: str) -> str:
        """Wait until the process is held up there; the id of its run."""
        self.wait_for(lambda: self.noted(f"{process.pid}-{gate}-first") or process.poll() is not None)
        run = self.noted(f"{process.pid}-{gate}-first")[0].run
        self.wait_for(lambda: [line for line in self.noted("begins") if line.run == run])
        return run

    def ends(self, process: subprocess.Popen[str]) -> tuple[int, str, str]:
        """Its exit code and what it printed and said."""
        out, err = process.communicate(timeout=PATIENCE)
        return process.returncode, out.strip(), err

    def state(self, run: str) -> str:
        return View(self.store).runs[run][0]

    def results(self, run: str) -> list[str]:
        """Its recorded values, each step's exactly once."""
        values = {step: values for (of, step), values in View(self.store).results().items() if of == run}
        assert all(len(each) == 1 for each in values.values())
        return [each[0] for each in values.values()]


@pytest.fixture
def theatre(tmp_path: Path) -> Iterator[Theatre]:
    theatre = Theatre(tmp_path)
    yield theatre
    for process in theatre.processes:
        if process.poll() is None:
            process.kill()
        process.communicate()


def test_the_same_script_twice_at_once_makes_two_runs_and_both_finish(theatre: Theatre) -> None:
    one = theatre.start("a")
    first_run = theatre.at_the_gate(one, "a")
    two = theatre.start("a")
    assert theatre.at_the_gate(two, "a") != first_run
    theatre.open("a")
    for process in (one, two):
        code, out, err = theatre.ends(process)
        assert (code, err) == (0, "")
        assert out == " ".join(f"{process.pid}-a-{step}" for step in ("first", "through", "last"))
    assert len(View(theatre.store).runs) == 2
    assert len(theatre.noted("-last")) == 2


def test_a_live_process_finishes_the_run_of_a_killed_one_beside_its_own(theatre: Theatre) -> None:
    one, two = theatre.start("a", lease=1.0), theatre.start("b", lease=1.0)
    killed, own = theatre.at_the_gate(one, "a"), theatre.at_the_gate(two, "b")
    one.kill()
    theatre.open("a")
    theatre.wait_for(lambda: theatre.state(killed) == "succeeded")
    assert theatre.state(own) == "running"
    theatre.open("b")
    assert theatre.ends(two)[0] == 0
    assert theatre.results(killed) == [f"{one.pid}-a-first", f"{two.pid}-a-through", f"{two.pid}-a-last"]
    assert len([line for line in theatre.noted("-first") if line.run == killed]) == 1


def test_a_frozen_process_that_wakes_up_after_another_took_over_records_nothing(theatre: Theatre) -> None:
    frozen = theatre.start("a", lease=1.0)
    run = theatre.at_the_gate(frozen, "a")
    frozen.send_signal(signal.SIGSTOP)
    other = theatre.start("b", lease=1.0)
    theatre.at_the_gate(other, "b")
    theatre.wait_for(lambda: len([line for line in theatre.noted("begins") if line.run == run]) == 2)
    theatre.open("a")
    theatre.wait_for(lambda: theatre.state(run) == "succeeded")
    before = View(theatre.store).histories[run]
    frozen.send_signal(signal.SIGCONT)
    _, _, err = theatre.ends(frozen)
    assert "lost ownership" in err or "lost its runs" in err
    assert View(theatre.store).histories[run] == before
    assert theatre.results(run) == [f"{frozen.pid}-a-first", f"{other.pid}-a-through", f"{other.pid}-a-last"]
    theatre.open("b")
    assert theatre.ends(other)[0] == 0


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_a_process_asked_to_stop_lets_its_task_end_and_hands_its_run_back(
    theatre: Theatre, stop: signal.Signals
) -> None:
    theatre.shut("end")  # or the next process may have finished the run before its script asks for it
    process = theatre.start("a", grace=LONG)
    run = theatre.at_the_gate(process, "a")
    process.send_signal(stop)
    theatre.wait_for(lambda: theatre.noted("interrupted"))
    theatre.open("a")
    code, out, _ = theatre.ends(process)
    assert code != 0
    assert out == ""
    view = View(theatre.store)
    assert (view.runs[run][0], view.engines) == ("waiting", 0)
    assert theatre.results(run) == [f"{process.pid}-a-first", f"{process.pid}-a-through"]
    again = theatre.start("a")
    assert again.stderr is not None
    assert f"resumed {run}: 2 steps" in again.stderr.readline()
    theatre.open("end")
    code, out, _ = theatre.ends(again)
    assert code == 0
    assert out.split()[:2] == theatre.results(run)[:2]
    assert len(theatre.noted("begins")) == 1, "what was recorded in the grace time does not run again"


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_a_task_that_outlasts_the_grace_is_left_and_the_run_handed_back(
    theatre: Theatre, stop: signal.Signals
) -> None:
    process = theatre.start("a", grace=SHORT)
    run = theatre.at_the_gate(process, "a")
    process.send_signal(stop)
    assert theatre.ends(process)[0] != 0
    state, _token, lost, _payload = View(theatre.store).runs[run]
    assert (state, lost) == ("waiting", 0)
    theatre.open("a")
    again = theatre.start("a")
    assert theatre.ends(again)[0] == 0
    assert theatre.results(run)[1] == f"{again.pid}-a-through"


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_ends_the_process_at_once(theatre: Theatre, stop: signal.Signals) -> None:
    process = theatre.start("a", grace=LONG)
    run = theatre.at_the_gate(process, "a")
    process.send_signal(stop)
    theatre.wait_for(lambda: theatre.noted("interrupted") or process.poll() is not None)
    process.send_signal(stop)
    assert theatre.ends(process)[0] != 0
    theatre.open("a")
    again = theatre.start("a")
    assert theatre.ends(again)[0] == 0
    assert theatre.state(run) == "succeeded"
