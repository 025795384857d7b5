"""Somebody else holds the store's write lock: every command says for whom it waits, and can be stopped."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from podium.cli.driving import comes_on_record
from podium.cli.stopping import Stopping
from podium.cli.view import View
from podium.client import Started
from podium.client.told import Told
from podium.errors import IdConflict
from tests import forkserver
from tests.cli.support import PODIUM, environment, podium, write_app
from tests.waiting import until

pytestmark = pytest.mark.skipif(not Path("/proc/locks").exists(), reason="only there the system tells who")

HOLDS = """
import sqlite3, sys
db = sqlite3.connect(".podium/podium.db", isolation_level=None)
db.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def holder(project: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that holds the lock until its stdin closes."""
    write_app(project)
    assert podium("run", "app:adds").returncode == 0
    process = forkserver.Popen([sys.executable, "-c", HOLDS], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    yield process
    process.communicate()


class Command:
    """A command that runs, and what it says on stderr."""

    def __init__(self, folder: Path, *words: str) -> None:
        self._log = folder / "said"
        with self._log.open("w") as log:
            self.process = forkserver.Popen([*PODIUM, *words], env=environment(), stdout=log, stderr=log)

    def until(self, text: str) -> None:
        until(lambda: text in self.said)

    @property
    def said(self) -> str:
        return self._log.read_text("utf-8")


@pytest.fixture
def commands() -> Iterator[list[Command]]:
    left: list[Command] = []
    yield left
    for command in left:
        with suppress(ProcessLookupError):
            command.process.kill()
        command.process.wait()


def waiting_for(holder: subprocess.Popen[bytes]) -> str:
    return f"waiting for the store: process {holder.pid} ("


EACH = pytest.mark.parametrize(
    "words", [("run", "app:adds"), ("run", "app:adds", "--detach"), ("worker", "app")], ids=" ".join
)


@EACH
def test_who_waits_says_for_whom_and_goes_on_when_it_lets_go(
    project: Path, holder: subprocess.Popen[bytes], commands: list[Command], words: tuple[str, ...]
) -> None:
    commands.append(command := Command(project, *words))
    command.until(waiting_for(holder))
    holder.communicate()
    if words[0] == "worker":
        command.until("serves")
        command.process.terminate()
    assert command.process.wait(20) == 0


@EACH
def test_ctrl_c_ends_who_waits(
    project: Path, holder: subprocess.Popen[bytes], commands: list[Command], words: tuple[str, ...]
) -> None:
    commands.append(command := Command(project, *words))
    command.until(waiting_for(holder))
    command.process.send_signal(signal.SIGINT)
    assert command.process.wait(8) == (0 if words[0] == "worker" else 130)
    assert "Traceback" not in command.said


def test_a_wait_that_is_over_ends_it(holder: subprocess.Popen[bytes]) -> None:
    began = time.monotonic()
    ran = podium("run", "app:adds", "--wait", "1")
    assert time.monotonic() - began < 10
    assert ran.returncode == 5
    assert f"error[E501]: process {holder.pid} (" in ran.stderr
    holder.communicate()
    assert len(podium("runs", "-q").stdout.splitlines()) == 1, "nothing was begun"


def test_doctor_tells_a_lock_that_is_held_from_one_in_use(holder: subprocess.Popen[bytes]) -> None:
    ran = podium("doctor", "--quick", "-q")
    assert ran.returncode == 1
    assert f"write lock: held by process {holder.pid} (" in ran.stdout
    holder.communicate()
    assert podium("doctor", "--quick").returncode == 0


HOLDS_LATER = """
import sys
import apsw
from podium.cli import driving, run
from podium.cli.main import main

opened = run.open_engine

def then_hold(*args):
    opened(*args)
    held.execute("BEGIN IMMEDIATE")

held = apsw.Connection(".podium/podium.db")
held.set_busy_timeout(10_000)  # the engine has just begun, and writes now and then
run.open_engine = then_hold
if sys.argv.pop(1) == "let go":  # as soon as nobody waits for the start any more
    left = run.leave
    run.leave = lambda *args, **more: (held.execute("ROLLBACK"), left(*args, **more))[1]
main(sys.argv[1:])
"""


@pytest.mark.parametrize("then", ["hold on", "let go"])
def test_who_leaves_before_the_start_is_on_record_says_what_came_of_it(project: Path, then: str) -> None:
    write_app(project)
    assert podium("run", "app:adds").returncode == 0
    words = [sys.executable, "-c", HOLDS_LATER, then, "run", "app:adds", "--id", "late", "--wait", "1"]
    ran = forkserver.run(words, env=environment(), capture_output=True, text=True, timeout=60, check=False)
    if then == "hold on":
        assert ran.returncode == 6
        assert ran.stderr.splitlines()[-1] == "not done yet: the run is not on record"
        assert podium("show", "late").returncode == 3
    else:
        assert ran.returncode in (0, 6), ran.stderr
        assert "late" in ran.stderr.splitlines()[-2]
        assert podium("show", "late").returncode == 0


def test_a_start_that_fails_is_no_wait() -> None:
    view, stop = View("adds", 0.0), Stopping()
    started = Started(Told())
    assert not comes_on_record(started, view, stop, 0.1)
    started.id.tell(IdConflict("that id is taken"))
    with pytest.raises(IdConflict):
        comes_on_record(started, view, stop, None)
