"""Verbs that do something to many: what a query means to them is shown and asked about first."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from podium import App, codec
from podium.errors import WrongState
from podium.model import EngineRow, Fence, Move, NewRun, Outcome, State, Write
from tests import forkserver
from tests.cli.support import (
    PODIUM,
    STORE,
    Terminal,
    as_json,
    environment,
    podium,
    put,
    write_app,
)
from tests.waiting import until


@pytest.fixture
def five(project: Path) -> list[str]:
    """Queued runs, newest first; the fifth is of another function."""
    write_app(project)
    with App(STORE, drives="nothing") as app:
        for n in range(1, 6):
            data, digest = codec.encode_call({"n": n}, where="f")
            function = "app:other" if n == 5 else "app:adds"
            new = NewRun(f"run-{n}", function, data, digest, float(n), tags=("nightly",))
            app.store.commit(None, [Write(new_runs=(new,))])
    return [f"run-{n}" for n in range(5, 0, -1)]


def states() -> dict[str, str]:
    return {run["id"]: run["state"] for run in as_json("runs")["runs"]}


def test_a_query_is_counted_shown_and_refused_where_nobody_can_answer(five: list[str]) -> None:
    ran = podium("cancel", "workflow:adds")
    assert ran.returncode == 2
    lines = ran.stderr.splitlines()
    assert lines[0] == "cancel 4 runs"
    assert [line.strip().partition(" (adds, ◌ queued")[0] for line in lines[1:4]] == [
        "run-4",
        "run-3",
        "run-2",
    ]
    assert lines[4] == "  … 1 more"
    assert lines[5:] == [
        "error[E100]: cancel 4 runs? nobody is there to ask",
        "  --yes does it without asking, --dry-run only looks",
    ]
    assert set(states().values()) == {"queued"}


def test_a_dry_run_only_looks(five: list[str]) -> None:
    for args in (["tag:nightly"], ["run-1", "run-2"], ["tag:nightly", "--yes"]):
        ran = podium("terminate", *args, "--dry-run")
        assert (ran.returncode, ran.stdout) == (0, "")
        assert ran.stderr.splitlines()[-1] == "nothing was done: --dry-run"
        assert "run-" in ran.stderr
    assert podium("cancel", "run-1", "run-2", "--dry-run", "-q").stdout.split() == ["run-1", "run-2"]
    would = json.loads(podium("cancel", "input.n:3", "--dry-run", "--json").stdout)
    assert would == {"version": 1, "runs": [], "refused": [], "would": ["run-3"]}
    assert set(states().values()) == {"queued"}


def test_with_yes_it_is_done_to_those_that_match_and_to_no_other(five: list[str]) -> None:
    ran = podium("cancel", "workflow:adds", "-input.n:2", "-y")
    assert (ran.returncode, ran.stdout.split()) == (0, ["run-4", "run-3", "run-1"])
    assert ran.stderr.splitlines()[-1] == "3 runs: cancelled"
    assert states() == {"run-5": "queued", "run-4": "cancelled", "run-3": "cancelled", "run-2": "queued",
                        "run-1": "cancelled"}  # fmt: skip
    again = podium("cancel", "workflow:adds", "-y")
    assert again.stdout.split() == ["run-2"], "what has ended is not asked again"
    none = podium("cancel", "workflow:adds", "-y")
    assert (none.returncode, none.stderr) == (0, "cancel 0 runs: nothing to do\n")


@pytest.mark.parametrize("verb", ["cancel", "terminate", "resume", "retry"])
def test_where_nothing_matches_a_program_still_reads_json(five: list[str], verb: str) -> None:
    ran = podium(verb, "tag:weekly", "--yes", "--json")
    assert (ran.returncode, json.loads(ran.stdout)) == (0, {"version": 1, "runs": [], "refused": []})


def test_runs_named_one_by_one_need_no_asking_and_one_that_refuses_stops_no_other(five: list[str]) -> None:
    podium("cancel", "run-1")
    ran = podium("cancel", "run-2", "run-1", "run-3", "--json")
    assert ran.returncode == 4
    shown = json.loads(ran.stdout)
    assert [(one["id"], one["outcome"]) for one in shown["runs"]] == [
        ("run-2", "cancelled"),
        ("run-3", "cancelled"),
    ]
    assert shown["refused"] == ["run run-1 has ended: cancelled"]
    assert "error[E303]: run run-1 has ended" in ran.stderr


def test_at_a_terminal_it_asks(five: list[str]) -> None:
    for answer, left in (("n", 5), ("y", 0)):
        terminal = Terminal("terminate", "tag:nightly")
        terminal.until("go on? [y/N]")
        terminal.type(f"{answer}\n")
        assert terminal.end() == 0
        assert ("nothing was done" in terminal.text) == (answer == "n")
        assert list(states().values()).count("queued") == left


def test_failed_ones_are_retried_and_parked_ones_resumed_in_bulk(project: Path) -> None:
    write_app(project)
    podium("run", "app:fails")
    podium("run", "app:fails", "--", "--n", "4")
    podium("run", "app:effects")
    ran = podium("retry", "workflow:fails", "--yes")
    new = ran.stdout.split()
    assert (ran.returncode, len(new)) == (0, 2)
    *_, what, undriven = ran.stderr.splitlines()
    assert what == "2 runs: in line"
    assert undriven.startswith(
        "2 runs undriven, no live engine takes them: podium worker app, or one: podium resume "
    )
    assert [as_json("show", run)["origin"] for run in new] == podium(
        "runs", "-q", "status:failed"
    ).stdout.split()
    again = podium("retry", "workflow:fails", "--yes")
    assert (again.stdout, again.stderr) == ("", "retry 0 runs; 2 others were retried before: nothing to do\n")
    one = podium("retry", "workflow:fails", "input.n:4", "--yes")
    assert one.stderr == "retry 0 runs; 1 other was retried before: nothing to do\n"
    assert podium("resume", "status:paused", "-y").returncode == 0
    assert podium("runs", "-q", "status:parked").stdout == ""


def test_a_failed_child_is_retried_with_the_run_that_started_it(project: Path) -> None:
    (project / "orders.py").write_text(ORDERS)
    assert podium("run", "orders:orders").returncode != 0
    parent, child = podium("runs", "-q").stdout.split()
    if as_json("show", parent)["parent"]:
        parent, child = child, parent
    alone = podium("retry", child)
    assert alone.returncode != 0
    assert f"is retried with run {parent}, which has started it" in alone.stderr
    assert f"podium retry {parent}" in podium("why", child).stdout
    (project / "address").touch()
    in_bulk = podium("retry", "status:failed", "--dry-run")
    assert "retry 1 run; 1 other was retried with the run that started it" in in_bulk.stdout + in_bulk.stderr
    assert podium("retry", parent).returncode == 0
    assert (project / "charged").read_text() == "1\n", "what the child had done is not done again"
    again = podium("retry", parent)
    assert f"was retried before, as {parent}~2, which is succeeded" in again.stderr
    assert f"it was retried, last as {parent}~2" in podium("why", parent).stdout
    assert f"/order  comes of run {child}~2" in podium("show", f"{parent}~2", "--all").stdout
    assert "value" not in as_json("show", f"{parent}~2")["history"][0], (
        "what it goes on from is nobody's value"
    )


ORDERS = """
from pathlib import Path
from podium import task, workflow


