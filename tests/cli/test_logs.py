"""`podium logs`: what it shows, what it leaves out, how it follows."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests import forkserver
from tests.cli.support import PODIUM, Terminal, as_json, environment, podium, write_app
from tests.waiting import until

APP = """
import logging, os, sys, time
from podium import Retry, task, workflow

log = logging.getLogger("app")
log.setLevel(logging.DEBUG)

@task
def fetch(n: int) -> int:
    print("fetched", n)
    log.info("info about %d", n)
    return n

@task(retries=Retry(times=1, wait=0.01))
def flaky() -> None:
    log.warning("about to fail")
    try:
        raise ValueError("boom")
    except ValueError:
        log.exception("it failed")
        raise

@task
def evil() -> None:
    print("\\x1b[31mred\\x1b[0m \\x1b]0;title\\x07 nul \\0 \\u202e bidi")
    sys.stderr.write("10 %\\r100 %\\n")

@task
def quiet() -> int:
    return 1

@task
def step_by_step() -> None:
    print("first")
    while not os.path.exists("go on"):
        time.sleep(0.01)
    print("second")

@workflow
def story() -> None:
    log.info("from the body")
    for n in range(3):
        fetch(n)
    evil()

@workflow
def fails() -> None:
    flaky()

@workflow
def says_nothing() -> int:
    return quiet()

@workflow
def long() -> str:
    step_by_step()
    return "done"
