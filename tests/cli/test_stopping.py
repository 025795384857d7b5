"""Told to stop, by a person or by a service manager: what came of it is said, and how it goes on."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from podium.client.signals import ECHO_SECONDS
from podium.opening import host_name
from tests import forkserver
from tests.cli.support import PODIUM, as_json, began, environment, podium, write_app
from tests.waiting import until

APP = """
import asyncio, os, sys, time
from podium import task, workflow

def note(what):
    with open("ledger", "a") as ledger:
        ledger.write(f"{what}\\n")

@task
def waits() -> str:
    note("waits")
    while not os.path.exists("go"):
        time.sleep(0.005)
    return "done in time"

@workflow
def serves() -> str:
    return waits()

@workflow
def computes() -> str:
    print("computing", file=sys.stderr, flush=True)
    while not os.path.exists("go"):
        pass
    return "computed"

@workflow
async def rests() -> None:
    waits()
    await asyncio.sleep(3600)

@task
def picky() -> None:
    if not os.path.exists("mended"):
        raise ValueError("not yet")

@workflow
async def fails_first() -> None:
    picky()
    await asyncio.sleep(3600)
"""

PRESS_SECONDS = 2 * ECHO_SECONDS  # between two signals that are both meant
BOTH = pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])


class Running:
    """`podium run`, or another verb, with pipes."""

    def __init__(self, verb: str, *words: str) -> None:
        self.process = forkserver.Popen(
            [*PODIUM, verb, *words],
            text=True,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def until(self, text: str) -> None:
        """Read what it says until this comes."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            if text in line:
                return
        raise AssertionError(f"it never said {text}")

    def end(self) -> tuple[int, str, str]:
        """Exit code, stdout, the rest of stderr."""
        out, err = self.process.communicate(timeout=30)
        return self.process.returncode, out, err


@pytest.fixture
def running(project: Path) -> Iterator[list[Running]]:
    write_app(project, APP)
    left: list[Running] = []
    yield left
    for one in left:
        one.process.kill()
        one.process.communicate()


def start(running: list[Running], *words: str, verb: str = "run") -> Running:
    running.append(Running(verb, *words))
    return running[-1]


@BOTH
def test_a_run_that_ends_within_the_grace_has_its_result_told(
    project: Path, running: list[Running], how: signal.Signals
) -> None:
    run = start(running, "app:serves")
    until(lambda: began(project))
    run.process.send_signal(how)
    run.until("stopping: running tasks get a moment")
    (project / "go").touch()
    code, out, err = run.end()
    assert (code, out) == (0, "done in time\n")
    assert "succeeded in" in err.splitlines()[-1]


@BOTH
def test_a_body_that_was_computing_has_its_result_told(
    project: Path, running: list[Running], how: signal.Signals
) -> None:
    run = start(running, "app:computes")
    run.until("computing")
    run.process.send_signal(how)
    run.until("stopping: running tasks get a moment")
    (project / "go").touch()
    assert run.end()[:2] == (0, "computed\n")


@BOTH
def test_a_run_that_does_not_end_says_how_to_go_on(
    project: Path, running: list[Running], how: signal.Signals
) -> None:
    (project / "go").touch()
    run = start(running, "app:rests", "--id", "rest")
    run.until("waits")
    until(lambda: as_json("show", "rest")["state"] == "waiting")
    run.process.send_signal(how)
    code, out, err = run.end()
    assert (code, out) == (128 + how, "")
    assert err.splitlines()[-2:] == [
        "stopped: 1 step of rest on record",
        "go on: podium run app:rests --id rest",
    ]


AT_ANY_MOMENT = """
import os, signal, threading, time
from podium.cli.stopping import Stopping

for _ in range(200):
    with Stopping(says=False) as stop:
        sender = threading.Thread(target=lambda: (time.sleep(0.001), os.kill(os.getpid(), signal.SIGINT)))
        sender.start()
        while not stop.by:
            stop.wake.wait(0)
        sender.join()
"""


def test_it_may_come_at_any_moment() -> None:
    """An Event that the handler sets would wait for its own lock, which the interrupted thread holds."""
    forkserver.run([sys.executable, "-c", AT_ANY_MOMENT], check=True, timeout=30)


