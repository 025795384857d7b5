"""Worker processes on one store, killed, frozen and started again; and the client that feeds them."""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import apsw

from podium import App
from podium.errors import StoreUnavailable
from tests import forkserver
from tests.chaos.ledger import Ledger
from tests.chaos.serving import six
from tests.chaos.trial import ROOT
from tests.waiting import until_stopped

GOODBYE_SECONDS = 30.0


class Member:
    """One worker, through all its lives."""

    def __init__(self, fleet: Fleet, number: int) -> None:
        self.fleet, self.number, self.name = fleet, number, f"worker-{number}"
        self.errors = fleet.folder / f"{self.name}.err"
        self.frozen = False
        self.process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        self.frozen = False
        with self.errors.open("ab") as errors:
            environment = {**self.fleet.environment, "PODIUM_URL": self.fleet.url_of(self.number)}
            return forkserver.Popen(
                self.fleet.command, cwd=ROOT, env=environment, stdout=errors, stderr=errors
            )

    @property
    def lives(self) -> bool:
        return self.process.poll() is None

    def revive(self) -> None:
        """Start it again after its death."""
        self.process.wait()
        self.process = self._start()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def freeze(self) -> None:
        self.process.send_signal(signal.SIGSTOP)
        self.frozen = True

    def freeze_between_commits(self) -> None:
        """Whoever is stopped in a commit keeps SQLite's write lock, and nobody can take over before it dies
        or goes on: true, and not what is to be looked at here. A server takes its locks away by itself."""
        if isinstance(self.fleet.store, str):
            self.freeze()
            return
        with closing(apsw.Connection(str(self.fleet.store))) as stranger:
            stranger.set_busy_timeout(50)
            while not self.frozen:
                self.freeze()
                until_stopped(self.process.pid)
                try:
                    stranger.execute("BEGIN IMMEDIATE; ROLLBACK")
                except apsw.BusyError:
                    self.thaw()

    def thaw(self) -> None:
        self.process.send_signal(signal.SIGCONT)
        self.frozen = False

    def tell_stacks(self) -> None:
        """Every thread's stack, to its standard error."""
        self.process.send_signal(signal.SIGUSR2)

    def said(self, last: int = 1000) -> str:
        return self.errors.read_text(errors="replace")[-last:] if self.errors.exists() else ""


class Fleet:
    """So many `podium worker` processes with so many slots each; a context manager that ends them all."""

    def __init__(
        self, folder: Path, *, size: int, slots: int, lease: float, store: Path | str | None = None
    ) -> None:
        self.folder, self.slots, self.lease = folder, slots, lease
        self.store = store or folder / "podium.db"
        self.ledger = Ledger(folder / "ledger")
        self.clock = folder / "clock"
        self.set_clock(0.0)
        self.environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH")))),
            "CHAOS_LEDGER": str(self.ledger.file),
            "CHAOS_CLOCK": str(self.clock),
        }
        options = ["-c", str(slots), "--lease", str(lease)]
        self.command = [sys.executable, "-m", "podium", "worker", "tests.chaos.serving", *options]
        self.members = [Member(self, number) for number in range(size)]

    def url_of(self, number: int) -> str:
        """Where that worker finds the store, which is a file, or a database by its URL."""
        return self.store if isinstance(self.store, str) else f"sqlite:///{self.store}"

    def set_clock(self, seconds: float) -> None:
        """By how much the wall clock of every worker is wrong; in place, for they have it mapped."""
        descriptor = os.open(self.clock, os.O_RDWR | os.O_CREAT)
        os.pwrite(descriptor, struct.pack("d", seconds), 0)
        os.close(descriptor)

    def say_goodbye(self) -> list[int | None]:
        """SIGTERM to all that live; their exit codes, None for one that did not leave."""
        living = [member for member in self.members if member.lives]
        for member in living:
            member.process.terminate()
        codes: list[int | None] = []
        end = time.monotonic() + GOODBYE_SECONDS
        for member in living:
            try:
                codes.append(member.process.wait(max(0.0, end - time.monotonic())))
            except subprocess.TimeoutExpired:
                codes.append(None)
        return codes

    def __enter__(self) -> Fleet:
        return self

    def __exit__(self, *_: object) -> None:
        for member in self.members:
            if member.lives:
                member.kill()


class Feeder:
    """Starts runs of `six` from a thread, no faster than it is allowed to; notes what is acknowledged.

    A store that is busy or full is asked again, under the same id.
    """

    def __init__(self, store: Path | str) -> None:
        self.acknowledged: set[str] = set()
        self.refused = 0  # starts that had to be tried again
        self.allowed = 0
        self._store = store
        self._more = threading.Condition()
        self._ended = False
        self._thread = threading.Thread(target=self._feed, daemon=True)
        self._thread.start()

    def allow(self, count: int) -> None:
        """Let so many runs be started, counted from the first."""
        with self._more:
            self.allowed = max(self.allowed, count)
            self._more.notify()

    def end(self) -> None:
        with self._more:
            self._ended = True
            self._more.notify()
        self._thread.join()

    def _feed(self) -> None:
        number = 0
        with App(self._store, drives="nothing", starter="", notice=lambda _: None):
            while True:
                with self._more:
                    self._more.wait_for(lambda: number < self.allowed or self._ended)  # noqa: B023  # waited for here
                    if number >= self.allowed:
                        return
                self._start(number)
                number += 1

    def _start(self, number: int) -> None:
        while True:
            try:
                self.acknowledged.add(six.options(id=f"six-{number}").start(number).id)
                return
            except StoreUnavailable:
                self.refused += 1
