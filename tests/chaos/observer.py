"""Looks at a store and a ledger while everybody works on them: what was shown once must stay, and end.

It reads the tables itself and writes nothing, so that it shares no code with what it judges. `Witness` looks
once more at the end, when nobody works any more.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import apsw

from podium.store.sqlite.schema import SCHEMA_VERSION
from tests.chaos.ledger import Ledger, Line
from tests.chaos.witness import FINAL, Step

RUNS_EVERY = 0.1  # seconds between looks at all unfinished runs
# In which a thawed process may begin what it had decided to begin before it was frozen: it cannot know that
# it lost its runs before it looks, and its loop stands still while a call waits for a lock (CALL_PATIENCE).
WAKING_SECONDS = 3.0

_RUNS = "SELECT id, key, state, token, owner, lost, due, payload FROM runs"
_ENTRIES = "SELECT e.rowid, runs.id, seq, kind, step, e.payload FROM {} AS e JOIN runs ON runs.key = e.run"
_UNFINISHED = "IN ('queued', 'running', 'waiting', 'parked')"


@dataclass
class Frozen:
    """A process that stood still. `until` is infinite while it does."""

    process: int
    since: float
    until: float = float("inf")


@dataclass
class Orphans:
    """The runs of an engine that was killed or frozen, until each goes on elsewhere."""

    engine: str
    since: float
    runs: dict[str, int]  # with the token of the lost owner


@dataclass
class Observer:
    """Call `look` often. Everything wrong goes to `violations`."""

    store: Path | str
    ledger: Ledger
    checks: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)
    lines: Counter[Step] = field(default_factory=Counter)
    last_line: float = field(default_factory=time.monotonic)
    unfinished: dict[str, tuple[Any, ...]] = field(default_factory=dict)  # state, token, owner, lost, due
    ended: dict[str, str] = field(default_factory=dict)
    recoveries: list[float] = field(default_factory=list)  # seconds from a kill until a run goes on elsewhere
    frozen: list[Frozen] = field(default_factory=list)
    by_zombies: int = 0  # bodies begun by one that was frozen meanwhile, right after it woke up

    def __post_init__(self) -> None:
        self._shown: dict[Step, tuple[float, Any]] = {}
        self._lengths: defaultdict[str, int] = defaultdict(int)
        self._recent: dict[tuple[str, int], Any] = {}  # entries that the last look saw there: they will move
        self._tokens: dict[str, int] = {}
        self._orphans: list[Orphans] = []
        self._last_row = self._last_run = 0
        self._runs_looked = 0.0
        self._connection: apsw.Connection | None = None

    @property
    def extra(self) -> int:
        """Bodies begun beyond the first of each step."""
        return self.lines.total() - len(self.lines)

    @property
    def started(self) -> int:
        return len(self.unfinished) + len(self.ended)

    def look(self) -> None:
        """What is on record by now, then what the ledger says has been begun."""
        connection = self._open()
        if connection is None:
            return
        with connection:  # one moment for all of it
            self._history(connection)
            now = time.monotonic()
            if now - self._runs_looked >= RUNS_EVERY or self._orphans:
                self._runs_looked = now
                self._runs(connection)
        for line in self.ledger.new():
            self._line(line)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def orphan(self, process: int) -> None:
        """Call it right after that process was killed: which runs wait for another owner now?"""
        engine, connection = self.engines().get(process), self._open()
        if engine is None or connection is None:
            return
        owned = connection.execute("SELECT id, token FROM runs WHERE owner = ?", (engine,)).fetchall()
        if owned:
            self._orphans.append(Orphans(engine, time.monotonic(), dict(owned)))

    def engines(self) -> dict[int, str]:
        """The engines on record, by process."""
        connection = self._open()
        return dict(connection.execute("SELECT pid, id FROM engines")) if connection is not None else {}

    def _open(self) -> apsw.Connection | None:
        if self._connection is None and Path(self.store).exists():
            connection = apsw.Connection(str(self.store))
            connection.set_busy_timeout(10_000)
            connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
            connection.pragma("query_only", True)
            if connection.pragma("user_version") < SCHEMA_VERSION:  # its makers are at it
                connection.close()
                return None
            self._connection = connection
        return self._connection

    def _new_entries(self, connection: apsw.Connection) -> tuple[list[Any], list[Any]]:
        """Those since the last look, and those that will move."""
        rows = connection.execute(
            f"{_ENTRIES.format('history')} WHERE e.rowid > ?", (self._last_row,)
        ).fetchall()
        self._last_row = max((row[0] for row in rows), default=self._last_row)
        return rows, connection.execute(_ENTRIES.format("recent_history")).fetchall()

    def _history(self, connection: apsw.Connection) -> None:
        rows, recent = self._new_entries(connection)
        now = time.monotonic()  # after the look: by then it was shown
        for _, run, seq, kind, step, payload in sorted([*rows, *recent], key=lambda row: row[2]):
            if (run, seq) in self._recent:  # seen there; there it is still, or it has been moved since
                self.expect("once", self._recent[run, seq] == payload, f"{run}: entry {seq} has changed")
                continue
            self.expect(
                "gapless", seq == self._lengths[run] + 1, f"{run}: entry {seq} after {self._lengths[run]}"
            )
            self.expect(
                "final", run not in self.ended, f"{run}: entry {seq} after it was {self.ended.get(run)}"
            )
            self._lengths[run] = seq
            if kind in ("result", "error"):
                first = self._shown.setdefault((run, step), (now, payload))
                self.expect("once", first == (now, payload), f"{run} {step} is on record twice")
        self._recent = {(run, seq): payload for _, run, seq, *_, payload in recent}

    def _runs(self, connection: apsw.Connection) -> None:
        left = {row[0]: row[1:] for row in connection.execute(f"{_RUNS} WHERE state {_UNFINISHED}")}
        new = connection.execute(f"{_RUNS} WHERE key > ?", (self._last_run,)).fetchall()
        gone = {run: self._run(connection, run) for run in self.unfinished.keys() - left.keys()}
        for run, row in {**left, **{row[0]: row[1:] for row in new}, **gone}.items():
            self._judge(run, *row)
        self._recovered(time.monotonic())

    def _run(self, connection: apsw.Connection, run: str) -> tuple[Any, ...]:
        found = connection.execute(f"{_RUNS} WHERE id = ?", (run,)).fetchall()
        return found[0][1:] if found else (self._last_run, "gone", 0, None, 0, None, b"")

    def _judge(
        self, run: str, key: int, state: str, token: int, owner: str, lost: int, due: float, payload: Any
    ) -> None:
        self._last_run = max(self._last_run, key)
        before = self._tokens.get(run, 0)
        owners = self.unfinished.get(run, (None, 0, None))[2]
        is_handed_on = owner != owners and None not in (owner, owners)
        grown = token > before if is_handed_on else token >= before
        self.expect("token", grown, f"{run}: token {token} of {owner} after {before} of {owners}")
        self.expect("final", run not in self.ended, f"{run}: {state} after {self.ended.get(run)}")
        self._tokens[run] = token
        if state in FINAL or state == "gone":
            self.unfinished.pop(run, None)
            self.ended[run] = state
            self.expect("succeeded", state == "succeeded", f"{run} {state}: {str(payload)[:300]}")
        else:
            self.unfinished[run] = (state, token, owner, lost, due)

    def _recovered(self, now: float) -> None:
        for orphans in list(self._orphans):
            for run, token in list(orphans.runs.items()):
                # Freed, it is due since ever; with another due time somebody has put it to sleep since.
                _, current, owner, _, due = self.unfinished.get(run, ("", token + 1, "ended", 0, None))
                if current > token and (owner is not None or due):
                    self.recoveries.append(now - orphans.since)
                    del orphans.runs[run]
            if not orphans.runs:
                self._orphans.remove(orphans)

    def _line(self, line: Line) -> None:
        key = (line.run, line.step)
        self.lines[key] += 1
        self.last_line = max(self.last_line, line.at)
        shown, _ = self._shown.get(key, (float("inf"), None))
        if line.at > shown and self._is_of_a_zombie(line, shown):
            self.by_zombies += 1
            return
        self.expect(
            "never again",
            line.at <= shown,
            f"ran {line.at - shown:.3f} s after it was shown: {line}; it stood {self._pauses(line.process)}",
        )

    def _is_of_a_zombie(self, line: Line, shown: float) -> bool:
        """Begun by one that could not know: it stood still while the result was recorded elsewhere."""
        return any(
            since <= shown <= until + WAKING_SECONDS and line.at <= until + WAKING_SECONDS
            for since, until in self._pauses(line.process)
        )

    def _pauses(self, process: int) -> list[tuple[float, float]]:
        """When it stood still; frozen again before it could look, it knows no more than the first time."""
        merged: list[tuple[float, float]] = []
        for pause in self.frozen:
            if pause.process != process:
                continue
            since, until = pause.since, pause.until
            if merged and since <= merged[-1][1] + WAKING_SECONDS:
                since, _ = merged.pop()
            merged.append((since, until))
        return merged

    def expect(self, what: str, good: bool, complaint: str) -> None:
        """Evaluate one check."""
        self.checks[what] += 1
        if not good:
            self.violations.append(f"{what}: {complaint}")