@task
def charge(n: int) -> None:
    with open("charged", "a") as file:
        print(n, file=file)


@task
def ship(n: int) -> int:
    if not Path("address").exists():
        raise ValueError("no such address")
    return n


@workflow
def order(n: int) -> int:
    charge(n)
    return ship(n)


@workflow
def orders() -> int:
    return order(1)
"""


def test_an_explicit_id_with_a_colon_is_a_run(project: Path) -> None:
    write_app(project)
    assert podium("run", "app:adds", "--id", "order:7", "--detach").stdout == "order:7\n"
    assert podium("cancel", "order:7").stdout == "order:7\n"
    assert as_json("show", "order:7")["state"] == "cancelled"


def test_an_id_that_begins_with_a_minus(project: Path) -> None:
    write_app(project)
    put("-x1")
    assert podium("show", "-q", "--", "-x1").stdout == "-x1\n"
    refused = podium("show", "-x1")
    assert refused.returncode == 2
    assert "goes after --:  podium show -- ID" in refused.stderr


def test_what_a_living_process_drives_is_not_ended_from_outside(project: Path) -> None:
    write_app(project)
    process = forkserver.Popen([*PODIUM, "run", "app:hangs", "-q"], env=environment())
    try:
        until((project / "ledger").exists)
        ran = podium("terminate", "@last")
        assert ran.returncode == 4
        assert f"runs in process {process.pid} on " in ran.stderr
        assert "podium cancel " in ran.stderr
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def left(project: Path) -> str:
    """A run whose process was killed in the middle of a task."""
    write_app(project)
    process = forkserver.Popen([*PODIUM, "run", "app:hangs", "-q"], env=environment())
    try:
        until((project / "ledger").exists)
    finally:
        process.kill()
        process.wait()
    return podium("runs", "-q", "status:running").stdout.strip()


def test_what_a_killed_process_left_is_taken_from_it_and_ended(left: str) -> None:
    assert as_json("show", left)["state"] == "running"
    ran = podium("terminate", "@last")
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, f"{left}\n", "cancelled\n")
    with App(STORE, drives="nothing") as app:
        row = app.load(left)
        assert (row.state, row.token, row.lost) == (State.CANCELLED, 2, 1)
        late = Fence(left, 1, frozenset({State.RUNNING}))  # what its owner would still write
        refused = app.decisions.write(Write(fence=late, move=Move(State.FAILED)))
        assert refused.result().outcome is Outcome.REFUSED
        assert app.store.engines() == []
    assert not list(Path(".podium/podium.db-locks").glob("*.lock"))


def test_an_engine_that_takes_a_left_run_first_keeps_it(left: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with App(STORE, drives="nothing") as app:
        app.store.announce(EngineRow("heir", 0, "elsewhere", 1, time.time()))
        release = app.store.release

        def released_and_taken(dead: Mapping[str, int], at: float) -> int:
            freed = release(dead, at)
            assert app.store.claim("heir", {"app:hangs": ""}, 1, time.time() + 1).heads
            return freed

        monkeypatch.setattr(app.store, "release", released_and_taken)
        with pytest.raises(WrongState, match=f"run {left} runs in process 1 on elsewhere"):
            app.terminate(left).result()
        assert app.load(left).owner == "heir"


@pytest.mark.parametrize("asked", [("status:open",), ("workflow:hangs", "status:running")])
def test_resume_of_many_names_the_command_that_drives_what_is_left_behind(
    left: str, asked: tuple[str, ...]
) -> None:
    ran = podium("resume", *asked, "--yes")
    assert ran.returncode == 0
    assert ran.stderr.splitlines() == [
        "resume 0 runs: nothing to do",
        "1 run in line, and nothing drives it: podium worker app.py",
    ]


def test_runs_named_one_by_one_are_told_what_drives_them(left: str) -> None:
    other = podium("run", "app:adds", "--detach", "-q", "--", "--n", "1").stdout.strip()
    ran = podium("resume", left, other)
    assert ran.stderr.splitlines()[-1] == "2 runs in line, and nothing drives them: podium worker app.py"


def test_cancel_of_what_nobody_drives_says_so_and_what_to_do(left: str) -> None:
    ran = podium("cancel", "@last")
    assert ran.returncode == 0
    assert ran.stderr == (
        "asked, but nobody is there; whoever drives it next stops it: "
        f"podium resume {left}, or a worker; podium terminate {left}  ends it at once\n"
    )
    podium("resume", left)
    assert as_json("show", left)["state"] == "cancelled"


def test_a_list_is_narrowed_down_by_a_query(five: list[str]) -> None:
    assert podium("runs", "-q", "workflow:adds", "-n", "2").stdout.split() == ["run-4", "run-3"]
    assert podium("runs", "-q", "input.n:5").stdout == "run-5\n"
    assert podium("runs", "-q", "-workflow:adds").stdout == "run-5\n"
    assert podium("runs", "-q", "-adds").stdout == "run-5\n"
    shown = as_json("runs", "workflow:adds", "-n", "2")
    assert (shown["version"], shown["more"], shown["looked_at"], len(shown["runs"])) == (1, True, None, 2)
    assert podium("runs", "-n", "2").stderr == (
        "undriven: no live engine drives these 2 runs; podium why run-4\nthe newest 2; more: -n 20\n"
    )
    assert podium("runs", "tag:daily").stderr == "no runs match\n"
    wrong = podium("runs", "workflow:adds", "stauts:failed")
    assert wrong.returncode == 2
    assert wrong.stderr.startswith("error[E100]: word 2 of the query, stauts:failed: there is no key stauts")


def test_a_list_that_looked_at_not_all_says_so(five: list[str], project: Path) -> None:
    code = "import functools, podium.cli as m, podium.cli.runs as runs; "
    code += (
        "runs.search = functools.partial(runs.search, scan_max=3); m.main(['runs', 'input.n:1', '-n', '1'])"
    )
    ran = forkserver.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment(), check=True
    )
    assert ran.stdout == ""
    assert ran.stderr == "only the newest 3 runs were looked at; narrow it down: created:7d\n"


# -- watching ---------------------------------------------------------------------------------------------


GATED = """
import pathlib, time
from podium import task, workflow

