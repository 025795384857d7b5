"""What a run waits for from outside is said where it is followed, with the command that gives it."""

from __future__ import annotations

import shlex
import signal
import subprocess
from pathlib import Path

import pytest

from podium import App
from podium.model import State
from tests import forkserver
from tests.waiting import until

from .support import PODIUM, STORE, Terminal, as_json, environment, podium, write_app

CODE = """
import asyncio
import podium
from podium import task, workflow

@task
async def beside() -> int:
    await asyncio.sleep(60)
    return 0

@workflow
async def asks() -> int:
    return await podium.ask("how many?", int)

@task
def acts() -> None:
    open("acted", "w").close()

@workflow
async def asks_then_acts() -> int:
    n = await podium.ask("how many?", int)
    acts()
    return n

@workflow
async def asks_beside() -> int:
    asyncio.create_task(beside())
    return await podium.ask("how many?", int)

@workflow
async def asks_two() -> int:
    return sum(await asyncio.gather(one("first?"), one("second?")))

async def one(prompt: str) -> int:
    return await podium.ask(prompt, int)

@workflow
async def receives() -> int:
    return await podium.receive("go on", int, timeout=600)

@workflow
async def calls_back() -> int:
    return await podium.callback(int)

@workflow
async def starts_one() -> int:
    return await asks()
"""
SAID = {
    "asks": "an answer to 'how many?'",
    "asks_beside": "an answer to 'how many?'",
    "receives": "the signal 'go on', whose time is up in ",
    "calls_back": "callback ",
    "starts_one": "an answer to 'how many?'",
}


def told(process: subprocess.Popen[str]) -> str:
    """The line that it prints about what it waits for."""
    assert process.stderr is not None
    seen: list[str] = []
    for line in process.stderr:
        seen.append(line)
        if line.startswith("◌"):
            return line
    raise AssertionError("".join(seen))


def left_waiting(workflow: str, id: str) -> None:
    """A run that nobody drives any more, left when it did nothing but wait."""
    process = forkserver.Popen([*PODIUM, "run", f"app:{workflow}", "--id", id, "-q"], env=environment())
    until(STORE.exists)
    with App(STORE, drives="nothing") as app:
        until(lambda: (row := app.store.load(id)) is not None and row.state is State.WAITING)
    process.send_signal(signal.SIGINT)
    process.wait(30)


@pytest.mark.parametrize("workflow", SAID)
def test_a_run_in_the_foreground_says_what_it_waits_for_and_the_command_that_gives_it(
    project: Path, workflow: str
) -> None:
    write_app(project, CODE)
    process = forkserver.Popen(
        [*PODIUM, "run", f"app:{workflow}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    with process:
        try:
            said, _, command = told(process).rstrip("\n").rpartition(": ")
            assert said.startswith(f"◌ waiting for {SAID[workflow]}")
            gives = podium(*shlex.split(command.replace("VALUE", "5"))[1:])
            assert gives.returncode == 0, gives.stderr
            assert process.wait(30) == 0
            assert process.stdout is not None
            assert process.stdout.read() == "5\n"
        finally:
            process.kill()


def test_at_a_terminal_too(project: Path) -> None:
    write_app(project, CODE)
    terminal = Terminal("run", "app:asks")
    terminal.until("waiting for an answer to 'how many?': podium answer ")
    terminal.interrupt()
    terminal.end()


def test_why_gives_the_command_that_sends_the_signal(project: Path) -> None:
    write_app(project, CODE)
    left_waiting("receives", "r")
    assert "next: podium send r 'go on' VALUE\n" in podium("why", "r").stdout
    # A store that is not the default one is named, in every command.
    elsewhere = str(STORE.rename(project / "other.db"))
    command = podium("why", "r", "--store", elsewhere).stdout.rpartition("next: ")[2].strip()
    assert podium(*shlex.split(command)[1:]).stdout == "r  go on sent\n"


def test_of_a_run_whose_function_is_gone_why_says_that_first(project: Path) -> None:
    write_app(project, CODE)
    left_waiting("asks", "r")
    write_app(project, CODE.replace("asks()", "asks_now()"))
    _, first, *_, fix = podium("why", "r").stdout.splitlines()
    assert first.startswith("  nothing here declares app:asks any more")
    assert fix.startswith("next: podium rename app:asks ")
    assert "  it waits for an answer to 'how many?': podium answer r VALUE\n" in podium("why", "r").stdout


def test_where_several_questions_are_open_the_command_says_which(project: Path) -> None:
    write_app(project, CODE)
    left_waiting("asks_two", "r")
    command = podium("why", "r").stdout.rpartition("next: ")[2].strip()
    answered = podium(*shlex.split(command.replace("VALUE", "5"))[1:])
    assert answered.returncode == 0, answered.stderr
    assert podium("waiting").stdout == "r  second?\n"


TAKEN_FIRST = "an answer came first and is taken first: if that ends it, it has ended so"


@pytest.mark.parametrize("verb", ["cancel", "pause"])
def test_an_answer_counts_before_what_came_later_and_the_verb_says_so(project: Path, verb: str) -> None:
    write_app(project, CODE)
    left_waiting("asks", "r")
    podium("answer", "r", "5")
    told = podium(verb, "r")
    assert "asked" in told.stderr + told.stdout
    assert TAKEN_FIRST in told.stderr + told.stdout
    assert TAKEN_FIRST in podium("why", "r").stdout
    ended = podium("resume", "r")
    assert (ended.returncode, ended.stdout) == (0, "5\n")


@pytest.mark.parametrize(("verb", "state"), [("cancel", "cancelled"), ("pause", "parked")])
def test_where_the_body_goes_on_after_the_answer_it_stops_there(project: Path, verb: str, state: str) -> None:
    write_app(project, CODE)
    left_waiting("asks_then_acts", "r")
    podium("answer", "r", "5")
    podium(verb, "r")
    podium("resume", "r")
    assert as_json("show", "r")["state"] == state
    assert not (project / "acted").exists()


def test_who_was_not_answered_is_paused_or_cancelled_without_that_word(project: Path) -> None:
    write_app(project, CODE)
    left_waiting("asks", "r")
    assert podium("pause", "r").stderr == "paused\n"
    left_waiting("asks", "s")
    told = podium("cancel", "s").stderr
    assert told.startswith("asked, but nobody is there")
    assert "came first" not in told


def test_a_signal_with_an_id_is_sent_once(project: Path) -> None:
    write_app(project, CODE)
    left_waiting("receives", "r")
    for _ in range(2):
        sent = podium("send", "r", "go on", "7", "--id", "s")
        assert (sent.returncode, sent.stdout) == (0, "r  go on sent\n")
    with App(STORE, drives="nothing") as app:
        assert len(app.store.inbox("r")) == 1
    assert podium("resume", "r").stdout == "7\n"
    late = podium("send", "r", "go on", "8")
    assert late.returncode == 4, late.stderr


def test_a_signal_without_a_value_is_null_and_text_is_text(project: Path) -> None:
    write_app(project, CODE.replace('"go on", int', '"go on", str | None'))
    for id, given, shown in (("a", (), "None\n"), ("b", ("later",), "'later'\n")):
        left_waiting("receives", id)
        assert podium("send", id, "go on", *given, "-q").stdout == ""
        assert podium("resume", id).stdout == shown
