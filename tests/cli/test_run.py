"""`podium run` at a pipe: data on stdout, talk on stderr, failures in a dozen lines, exit codes."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests import forkserver
from tests.cli.support import APP, PODIUM, as_json, began, environment, place, podium, put, write_app

RAISES = 'raise ValueError(f"boom {n}")'


@pytest.fixture(autouse=True)
def _app(project: Path) -> None:
    write_app(project)


def test_the_result_goes_to_stdout_and_everything_else_to_stderr() -> None:
    ran = podium("run", "app:adds", "--", "--n", "3")
    assert (ran.returncode, ran.stdout) == (0, "3\n")
    assert "adds(n=3)" in ran.stderr
    assert "✔ slow" in ran.stderr
    assert "✔ succeeded in" in ran.stderr.splitlines()[-1]
    assert "3 steps on record" in ran.stderr.splitlines()[-1]


def test_a_file_does_as_well_as_a_module() -> None:
    ran = podium("run", "./app.py:adds", "--n", "2", "--json", "--quiet")
    shown = json.loads(ran.stdout)
    assert (shown["function"], shown["state"], shown["result"], shown["steps"]) == (
        "app:adds",
        "succeeded",
        1,
        2,
    )
    assert ran.stderr == ""


def test_a_failure_shows_the_users_line_first_and_the_tries_in_a_dozen_lines() -> None:
    ran = podium("run", "app:fails")
    assert (ran.returncode, ran.stdout) == (1, "")
    lines = ran.stderr.splitlines()
    told = lines[next(i for i, line in enumerate(lines) if line.startswith("✖ bad failed")) :]
    assert told[0] == "✖ bad failed after 2 tries: ValueError: boom 3"
    assert told[1] == f"  {place(RAISES)}  {RAISES}"
    assert told[2] == f"  {place('return helper(n)')}  return helper(n)"
    assert any("podium frames (PODIUM_TRACE=1)" in line for line in told)
    assert any("try 1 ValueError: boom 3 · try 2 same · not tried again" in line for line in told)
    assert "podium retry " in told[-1]
    assert len(told) <= 12
    assert "Traceback" not in ran.stderr


def test_all_frames_are_there_when_asked_for() -> None:
    assert "machine.py" in podium("run", "app:fails", PODIUM_TRACE="1").stderr


@pytest.mark.parametrize(
    ("flags", "code", "says"),
    [
        (["--n", "seven"], "E101", 'adds(n=...) wants int, got "seven" (--n)'),
        (["--m", "7"], "E101", "no flag --m"),
        (["--n"], "E101", "requires an argument"),
        (["7"], "E101", "extra argument"),
    ],
)
def test_wrong_flags_store_nothing(flags: list[str], code: str, says: str) -> None:
    ran = podium("run", "app:adds", "--", *flags)
    assert ran.returncode == 2
    assert f"error[{code}]" in ran.stderr
    assert says in ran.stderr
    assert "adds(n: int = 10) -> int" in ran.stderr
    assert as_json("runs")["runs"] == []


@pytest.mark.parametrize("wait", ["-1", "nan", "inf", "soon"])
@pytest.mark.parametrize("command", [("run", "app:adds", "--wait"), ("worker", "app", "--grace")])
def test_seconds_that_are_none(command: tuple[str, ...], wait: str) -> None:
    ran = podium(*command, wait)
    assert ran.returncode == 2
    assert "error[E100]" in ran.stderr
    assert command[-1] in ran.stderr
    assert as_json("runs")["runs"] == []


@pytest.mark.parametrize(
    ("target", "code", "rc", "says"),
    [
        ("app:ads", "E121", 3, "nearest: app:adds"),
        ("ap:adds", "E121", 3, "nearest: app.py"),
        (":adds", "E121", 3, "there is no module ''"),
        (".:adds", "E121", 3, "there is no module '.'"),
        (".app:adds", "E121", 3, "there is no module '.app'"),
        ("./nowhere.py:adds", "E121", 3, "no module"),
        ("app:slow", "E100", 2, "slow is a task"),
        ("app:helper", "E100", 2, "@workflow"),
        ("app", "E100", 2, "app:fails"),
    ],
)
def test_a_target_that_is_none(target: str, code: str, rc: int, says: str) -> None:
    ran = podium("run", target)
    assert (ran.returncode, ran.stdout) == (rc, "")
    assert f"error[{code}]" in ran.stderr
    assert says in ran.stderr


@pytest.mark.parametrize(
    ("text", "says", "line"),
    [
        ("x = 1\nimport no_such_package\n", "No module named 'no_such_package'", "import no_such_package"),
        ("def f(:\n    pass\n", "SyntaxError", "def f(:"),
        ("raise SystemExit(3)\n", "SystemExit", "raise SystemExit(3)"),
        (
            "from podium import workflow\nw = workflow(lambda: 1)\n",
            "cannot be a workflow",
            "w = workflow(lambda: 1)",
        ),
    ],
)
def test_a_broken_module_shows_its_own_line_first(project: Path, text: str, says: str, line: str) -> None:
    write_app(project, text)
    ran = podium("run", "app:w")
    first, second = ran.stderr.splitlines()[:2]
    assert ran.returncode == 2
    assert first.startswith("error[E120]: app cannot be loaded: ")
    assert says in first
    assert second.split("  ", 2)[1].startswith("app.py:")
    assert second.endswith(line)
    assert "Traceback" not in ran.stderr


def test_detached_it_waits_for_whoever_drives_it(project: Path) -> None:
    run = podium("run", "app:adds", "--detach", "--", "--n", "2").stdout.strip()
    assert as_json("show", run)["state"] == "queued"
    why = podium("why", run).stdout
    assert "no engine is alive" in why
    assert f"podium resume {run}" in why
    assert began(project) == []
    assert podium("resume", run).stdout == "1\n"


def test_a_process_that_is_to_drive_nothing_drives_nothing(project: Path) -> None:
    podium("run", "app:fails", "--id", "failed")
    podium("run", "app:adds", "--id", "queued", "--detach")
    for words in (("run", "app:adds"), ("resume", "queued"), ("retry", "failed")):
        ran = podium(*words, PODIUM_ENGINE="off")
        assert (ran.returncode, ran.stdout) == (2, "")
        assert ran.stderr.splitlines() == [
            "error[E100]: PODIUM_ENGINE=off: this process is to drive nothing",
            "  --detach leaves the run to a worker; or unset PODIUM_ENGINE",
        ]
    assert len(as_json("runs")["runs"]) == 2
    assert began(project) == []
    assert "--n" in podium("run", "app:adds", "--", "--help", PODIUM_ENGINE="off").stdout
    for words in (("run", "app:adds"), ("resume", "queued"), ("retry", "failed")):
        assert podium(*words, "--detach", PODIUM_ENGINE="off").returncode == 0


def test_it_drives_its_own_run_and_leaves_what_else_lies_there_to_others(project: Path) -> None:
    other = podium("run", "app:hangs", "--detach").stdout.strip()
    assert podium("run", "app:adds", "--", "--n", "2").stdout == "1\n"
    assert began(project) == ["began 0", "began 1"]
    assert as_json("show", other)["state"] == "queued"


def test_it_takes_up_the_very_run_that_was_put_in_line(project: Path) -> None:
    podium("run", "app:adds", "--id", "mine", "--detach", "--", "--n", "2")
    assert podium("run", "app:adds", "--id", "mine", "--", "--n", "2").stdout == "1\n"
    assert as_json("show", "mine")["state"] == "succeeded"


def test_it_leaves_after_so_many_seconds_and_the_same_command_goes_on() -> None:
    left = podium("run", "app:sleeps", "--wait", "0.3", "--", "--seconds", "1.5")
    assert left.returncode == 6
    assert "go on: podium run app:sleeps" in left.stderr
    again = podium("run", "app:sleeps", "--", "--seconds", "1.5")
    assert (again.returncode, again.stdout) == (0, "rested\n")
    assert len(as_json("runs")["runs"]) == 1


def test_the_same_id_is_the_same_run_and_other_arguments_are_refused(project: Path) -> None:
    assert podium("run", "app:adds", "--id", "once", "--", "--n", "2").stdout == "1\n"
    assert podium("run", "app:adds", "--id", "once", "--", "--n", "2").stdout == "1\n"
    assert len(began(project)) == 2
    other = podium("run", "app:adds", "--id", "once", "--", "--n", "3")
    assert other.returncode == 4
    assert "E302" in other.stderr


@pytest.mark.parametrize("id", ["@last", "-x", "a b", "a\nb", "", "x" * 300, "a/b", "status:failed"])
def test_an_id_that_cannot_be_one_runs_nothing(project: Path, id: str) -> None:
    ran = podium("run", "app:adds", f"--id={id}")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "error[E100]" in ran.stderr
    assert "letters, digits and ._:- are allowed" in ran.stderr or "reads status: as a filter" in ran.stderr
    assert began(project) == []


def test_an_effect_in_the_body_parks_the_run_names_the_line_and_goes_on_when_mended(project: Path) -> None:
    ran = podium("run", "app:effects")
    assert ran.returncode == 1
    assert "⏸ parked" in ran.stderr
    why = podium("why", "@last").stdout
    assert place('return open("ledger").read()') in why
    assert "move" in why
    assert "podium resume" in why
    write_app(project, APP.replace('return open("ledger").read()', 'return "mended"'))
    assert podium("resume", "@last").stdout == "mended\n"


def test_a_mended_run_is_retried_from_the_step_that_failed(project: Path) -> None:
    write_app(project, APP.replace("return bad(n)", "return slow(1) + bad(n)"))
    assert podium("run", "app:fails").returncode == 1
    write_app(
        project,
        APP.replace("return bad(n)", "return slow(1) + bad(n)").replace("return helper(n)", "return n"),
    )
    again = podium("retry", "@failed")
    assert (again.returncode, again.stdout) == (0, "4\n")
    assert "resumed" in again.stderr
    assert began(project) == ["began 1"]


def test_stored_text_moves_no_cursor() -> None:
    for args in (["run", "app:evil"], ["show", "@last"], ["show", "@last", "--all"], ["runs"]):
        ran = podium(*args, FORCE_COLOR="")
        assert "\x1b" not in ran.stdout + ran.stderr
        assert "\x07" not in ran.stdout + ran.stderr


def test_not_even_an_id_moves_it() -> None:
    put("x\x1b[2J\x1b]0;title\x07y")
    for args in (
        ["runs"],
        ["show", "@last"],
        ["why", "@last"],
        ["runs", "-q"],
        ["cancel", "tag:x", "x"],
        ["doctor"],
    ):
        ran = podium(*args)
        assert "\x1b" not in ran.stdout + ran.stderr
        assert "\x07" not in ran.stdout + ran.stderr


def test_a_reader_that_has_gone_causes_no_traceback() -> None:
    podium("run", "app:adds", "--", "--n", "1")
    for args in (["runs"], ["show", "@last", "--all"], ["--help"]):
        process = forkserver.Popen(
            [*PODIUM, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()
        )
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        said = process.stderr.read().decode()
        process.stderr.close()
        assert (process.wait(20) in (0, 1), said) == (True, "")


def test_an_encoding_without_signs_gets_ascii() -> None:
    podium("run", "app:adds", "--", "--n", "1")
    shown = podium("show", "@last", PYTHONIOENCODING="ascii")
    assert shown.stdout.isascii()
    assert "+ succeeded" in shown.stdout


@pytest.mark.parametrize("url", [":memory:", "sqlite:///:memory:?shared"])
def test_a_store_that_ends_with_the_command_is_refused_before_anything_runs(project: Path, url: str) -> None:
    for ran in (podium("run", "app:adds", "--store", url), podium("run", "app:adds", PODIUM_URL=url)):
        assert (ran.returncode, ran.stdout) == (7, "")
        assert "error[E502]: a store in memory ends with this command" in ran.stderr
        assert "--store runs.db" in ran.stderr
    assert began(project) == []


def test_a_store_that_cannot_be_opened_is_a_matter_of_configuration() -> None:
    ran = podium("run", "app:adds", "--store", "nosuch://x")
    assert ran.returncode == 7
    assert "error[E502]" in ran.stderr
