"""A project of a test's own, and the processes that are started in it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO

from podium import App
from podium.model import Query
from tests import forkserver
from tests.waiting import until, until_stopped

MAIL = """
import os, sys, time
from podium import task, workflow

@task
def send(to: str) -> str:
    with open("sent", "a") as sent:
        sent.write(f"began {to}\\n")
    while not os.path.exists("go"):
        time.sleep(0.01)
    with open("sent", "a") as sent:
        sent.write(f"SENT {to}\\n")
    return to

@workflow
def campaign(people: list[str]) -> list[str]:
    return [send(person) for person in people]

if __name__ == "__main__":
    print(campaign(sys.argv[1:]))
"""


class Place:
    """A project with the processes that a test starts in it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        (home / "pyproject.toml").touch()
        (home / "mail.py").write_text(MAIL)
        self._started: list[subprocess.Popen[str]] = []

    def start(
        self, *command: str, cwd: Path | None = None, stderr: int | IO[str] = subprocess.PIPE, **env: str
    ) -> subprocess.Popen[str]:
        process = forkserver.Popen(
            [sys.executable, *command], cwd=cwd or self.home, env={**os.environ, **env}, text=True,
            stdout=subprocess.PIPE, stderr=stderr,
        )  # fmt: skip
        self._started.append(process)
        return process

    def kill(self, process: subprocess.Popen[str], how: int = signal.SIGKILL) -> str:
        process.send_signal(how)
        out, err = process.communicate(timeout=60)
        return out + (err or "")

    def stop(self, process: subprocess.Popen[str]) -> None:
        """Stop it as Ctrl-Z does, and wait until it is."""
        process.send_signal(signal.SIGSTOP)
        until_stopped(process.pid)

    def run(self, *command: str, cwd: Path | None = None, **env: str) -> subprocess.CompletedProcess[str]:
        process = self.start(*command, cwd=cwd, **env)
        out, err = process.communicate(timeout=60)
        return subprocess.CompletedProcess(command, process.returncode, out, err)

    def go(self) -> None:
        (self.home / "go").touch()

    def sent(self) -> list[str]:
        file = self.home / "sent"
        return file.read_text().splitlines() if file.exists() else []

    def until(self, *lines: str) -> None:
        """Until a task has written these lines."""
        until(lambda: set(lines) <= set(self.sent()))

    def leave(self, *people: str, how: int = signal.SIGKILL) -> str:
        """A run of these people that was killed in its first step; what was said last."""
        script = self.start("mail.py", *people)
        self.until(f"began {people[0]}")
        return self.kill(script, how)

    def offered(self) -> set[str]:
        """What living engines have."""
        file = self.home / ".podium" / "podium.db"
        if not file.exists():
            return set()
        with App(file, drives="nothing") as app:
            return {name for engine in app.store.engines() for name in engine.functions}

    def states(self) -> list[str]:
        with App(self.home / ".podium" / "podium.db", drives="nothing") as app:
            return sorted(str(row.state) for row in app.store.find(Query()))

    def close(self) -> None:
        for process in self._started:
            if process.poll() is None:
                process.kill()
                process.communicate()
