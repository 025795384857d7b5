"""Looks at a store from outside and remembers: what was once on record must stay, and never happen again.

It reads the tables itself, and writes nothing, so that it shares no code with what it judges.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import apsw
import psycopg

from tests.chaos.ledger import Ledger, Line

FINAL = ("succeeded", "failed", "cancelled")
Step = tuple[str, str]  # run, step
Row = tuple[Any, ...]


class View:
    """What a store holds now."""

    def __init__(self, store: Path | str) -> None:
        self.complaints: list[str] = []
        self.runs: dict[str, Row] = {}
        self.engines = 0
        self.histories: defaultdict[str, list[Row]] = defaultdict(list)
        if isinstance(store, str):
            self._read_server(store)
        else:
            self._read_file(store)

    def _read_server(self, url: str) -> None:
        """What of a database, by its URL."""
        with psycopg.connect(url, options="-c search_path=podium") as connection:
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            ((self.engines,),) = connection.execute("SELECT count(*) FROM engines").fetchall()
            for id, *row in connection.execute("SELECT id, state, token, lost, payload FROM runs"):
                self.runs[id] = tuple(row)
            for id, *row in connection.execute(
                "SELECT id, seq, kind, step, attempt, history.payload"
                " FROM history JOIN runs ON history.run = runs.key ORDER BY history.run, seq"
            ):
                self.histories[id].append(tuple(row))

    def _read_file(self, file: Path) -> None:
        # Not opened read-only: that could not roll back the journal that a dead writer left.
        connection = apsw.Connection(str(file))
        connection.set_busy_timeout(10_000)
        connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)  # the log is left as it was found
        connection.pragma("query_only", True)
        try:
            connection.execute("BEGIN")
            told = [text for (text,) in connection.execute("PRAGMA integrity_check")]
            self.complaints = [text for text in told if text != "ok"]
            # A kill may come between two migrations, long before there is a run.
            has_schema = any(column[1] == "name" for column in connection.execute("PRAGMA table_info(blobs)"))
            blobs = dict(connection.execute("SELECT name, data FROM blobs")) if has_schema else {}
            if not has_schema:
                return
            (self.engines,) = connection.execute("SELECT count(*) FROM engines").fetchone()
            for id, *row, payload in connection.execute("SELECT id, state, token, lost, payload FROM runs"):
                self.runs[id] = (*row, _whole(payload, blobs))
            for id, *row, payload in connection.execute(
                "SELECT id, seq, kind, step, attempt, entries.payload"
                " FROM entries JOIN runs ON entries.run = runs.key ORDER BY entries.run, seq"
            ):
                self.histories[id].append((*row, _whole(payload, blobs)))
        finally:
            connection.close(True)

    def results(self) -> dict[Step, list[str]]:
        """Every recorded value, by step: exactly one each, if all is well."""
        found: defaultdict[Step, list[str]] = defaultdict(list)
        for run, entries in self.histories.items():
            for _seq, kind, step, _attempt, payload in entries:
                if kind in ("result", "error"):
                    found[run, step].append(json.loads(payload) if kind == "result" else "error")
        return found


def _whole(payload: bytes | str, blobs: dict[str, bytes]) -> bytes:
    return blobs[payload] if isinstance(payload, str) else payload


@dataclass
class Witness:
    """Call `look` while no process of the trial lives; everything wrong goes to `violations`."""

    store: Path | str
    ledger: Ledger
    checks: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)
    lines: defaultdict[Step, list[Line]] = field(default_factory=lambda: defaultdict(list))
    extra: int = 0  # lines beyond the first of their step
    in_flight: int = 0  # of the steps that had a line but no record at a look: all that may happen again
    view: View | None = None
    _recorded: dict[Step, list[str]] = field(default_factory=dict)

    def look(self, acknowledged: Path | None = None) -> View:
        """Judge the store and the new lines of the ledger by what was on record at the last look."""
        last, view = self.view, View(self.store)
        self.expect("intact", not view.complaints, f"integrity_check: {view.complaints[:3]}")
        new = self.ledger.new()
        for line in new:
            key = (line.run, line.step)
            self.expect("never again", key not in self._recorded, f"ran again though on record: {line}")
            self.extra += bool(self.lines[key])
            self.lines[key].append(line)
        self._recorded = view.results()
        for key, values in self._recorded.items():
            said = [line.value for line in self.lines[key]]
            self.expect("once", len(values) == 1, f"{key} is on record {len(values)} times")
            self.expect("true", values[0] in said, f"{key}: recorded {values[0]}, but bodies said {said}")
        self.in_flight += sum(key not in self._recorded for key in self.lines)
        self._same_past(last, view)
        if acknowledged is not None and acknowledged.exists():
            for run in set(acknowledged.read_text().split()):
                self.expect("acknowledged", run in view.runs, f"the acknowledged start {run} is gone")
        self.view = view
        return view

    def _same_past(self, last: View | None, view: View) -> None:
        for run, entries in view.histories.items():
            gapless = [entry[0] for entry in entries] == list(range(1, len(entries) + 1))
            self.expect("gapless", gapless, f"{run}: its history has a gap")
        if last is None:
            return
        for run, entries in last.histories.items():
            kept = view.histories[run][: len(entries)] == entries
            self.expect("append only", kept, f"{run}: its recorded past has changed")
        for run, row in last.runs.items():
            now = view.runs.get(run)
            good = now is not None and now[1] >= row[1] and (row[0] not in FINAL or now == row)
            self.expect("final", good, f"{run}: was {row[:3]}, is {now and now[:3]}")

    def ended_well(self, steps_per_run: int, said: list[list[str]]) -> None:
        """At the end: every run succeeded with what is on record, and the caller got that."""
        view = self.look()
        results: defaultdict[str, list[str]] = defaultdict(list)
        for (run, _step), values in self._recorded.items():
            results[run] += values
        answers: list[list[str]] = []
        for run, (state, _token, _lost, payload) in view.runs.items():
            self.expect("succeeded", state == "succeeded", f"{run} is {state}: {payload[:300]!r}")
            answers.append(json.loads(payload) if state == "succeeded" else [])
            right = len(answers[-1]) == steps_per_run and sorted(answers[-1]) == sorted(results[run])
            self.expect("right", right, f"{run}: its result is not what is on record")
        for answer in said:
            self.expect("told", answer in answers, "the caller was told something else than the record says")
        self.expect("everybody left", view.engines == 0, f"{view.engines} engines are still on record")

    def expect(self, what: str, good: bool, complaint: str) -> None:
        """Evaluate one check."""
        self.checks[what] += 1
        if not good:
            self.violations.append(f"{what}: {complaint}")