def test_a_second_one_leaves_at_once_and_says_how_to_go_on(project: Path, running: list[Running]) -> None:
    run = start(running, "app:serves", "--id", "slow")
    until(lambda: began(project))
    run.process.send_signal(signal.SIGTERM)
    run.until("stopping: running tasks get a moment")
    time.sleep(PRESS_SECONDS)
    run.process.send_signal(signal.SIGTERM)
    code, _, err = run.end()
    assert code == 128 + signal.SIGTERM
    assert err.splitlines()[-1] == "go on: podium run app:serves --id slow"
    (project / "go").touch()
    assert podium("run", "app:serves", "--id", "slow").stdout == "done in time\n"


def test_the_same_signal_twice_at_once_is_one(project: Path, running: list[Running]) -> None:
    """As `timeout` of coreutils sends it: to the process, and to its group."""
    for _ in range(20):
        run = start(running, "app:serves")
        until(lambda: began(project))
        sent = time.monotonic()
        run.process.send_signal(signal.SIGTERM)
        run.until("stopping: running tasks get a moment")
        run.process.send_signal(signal.SIGTERM)
        if time.monotonic() - sent < ECHO_SECONDS / 2:  # else the machine was too busy to be that quick
            break
        run.process.kill()
        (project / "ledger").unlink()
    else:
        pytest.fail("two signals never came within the time of an echo")
    time.sleep(PRESS_SECONDS)
    (project / "go").touch()
    assert run.end()[:2] == (0, "done in time\n")


def test_who_only_watches_is_told_that_it_goes_on_elsewhere(project: Path, running: list[Running]) -> None:
    podium("run", "app:rests", "--id", "rest", "--detach")
    watching = forkserver.Popen(
        [*PODIUM, "watch", "@last"], text=True, env=environment(), stderr=subprocess.PIPE
    )
    assert watching.stderr is not None
    while "watching rest" not in watching.stderr.readline():
        pass
    watching.send_signal(signal.SIGTERM)
    err = watching.communicate(timeout=30)[1]
    assert watching.returncode == 128 + signal.SIGTERM
    assert err.splitlines()[-1] == "go on watching: podium watch rest"


@pytest.mark.parametrize("word", ["@last", "re"])
def test_a_resumed_run_goes_on_under_its_own_name(project: Path, running: list[Running], word: str) -> None:
    (project / "go").touch()
    podium("run", "app:rests", "--id", "rest", "--detach", "--store", "other.db")
    run = start(running, word, "--store", "other.db", verb="resume")
    until(lambda: as_json("show", "rest", "--store", "other.db")["state"] == "waiting")
    run.process.send_signal(signal.SIGTERM)
    last = run.end()[2].splitlines()[-1]
    assert last == f"go on: podium resume rest --store sqlite:///{project.resolve() / 'other.db'}"


def test_a_retried_run_goes_on_itself_and_is_not_retried_again(project: Path, running: list[Running]) -> None:
    podium("run", "app:fails_first", "--id", "first")
    (project / "mended").touch()
    run = start(running, "@failed", verb="retry")
    until(lambda: as_json("show", "@last")["state"] == "waiting")
    run.process.send_signal(signal.SIGINT)
    new = as_json("show", "@last")["id"]
    assert new != "first"
    assert run.end()[2].splitlines()[-1] == f"go on: podium resume {new}"


def test_resume_of_a_run_that_runs_says_so(project: Path, running: list[Running]) -> None:
    driving = start(running, "app:serves", "--id", "slow")
    until(lambda: began(project))
    ran = podium("resume", "slow", "--detach")
    assert (ran.returncode, ran.stdout) == (0, "slow\n")
    assert re.sub(r"up [\d.]+ m?s", "up a while", ran.stderr) == (
        "it runs already, in another process; nothing was done\n"
        f"it runs in process {driving.process.pid} on {host_name()}, up a while"
        f" (started by {project / 'app.py'})\n"
        "nothing is on record yet: it is at its first steps\n"
    )
    following = start(running, "slow", verb="resume")
    following.until("it runs already, in another process; followed from here")
    (project / "go").touch()
    assert following.end()[:2] == (0, "done in time\n")
    assert driving.end()[:2] == (0, "done in time\n")
    podium("run", "app:serves", "--id", "later", "--detach")
    assert podium("resume", "later", "--detach").stderr == (
        "in line already\nundriven: no engine is alive; whoever drives it needs app:serves\n"
        "podium resume later  drives it here\n"
    )