"""


@pytest.fixture(autouse=True)
def _app(project: Path) -> None:
    write_app(project, APP)


def shown(*args: str) -> list[dict[str, Any]]:
    ran = podium("logs", *args, "--json")
    assert ran.returncode == 0, ran.stderr
    return [json.loads(line) for line in ran.stdout.splitlines()]


def test_a_line_has_its_time_step_try_and_level(project: Path) -> None:
    podium("run", "app:story")
    rows = podium("logs", "@last").stdout.splitlines()
    assert rows[0].startswith("-- 20")
    cells = [row.split(None, 2) for row in rows[1:4]]
    assert [cell[1] for cell in cells] == ["(body)", "fetch", "fetch"]
    assert [cell[2].split(None, 1)[0] for cell in cells] == ["info", "1", "1"]
    assert rows[2].endswith("fetch     1  out       fetched 0")
    assert rows[3].endswith("fetch     1  info      info about 0")
    assert rows[4].split()[1] == "fetch#1"


def test_nothing_that_was_printed_reaches_the_terminal_unescaped(project: Path) -> None:
    podium("run", "app:story")
    text = podium("logs", "@last", "--step", "evil").stdout
    assert "red ?]0;title? nul ? ? bidi" in text
    assert "err       100 %" in text
    assert "\x1b" not in text
    assert shown("@last", "--step", "evil")[0]["text"].startswith("\x1b[31mred"), (
        "a program gets what was said"
    )


def test_quiet_leaves_what_was_said(project: Path) -> None:
    podium("run", "app:story")
    assert podium("logs", "@last", "--step", "fetch#2", "-q").stdout.splitlines() == [
        line["text"] for line in shown("@last", "--step", "fetch#2")
    ]


def test_json_says_everything(project: Path) -> None:
    podium("run", "app:fails")
    (run,) = as_json("runs")["runs"]
    first, second, *more = shown("@failed")
    assert first.pop("at").endswith("+00:00")
    assert first == {
        "version": 1, "run": run["id"], "n": 1, "step": "/flaky", "attempt": 1,
        "source": "log", "level": 30, "text": "about to fail",
    }  # fmt: skip
    assert second["text"].splitlines()[-1] == "ValueError: boom"
    assert [line["attempt"] for line in more] == [2, 2]
    podium("run", "app:story")
    printed = shown("@last", "--step", "fetch#2")[0]
    assert (printed["source"], printed["level"], printed["text"]) == ("stdout", None, "fetched 2")
    assert shown("@last", "--grep", "from the body")[0]["step"] is None


@pytest.mark.parametrize(
    ("args", "count"),
    [
        ([], 9),
        (["--step", "fetch"], 6),
        (["--step", "/fetch"], 2),
        (["--step", "app:fetch"], 6),
        (["--step", "app:fetch#1"], 2),
        (["--step", "/app:fetch#1"], 2),
        (["--step", "fetch#1"], 2),
        (["--step", "/fetch#1"], 2),
        (["--step", "nobody"], 0),
        (["--level", "info"], 4),
        (["--level", "W"], 0),
        (["--level", "20"], 4),
        (["--grep", "^fetched [01]$"], 2),
        (["--since", "1h30m"], 9),
        (["--since", "0s"], 0),
        (["-n", "2"], 2),
        (["-n", "2", "--step", "fetch"], 2),
        (["-n", "0"], 0),
    ],
)
def test_what_is_left_out(project: Path, args: list[str], count: int) -> None:
    podium("run", "app:story")
    lines = shown("@last", *args)
    assert len(lines) == count
    assert [line["n"] for line in lines] == sorted(line["n"] for line in lines)
    if args[:2] == ["-n", "2"]:
        assert lines[-1]["n"] == (7 if "--step" in args else 9)
    if not count:
        assert podium("logs", "@last", *args).stderr.strip() in ("no line matches", "nothing is on record")


def test_records_of_several_lines_stay_below_their_head(project: Path) -> None:
    podium("run", "app:fails")
    rows = podium("logs", "@failed", "--level", "error", "-n", "1").stdout.splitlines()
    start = rows[1].index("it failed")
    assert rows[2][start:] == "Traceback (most recent call last):"
    assert rows[-1] == " " * start + "ValueError: boom"


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (["nosuch"], 3, "E301"),
        (["@last", "--level", "loud"], 2, "there are: debug, info, warning, error, critical"),
        (["@last", "--grep", "("], 2, "no regular expression"),
        (["@last", "--since", "yesterday"], 2, "for instance: 30s"),
        (["@last", "-n", "-1"], 2, "-n"),
        ([], 2, "RUN"),
    ],
)
def test_what_cannot_be_asked(project: Path, args: list[str], code: int, message: str) -> None:
    podium("run", "app:says_nothing")
    ran = podium("logs", *args)
    assert (ran.returncode, ran.stdout) == (code, "")
    assert message in ran.stderr


def test_a_run_that_says_nothing_is_no_error_and_show_is_silent_about_it(project: Path) -> None:
    podium("run", "app:says_nothing")
    ran = podium("logs", "@last")
    assert (ran.returncode, ran.stdout, ran.stderr.strip()) == (0, "", "nothing is on record")
    assert "logs:" not in podium("show", "@last").stdout


def test_show_says_that_there_are_lines(project: Path) -> None:
    podium("run", "app:story")
    (run,) = as_json("runs")["runs"]
    assert run["logs"] == 9
    assert f"logs: 9 lines  podium logs {run['id']}" in podium("show", "@last").stdout


def test_what_tasks_print_still_goes_where_it_went(project: Path) -> None:
    ran = podium("run", "app:story")
    assert "fetched 2\n" in ran.stdout
    assert "10 %\n100 %\n" in ran.stderr, "as text, where a carriage return ends a line"


def follow(*args: str) -> subprocess.Popen[str]:
    return forkserver.Popen(
        [*PODIUM, "logs", "-f", *args],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(PYTHONUNBUFFERED="1"),
    )


@pytest.fixture
def long_run(project: Path) -> Any:
    running = forkserver.Popen(
        [*PODIUM, "run", "app:long", "--id", "long"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment(),
    )
    until(lambda: podium("logs", "long").stdout.endswith("first\n"))
    yield running
    if running.poll() is None:
        running.kill()
    running.wait()


def test_following_shows_what_comes_and_ends_with_the_run(project: Path, long_run: Any) -> None:
    following = follow("long", "--step", "step_by_step")
    assert following.stdout is not None
    following.stdout.readline()
    assert following.stdout.readline().endswith("first\n")
    (project / "go on").touch()
    assert following.stdout.readline().endswith("second\n")
    rest, talk = following.communicate(timeout=20)
    assert (rest, talk.strip(), following.returncode) == ("", "✔ succeeded", 0)
    assert long_run.wait(20) == 0


def test_ctrl_c_ends_the_following_and_nothing_else(project: Path, long_run: Any) -> None:
    following = follow("long", "--json", "-n", "1")
    assert following.stdout is not None
    assert json.loads(following.stdout.readline())["text"] == "first"
    following.send_signal(signal.SIGINT)
    following.communicate(timeout=20)
    assert following.returncode == 130
    assert long_run.poll() is None


def test_a_reader_that_goes_away_is_no_error(project: Path) -> None:
    podium("run", "app:story")
    read, write = os.pipe()
    os.close(read)
    looking = forkserver.Popen(
        [*PODIUM, "logs", "@last"], stdout=write, stderr=subprocess.PIPE, env=environment()
    )
    os.close(write)
    assert (looking.communicate(timeout=20)[1], looking.returncode) == (b"", 0)


def test_on_a_terminal_there_is_a_title(project: Path) -> None:
    podium("run", "app:story")
    terminal = Terminal("logs", "@last")
    assert terminal.end() == 0
    assert terminal.text.splitlines()[0].split() == ["time", "step", "try", "level"]


def test_what_is_printed_above_the_live_tree_is_kept_without_the_tree(project: Path) -> None:
    running = Terminal("run", "app:long", "--id", "long")
    running.until("step_by_step")
    until(lambda: shown("long"))
    running.until("first")
    (project / "go on").touch()
    assert running.end() == 0
    assert "second" in running.text
    assert [(line["source"], line["text"]) for line in shown("long")] == [
        ("stdout", "first"),
        ("stdout", "second"),
    ]


HANDLER = """
import logging, time
from podium import task, workflow

logging.basicConfig(level=logging.INFO)  # its handler takes what sys.stderr is now

@task
def logs_on() -> None:
    for n in range(5):
        logging.info("record %d", n)
        time.sleep(0.15)

@workflow
def steady() -> None:
    logs_on()
"""


def test_what_a_handler_of_the_modules_own_writes_does_not_break_the_live_tree(project: Path) -> None:
    write_app(project, HANDLER)
    running = Terminal("run", "app:steady")
    assert running.end() == 0
    # Rich takes its frame away, prints, and draws it again; what goes past it stands right behind the frame.
    assert not re.search(r"stays(\x1b\[\d*m)*INFO", running.raw)
    assert running.text.count("INFO:root:record") == 5
