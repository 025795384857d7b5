"""Told to stop, by a person or by a service manager: what came of it is said, and how it goes on."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from podium.client.signals import ECHO_SECONDS
from tests.cli.support import PODIUM, as_json, began, environment, podium, wait_until, write_app

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
"""

PRESS_SECONDS = 2 * ECHO_SECONDS  # between two signals that are both meant
BOTH = pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])


class Running:
    """`podium run` with pipes."""

    def __init__(self, *words: str) -> None:
        self.process = subprocess.Popen(
            [*PODIUM, "run", *words],
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


def start(running: list[Running], *words: str) -> Running:
    running.append(Running(*words))
    return running[-1]


@BOTH
def test_a_run_that_ends_within_the_grace_has_its_result_told(
    project: Path, running: list[Running], how: signal.Signals
) -> None:
    run = start(running, "app:serves")
    wait_until(lambda: began(project))
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
    wait_until(lambda: as_json("show", "rest")["state"] == "waiting")
    run.process.send_signal(how)
    code, out, err = run.end()
    assert (code, out) == (128 + how, "")
    assert err.splitlines()[-2:] == [
        "stopped: 1 step of rest on record",
        "go on: podium run app:rests --id rest",
    ]


def test_a_second_one_leaves_at_once_and_says_how_to_go_on(project: Path, running: list[Running]) -> None:
    run = start(running, "app:serves", "--id", "slow")
    wait_until(lambda: began(project))
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
        wait_until(lambda: began(project))
        sent = time.monotonic()
        run.process.send_signal(signal.SIGTERM)
        run.until("stopping: running tasks get a moment")
        run.process.send_signal(signal.SIGTERM)
        if time.monotonic() - sent < ECHO_SECONDS / 2:  # else the machine was too busy to be that quick
            break
        run.process.kill()
        (project / "ledger").unlink()
    time.sleep(PRESS_SECONDS)
    (project / "go").touch()
    assert run.end()[:2] == (0, "done in time\n")


def test_who_only_watches_is_told_that_it_goes_on_elsewhere(project: Path, running: list[Running]) -> None:
    podium("run", "app:rests", "--id", "rest", "--detach")
    watching = subprocess.Popen(
        [*PODIUM, "watch", "rest"], text=True, env=environment(), stderr=subprocess.PIPE
    )
    assert watching.stderr is not None
    while "watching rest" not in watching.stderr.readline():
        pass
    watching.send_signal(signal.SIGTERM)
    err = watching.communicate(timeout=30)[1]
    assert watching.returncode == 128 + signal.SIGTERM
    assert err.splitlines()[-1] == "go on watching: podium watch rest"
