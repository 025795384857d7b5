"""At a real terminal: the live view, Ctrl-C at a bad moment, going on, two at once."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from podium import App
from tests import forkserver
from tests.cli.support import (
    PODIUM,
    STORE,
    Terminal,
    as_json,
    began,
    environment,
    podium,
    write_app,
)
from tests.waiting import until

ONCE_AND_AGAIN = """
import pathlib, time
from podium import task, workflow

@task
def first() -> None: ...

@task
def second() -> None:
    with open("ledger", "a") as ledger:
        ledger.write("second\\n")
    while not pathlib.Path("go").exists():
        time.sleep(0.02)

@workflow
def flow() -> None:
    first()
    second()
"""


@pytest.fixture(autouse=True)
def _app(project: Path) -> None:
    write_app(project)


def test_the_tree_shows_counts_progress_and_what_the_user_prints() -> None:
    terminal = Terminal("run", "app:shows", "--", "--n", "4")
    terminal.until("chunk")
    assert terminal.end() == 0
    text = terminal.text
    assert "said: hello" in text
    assert "2 running" in text
    assert "━" in text
    assert "Ctrl-C stops it" in text
    last = text[text.rindex("shows  ") :]
    assert "n=4  ✔ succeeded 00:0" in last
    assert "├─ ✔ loud" in last
    assert "└─ ✔ crunch  5 done" in last
    assert "Ctrl-C" not in last
    assert "\n7\n" in last
    assert "6 steps on record" in last.splitlines()[-1]


def test_it_draws_at_most_ten_times_a_second() -> None:
    terminal = Terminal("run", "app:adds", "--", "--n", "20")
    assert terminal.end() == 0
    assert terminal.text.count("Ctrl-C stops it") <= 35  # of two seconds and a loaded machine's delays


@pytest.mark.parametrize("changes", [{"NO_COLOR": "1"}, {"CI": "1", "NO_COLOR": "1"}])
def test_no_colour_means_none(changes: dict[str, str]) -> None:
    terminal = Terminal("run", "app:adds", "--", "--n", "1", **changes)
    assert terminal.end() == 0
    assert "\x1b[3" not in terminal.raw
    assert "succeeded" in terminal.text


def test_a_dumb_terminal_gets_lines() -> None:
    process = Terminal("run", "app:adds", "--", "--n", "1")
    assert process.end() == 0
    assert "\x1b" in process.raw
    plain = Terminal("run", "app:adds", "--", "--n", "1", CI="1")
    assert plain.end() == 0
    assert "Ctrl-C" not in plain.text
    assert "✔ slow" in plain.text


def test_ctrl_c_stops_says_how_to_go_on_and_the_same_command_does(project: Path) -> None:
    terminal = Terminal("run", "app:adds", "--", "--n", "80")
    terminal.until("3 done")
    terminal.interrupt()
    assert terminal.end() == 130
    assert "go on: podium run app:adds -- --n 80" in terminal.text
    assert "\x1b[?25h" in terminal.raw, "the cursor is back"
    before = len(began(project))
    assert before < 80
    again = Terminal("run", "app:adds", "--", "--n", "80")
    again.until("resumed with")
    assert again.end() == 0
    assert str(sum(range(80))) in again.text
    assert len(set(began(project))) == 80
    assert len(began(project)) <= 81, "what was on record did not run again"


def test_ctrl_c_while_the_module_loads_leaves_no_traceback(project: Path) -> None:
    write_app(project, "import time\nprint('loading', flush=True)\ntime.sleep(30)\n")
    terminal = Terminal("run", "app:adds")
    terminal.until("loading")
    terminal.interrupt()
    assert terminal.end() == 130
    assert "Traceback" not in terminal.text
    assert "interrupted" in terminal.text


def test_a_second_ctrl_c_leaves_at_once_though_a_task_hangs() -> None:
    terminal = Terminal("run", "app:hangs")
    terminal.until("stuck")
    terminal.interrupt()
    terminal.until("Ctrl-C again leaves at once")
    time.sleep(0.2)  # as a person would
    terminal.interrupt()
    began_leaving = time.monotonic()
    assert terminal.end() == 130
    assert time.monotonic() - began_leaving < 20.0  # the task hangs for a minute
    assert terminal.text.rstrip().endswith("go on: podium run app:hangs")
    assert as_json("show", "@last")["state"] == "running"
    assert "dead" in podium("why", "@last").stdout


def test_only_steps_with_an_outcome_are_counted_as_on_record(project: Path) -> None:
    write_app(project, ONCE_AND_AGAIN)
    for kills in range(2):
        process = forkserver.Popen([*PODIUM, "run", "app:flow", "-q"], env=environment())
        try:
            until(lambda kills=kills: len(began(project)) > kills)
        finally:
            process.kill()
            process.wait()
    (run,) = as_json("runs")["runs"]
    assert run["entries"] > 1, "an attempt whose end nobody saw is on record"
    seen = podium("watch", "@last", "--wait", "0.1").stderr
    assert f"watching {run['id']}: 1 step on record  flow(" in seen
    assert f"not done yet: 1 step of {run['id']} on record" in seen
    with forkserver.Popen(
        [*PODIUM, "run", "app:flow"], stderr=subprocess.PIPE, text=True, env=environment()
    ) as again:
        assert again.stderr is not None
        assert again.stderr.readline().startswith(f"resumed {run['id']}: 1 step on record  flow(")
        (project / "go").touch()
        assert " · 2 steps on record" in again.stderr.read().splitlines()[-1]
    assert " · 2 steps on record" in podium("show", "@last").stdout


def test_after_a_kill_the_same_command_resumes(project: Path) -> None:
    terminal = Terminal("run", "app:adds")
    terminal.until("4 done")
    os.kill(terminal.process.pid, signal.SIGKILL)
    terminal.end()
    again = podium("run", "app:adds")
    assert "resumed" in again.stderr.splitlines()[0]
    assert "steps on record" in again.stderr.splitlines()[0]
    assert (again.returncode, again.stdout) == (0, "45\n")
    assert len(began(project)) <= 11
    assert len(as_json("runs")["runs"]) == 1


def test_two_at_once_are_two_runs_and_with_one_id_one(project: Path) -> None:
    def start(*args: str) -> subprocess.Popen[str]:
        return forkserver.Popen(
            [*PODIUM, "run", "app:adds", *args, "--", "--n", "8"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment(),
        )

    both = [start(), start()]
    assert [process.communicate(timeout=30)[0] for process in both] == ["28\n", "28\n"]
    assert len(began(project)) == 16
    both = [start("--id", "one"), start("--id", "one")]
    assert [process.communicate(timeout=30)[0] for process in both] == ["28\n", "28\n"]
    assert len(began(project)) == 24
    assert len(as_json("runs")["runs"]) == 3


def test_a_running_run_is_explained_and_cancelled_from_another_process(project: Path) -> None:
    process = forkserver.Popen(
        [*PODIUM, "run", "app:adds", "--", "--n", "500"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    until(lambda: len(began(project)) > 2)
    why = podium("why", "@last").stdout
    assert f"in process {process.pid}" in why
    assert "asked" in podium("cancel", "@last").stderr
    said = process.communicate(timeout=20)[1]
    assert process.returncode == 1
    assert "⊘ cancelled" in said
    ended = podium("cancel", "@last")
    assert ended.returncode == 4
    assert "E303" in ended.stderr


def test_who_was_taken_for_dead_is_told_how_to_go_on(project: Path) -> None:
    write_app(project, ONCE_AND_AGAIN)
    with forkserver.Popen(
        [*PODIUM, "run", "app:flow"], stderr=subprocess.PIPE, text=True, env=environment()
    ) as process:
        assert process.stderr is not None
        until(lambda: began(project))
        with App(STORE, drives="nothing") as app:
            while engines := app.store.engines():  # it may beat between the look and the verdict
                app.store.release({engine.id: engine.beat for engine in engines}, 0.0)
        said = next(line for line in process.stderr if line.startswith("error[E504]"))
        assert "took it for dead" in said
        hint = next(process.stderr)
        assert hint == "  its runs are safe: start it again, or see who has them: podium runs\n"
        (project / "go").touch()
        process.stderr.read()
    assert process.returncode == 1
