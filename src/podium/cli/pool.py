"""A pool of workers on one host: as many processes as the load asks for, between two numbers.

The pool is an engine that takes nothing: it looks, as every engine does, whether anything is due that nobody
takes. Where that lasts it starts a worker; one that has had nothing to do for a while it tells to stop.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence

from ..client import App
from ..engine import EngineHost
from ..model import EngineRow, read_engine_info
from .terminal import tell

READ_SECONDS = 0.5
WAITS_SECONDS = 0.5  # so long something is due before another worker is started
PAUSE_SECONDS = 1.0  # after a worker that has ended by itself
LET_GO_SECONDS = 5.0  # beyond the grace of a worker that was told to stop


class Pool:
    """Its workers are children of this process; `words` are those of `podium worker`.
    `idle`: seconds without a run after which one of them is told to stop."""

    def __init__(self, app: App, words: Sequence[str], least: int, most: int, idle: float) -> None:
        self._app, self._words = app, ["worker", "--of-pool", str(os.getpid()), *words]
        self._least, self._most, self._idle = least, most, idle
        self._workers: dict[int, subprocess.Popen[bytes]] = {}
        self._stopping: set[int] = set()
        self._busy: dict[int, float] = {}  # by process: when it last had a run, or was started
        self._has_engine: set[int] = set()
        self._due_since: float | None = None
        self._again_at = self._read_at = 0.0
        self.is_outdated = False  # its workers have other code than it has itself

    def look(self, host: EngineHost) -> None:
        """Once: bury, begin, let go."""
        now = self._app.env.monotonic()
        self._bury(now)
        if now >= self._read_at:
            self._read_at = now + READ_SECONDS
            self._read(now)
        has_work = host.engine.claimer.has_work
        self._due_since = (self._due_since or now) if has_work else None
        working = len(self._workers) - len(self._stopping)
        lasts = self._due_since is not None and now - self._due_since >= WAITS_SECONDS
        are_up = self._workers.keys() <= self._has_engine
        if now >= self._again_at and (working < self._least or (lasts and are_up and working < self._most)):
            self._start(now)
        elif not has_work and working > self._least:
            self._let_one_go(now)

    def close(self, grace: float) -> None:
        """Stop all of them, and wait. Where this process is killed meanwhile, they end by themselves."""
        for worker in self._workers.values():
            worker.send_signal(signal.SIGTERM)
        until = self._app.env.monotonic() + grace + LET_GO_SECONDS
        for worker in self._workers.values():
            try:
                worker.wait(max(0.0, until - self._app.env.monotonic()))
            except subprocess.TimeoutExpired:
                worker.kill()
                worker.wait()

    def _start(self, now: float) -> None:
        worker = subprocess.Popen([sys.executable, "-m", "podium", *self._words], stdin=subprocess.DEVNULL)
        self._workers[worker.pid], self._busy[worker.pid] = worker, now
        self._due_since = None
        tell(f"pool: worker {worker.pid} started, {len(self._workers)} of {self._most}")

    def _let_one_go(self, now: float) -> None:
        idle = [pid for pid, at in self._busy.items() if pid in self._has_engine and now - at >= self._idle]
        for pid in idle[:1]:
            self._stopping.add(pid)
            del self._busy[pid]
            self._workers[pid].send_signal(signal.SIGTERM)
            tell(f"pool: worker {pid} has had nothing to do, and is stopped")

    def _bury(self, now: float) -> None:
        for pid, worker in list(self._workers.items()):
            if worker.poll() is None:
                continue
            if pid not in self._stopping:
                self._again_at = now + PAUSE_SECONDS
                tell(f"pool: worker {pid} has ended with {worker.returncode}")
            del self._workers[pid]
            self._stopping.discard(pid)
            self._has_engine.discard(pid)
            self._busy.pop(pid, None)

    def _read(self, now: float) -> None:
        """What the workers say of themselves, in the store."""
        rows = self._app.store.engines()
        ours = next((row for row in rows if row.id == self._app.host.id), None)
        for row in rows:
            if row.pid not in self._workers or ours is None or row.host != ours.host:
                continue
            self._has_engine.add(row.pid)
            if read_engine_info(row.info).runs and row.pid in self._busy:
                self._busy[row.pid] = now
            self.is_outdated |= _differs(row, ours)


def _differs(row: EngineRow, ours: EngineRow) -> bool:
    both = row.functions.keys() & ours.functions.keys()
    return any(row.functions[name] != ours.functions[name] for name in both)
