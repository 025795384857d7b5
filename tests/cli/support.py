"""The command line as its users meet it: a process of its own, a pipe or a terminal at its end."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import Any, NoReturn

from podium import App, codec
from podium.model import NewRun, Write
from tests import forkserver

PODIUM = [sys.executable, "-m", "podium"]
STORE = Path(".podium", "podium.db")  # of the project in the working directory; a test's own app has another
ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[78]|\r")

APP = '''
import asyncio, time
from podium import Retry, progress, task, workflow

def note(what):
    with open("ledger", "a") as ledger:
        ledger.write(f"{what}\\n")

@task
def slow(n: int) -> int:
    note(f"began {n}")
    time.sleep(0.1)
    return n

@task
def stuck() -> None:
    note("stuck")
    time.sleep(60)

@task(retries=Retry(times=1, wait=0.05))
def bad(n: int) -> int:
    return helper(n)

def helper(n):
    raise ValueError(f"boom {n}")

@task
async def crunch(n: int) -> int:
    for i in range(10):
        progress(i, 10, f"chunk {i}")
        await asyncio.sleep(0.05)
    return n

@task
def loud(text: str) -> None:
    print("said:", text)

@workflow
def adds(n: int = 10) -> int:
    """Adds.

    n: how many
    """
    return sum(slow(i) for i in range(n))

@workflow
def fails(n: int = 3) -> int:
    return bad(n)

@workflow
def hangs() -> None:
    stuck()

@workflow
async def shows(n: int = 4) -> int:
    loud("hello")
    done = await crunch.map(range(n), limit=2)
    return sum(done) + await crunch(1)

@workflow
async def sleeps(seconds: float = 3600.0) -> str:
    await asyncio.sleep(seconds)
    return "rested"

@workflow
def effects() -> str:
    return open("ledger").read()

@workflow
def evil() -> str:
    return "\\x1b[31mred\\x1b]0;title\\x07"
'''


def place(source: str, text: str = "") -> str:
    """Where that line of the module stands: "app.py:12"."""
    lines = [line.strip() for line in (text or APP).splitlines()]
    return f"app.py:{lines.index(source) + 1}"


def write_app(project: Path, text: str = APP) -> None:
    """The module `app` in the project."""
    (project / "app.py").write_text(text, encoding="utf-8")


def environment(**changes: str) -> dict[str, str]:
    """Without what a CI or a developer's terminal sets."""
    left_out = ("NO_COLOR", "FORCE_COLOR", "CI", "TERM", "LC_ALL", "PYTHONIOENCODING")
    return {k: v for k, v in os.environ.items() if k not in left_out} | {"LANG": "C.UTF-8"} | changes


def podium(*args: str, **changes: str) -> subprocess.CompletedProcess[str]:
    """Run it to its end with pipes."""
    return forkserver.run(
        [*PODIUM, *args],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=environment(**changes),
        timeout=60,
    )


def as_json(*args: str) -> Any:
    """Its JSON."""
    ran = podium(*args, "--json")
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


def put(id: str) -> None:
    """A run of `adds` in line, under an id that a store may hold though nobody can choose it now."""
    args, digest = codec.encode_call({}, where="f")
    new = NewRun(id, "app:adds", args, digest, time.time())
    with App(STORE, drives="nothing") as app:
        app.store.commit(None, [Write(new_runs=(new,))])


def began(project: Path) -> list[str]:
    """What the tasks wrote down, one line per body that began."""
    ledger = project / "ledger"
    return ledger.read_text().splitlines() if ledger.exists() else []


class Terminal:
    """A process at a real terminal of 100 columns and 30 lines."""

    def __init__(self, *args: str, **changes: str) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
        self.process = forkserver.Popen(
            [*PODIUM, *args],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=environment(TERM="xterm-256color", **changes),
            start_new_session=True,
        )
        os.close(slave)
        self.raw = ""

    @property
    def text(self) -> str:
        """What was written, without escapes: each redraw after the other."""
        return ESCAPES.sub("", self.raw)

    def read(self, seconds: float) -> bool:
        """Take what comes within so long; False when the other end is closed."""
        if not select.select([self._master], [], [], seconds)[0]:
            return True
        try:
            piece = os.read(self._master, 65536)
        except OSError:  # Linux: the last writer has gone
            return False
        self.raw += piece.decode("utf-8", "replace")
        return bool(piece)

    def until(self, text: str, seconds: float = 20.0) -> None:
        """Read on until this was shown."""
        deadline = time.monotonic() + seconds
        while text not in self.text:
            going_on = self.read(0.1)
            if text not in self.text and (not going_on or time.monotonic() > deadline):
                self._give_up()

    def _give_up(self) -> NoReturn:
        self.process.kill()
        self.process.wait()
        os.close(self._master)
        raise AssertionError(self.text[-3000:])

    def type(self, text: str) -> None:
        """What a person types."""
        os.write(self._master, text.encode())

    def interrupt(self) -> None:
        """Ctrl-C."""
        self.process.send_signal(signal.SIGINT)

    def end(self, seconds: float = 20.0) -> int:
        """Read to the end; the exit code."""
        deadline = time.monotonic() + seconds
        while self.read(0.1):
            if time.monotonic() > deadline:
                self._give_up()
            if self.process.poll() is not None and not select.select([self._master], [], [], 0)[0]:
                break
        os.close(self._master)
        return self.process.wait(30)
