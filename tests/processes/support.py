"""Real worker processes on one file, really killed and frozen, and what they leave on paper."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import apsw

from podium import App, codec
from podium.model import NewRun, Query, RunRow, State, Write
from tests import forkserver
from tests.waiting import until, until_stopped

ROOT = Path(__file__).parents[2]
FLOWS = "tests.processes.flows"
PATIENCE = 20.0  # s; a test that waits so long has failed


@dataclass(frozen=True)
class Line:
    """A task body began."""

    key: str  # idempotency key: run and step
    pid: int
    at: float

    @property
    def run(self) -> str:
        return self.key.partition(":")[0]


class Host:
    """A folder with modules, a store, a ledger, and the workers that were started."""

    def __init__(self, folder: Path, url: str = "") -> None:
        self.folder = folder
        self.ledger = folder / "ledger"
        self.url = url or f"sqlite:///{folder / 'podium.db'}"
        self.app = App(self.url, drives="nothing", starter="")
        self.workers: list[Worker] = []

    # -- workers --------------------------------------------------------------------------------------

    def worker(self, *words: str, ready: bool = True, folder: Path | None = None) -> Worker:
        """`podium worker WORDS` in a folder, by default this one; returns when it serves."""
        worker = Worker(self, words, folder or self.folder)
        self.workers.append(worker)
        if ready:
            worker.until("stops it")
        return worker

    def close(self) -> None:
        for worker in self.workers:
            worker.kill()
        self.app.close()

    def write(self, module: str, source: str) -> None:
        """A module in the folder, from where workers import."""
        (self.folder / f"{module}.py").write_text(source, encoding="utf-8")

    # -- runs -----------------------------------------------------------------------------------------

    def start(self, function: str, code: str = "", /, **arguments: Any) -> str:
        """Queue a run of a function that this process does not have, of that fingerprint; returns its id."""
        args, digest = codec.encode_call(arguments, where=function)
        new = NewRun(self.app.env.new_id(), function, args, digest, self.app.env.now(), fingerprint=code)
        (verdict,) = self.app.store.commit(None, [Write(new_runs=(new,))])
        return verdict.runs[0][1]

    def ended(self, run: str, state: State = State.SUCCEEDED, seconds: float = PATIENCE) -> Any:
        """Wait for the end of a run; what it came to, if it succeeded."""
        end = self.app.wait(run).result(seconds)
        assert end.state is state, f"{run} {end.state}: {end.payload!r}"
        return codec.decode(end.payload) if state is State.SUCCEEDED else end.payload

    def running(self) -> list[RunRow]:
        return self.app.find(Query(states=frozenset({State.RUNNING})))

    def engines(self) -> dict[str, int]:
        """Process ids by engine."""
        return {row.id: row.pid for row in self.app.store.engines()}

    def lines(self) -> list[Line]:
        """The ledger so far."""
        text = self.ledger.read_text("utf-8") if self.ledger.exists() else ""
        found = (line.split() for line in text.splitlines())
        return [Line(key, int(pid), float(at)) for key, pid, at in found]


class Worker:
    """One process."""

    def __init__(self, host: Host, words: tuple[str, ...], folder: Path) -> None:
        kept = {key: value for key, value in os.environ.items() if not key.startswith("PODIUM_")}
        environment = {
            **kept, "LEDGER": str(host.ledger), "PYTHONPATH": str(ROOT), "PODIUM_URL": host.url,
            "PYTHONDONTWRITEBYTECODE": "1",
        }  # fmt: skip
        self._file = host.folder / "podium.db" if host.url.startswith("sqlite:") else None
        self._log = host.folder / f"worker-{len(host.workers)}.log"
        with self._log.open("w") as log:
            self.process = forkserver.Popen(
                [sys.executable, "-m", "podium", "worker", *words],
                cwd=folder,
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self.pid = self.process.pid

    @property
    def text(self) -> str:
        """What it has said so far."""
        return self._log.read_text("utf-8")

    def until(self, words: str, times: int = 1) -> str:
        """Wait until it has said that; all it has said."""

        def said() -> bool:
            if self.process.poll() is not None and self.text.count(words) < times:
                self._gone(words)
            return self.text.count(words) >= times

        until(said, f"{words!r} was not said in:\n{self._log}")
        return self.text

    def _gone(self, words: str) -> NoReturn:
        raise AssertionError(f"ended with {self.process.returncode} before {words!r}:\n{self.text}")

    def kill(self) -> float:
        """SIGKILL; when that was."""
        at = time.time()
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        return at

    def freeze(self) -> float:
        """SIGSTOP, but not in the middle of a commit; when that was.

        Who is stopped there keeps SQLite's write lock, and nobody can write until it goes on or dies. A
        server takes its locks away by itself.
        """
        if self._file is None:
            at = time.time()
            self.process.send_signal(signal.SIGSTOP)
            return at
        with closing(apsw.Connection(str(self._file))) as stranger:
            while True:
                at = time.time()
                self.process.send_signal(signal.SIGSTOP)
                until_stopped(self.pid)
                try:
                    stranger.set_busy_timeout(50)
                    stranger.execute("BEGIN IMMEDIATE; ROLLBACK")
                    return at
                except apsw.BusyError:
                    self.thaw()

    def thaw(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def end(self, seconds: float = PATIENCE) -> int:
        """Wait for its end; the exit code."""
        return self.process.wait(seconds)
