"""Rows of runs that a commit need not read, because the connection that writes has left them so.

SQLite tells within a transaction (`data_version`) whether another connection has committed since, of this
process or of another one. Whoever else writes by the connection of ours makes it forget
(`Connections.writing`). So most commits of an engine that has its file to itself read nothing: the rows
by which they are judged are those of the commits before.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from typing import Any

import apsw

from ...model import State
from ..sets import Changes, RunState
from .statements import SQL, rows

_ENGINE_LIVES, _RUNS = SQL["engine_lives"], SQL["runs"]
_STATES = {state.value: state for state in State}
_MAX = 20_000  # runs; those that go on in one engine are fewer


class KnownRuns:
    """Those of one connection, and which engine has a row. Its user holds the write lock."""

    def __init__(self) -> None:
        self.runs: dict[str, RunState] = {}  # by id; the judge changes them in place, as it does the rows
        self._engine: str | None = None  # one that is on record
        self._version = 0

    def forget(self) -> None:
        """Know nothing more: what was judged has not been committed, or something else has."""
        self.runs.clear()
        self._engine = None

    def look(self, connection: Any) -> None:
        """Forget all if another connection has committed. In a transaction that holds the write lock."""
        ((version,),) = connection.execute("PRAGMA data_version").fetchall()
        if version != self._version:
            self._version = version
            self.forget()

    def lives(self, connection: apsw.Connection, engine: str) -> bool:
        """Whether an engine has a row."""
        if self._engine != engine and rows(connection, _ENGINE_LIVES, (engine,)):
            self._engine = engine
        return self._engine == engine

    def read(self, connection: apsw.Connection, wanted: Collection[str]) -> dict[str, RunState]:
        """Those of these runs that there are."""
        known = self.runs.get
        found = {id: run for id in wanted if (run := known(id)) is not None}
        if len(found) < len(wanted):
            unknown = [id for id in wanted if id not in found]
            for id, state, *rest in rows(connection, _RUNS, (json.dumps(unknown),)):
                found[id] = self.runs[id] = run = RunState(id, _STATES[state], *rest)
                run.signals = run.unread  # not more than that
        return found

    def keep(self, changes: Changes) -> None:
        """Keep what a round has started, and forget what it has changed in other ways than by entries."""
        runs = self.runs
        if len(runs) > _MAX:
            runs.clear()
        for _, run in changes.new_runs:
            if not run.payload:  # else it has moved as well, and a blob that its row names
                run.is_new = False
                runs[run.id] = run
        for id in _changed(changes):
            runs.pop(id, None)


def _changed(changes: Changes) -> Iterator[str]:
    for by_run in (changes.moved, changes.counted, changes.told, changes.put_back):
        yield from by_run
    for run, *_ in changes.copies:  # its history is longer than what it has of its own
        yield run.id
    for run in changes.forgotten:
        yield run.id
