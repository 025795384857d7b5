"""Several processes on one store, a frozen one, and such as are asked to stop: real processes and signals."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from podium.client.signals import ECHO_SECONDS
from tests.chaos.theatre import Theatre
from tests.chaos.witness import View

SHORT, LONG = 0.3, 60.0  # seconds of grace


@pytest.fixture
def theatre(tmp_path: Path) -> Iterator[Theatre]:
    theatre = Theatre(tmp_path)
    yield theatre
    theatre.close()


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
    time.sleep(2 * ECHO_SECONDS)  # closer together they would be one
    process.send_signal(stop)
    assert theatre.ends(process)[0] != 0
    theatre.open("a")
    again = theatre.start("a")
    assert theatre.ends(again)[0] == 0
    assert theatre.state(run) == "succeeded"