@task
def gate() -> None:
    while not pathlib.Path("go").exists():
        time.sleep(0.02)

@task
def slow(n: int) -> int:
    time.sleep(0.2)
    return n

@workflow
def opens() -> int:
    gate()
    return sum(slow(n) for n in range(15))
"""


def test_a_run_of_another_process_is_watched_to_its_end(project: Path) -> None:
    write_app(project, GATED)
    driving = forkserver.Popen(
        [*PODIUM, "run", "app:opens", "-q"], env=environment(), stdout=subprocess.DEVNULL
    )
    until(lambda: podium("runs", "-q").stdout)
    watching = forkserver.Popen(
        [*PODIUM, "watch", "@last"],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert watching.stderr is not None
    assert watching.stderr.readline().startswith("watching ")
    (project / "go").touch()
    result, told = watching.communicate(timeout=60)
    assert driving.wait(20) == 0
    assert (watching.returncode, result) == (0, "105\n")
    lines = told.splitlines()
    assert "✔ slow" in lines[-2]
    assert "· 16 steps on record ·" in lines[-1]
    assert podium("watch", "@last", "--json").returncode == 0


def test_watching_a_run_that_fails_or_is_over_has_the_runs_exit_code(project: Path) -> None:
    write_app(project)
    podium("run", "app:fails")
    watched = podium("watch", "@last")
    assert watched.returncode == 1
    assert "✖ bad failed after 2 tries: ValueError: boom 3" in watched.stderr
    run = podium("run", "app:adds", "--detach").stdout.strip()
    left = podium("watch", run, "--wait", "0.3")
    assert left.returncode == 6
    assert "no engine is alive" in left.stderr
    assert f"go on watching: podium watch {run}" in left.stderr


def test_ctrl_c_leaves_a_watched_run_alone(project: Path) -> None:
    write_app(project)
    process = forkserver.Popen(
        [*PODIUM, "run", "app:adds", "-q", "--", "--n", "30"], env=environment(), stdout=subprocess.DEVNULL
    )
    until((project / "ledger").exists)
    terminal = Terminal("watch", "@last")
    terminal.until("the run goes on")
    terminal.until(" done")
    os.kill(terminal.process.pid, signal.SIGINT)
    assert terminal.end() == 130
    assert "left running" in terminal.text
    assert process.wait(20) == 0
    assert as_json("show", "@last")["state"] == State.SUCCEEDED


def test_a_fork_is_driven_here_with_a_value_of_the_steps_type(project: Path) -> None:
    write_app(project)
    podium("run", "app:adds", "--id", "whole", "--", "--n", "3")
    forked = podium("fork", "whole", "--at", "slow#2", "--value", "100", "--json")
    assert forked.returncode == 0, forked.stderr
    (newest, _) = as_json("runs")["runs"]
    assert (newest["result"] if "result" in newest else newest["state"], newest["origin"]) == (
        "succeeded",
        "whole",
    )
    assert "forked from whole" in podium("show", newest["id"]).stdout
    assert "result: 101" in podium("show", newest["id"]).stdout
    wrong = podium("fork", "whole", "--at", "slow#2", "--value", "much")
    assert (wrong.returncode, "the value for /slow#2: 'much' is no integer" in wrong.stderr) == (2, True)
    assert podium("fork", "whole", "--at", "quick", "--detach").returncode == 2
