"""What only looks into a store, on a connection of its own: no commit waits for it, nor it for one."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import psycopg

from ...errors import StoreUnavailable
from ...model import (
    AuditRow,
    CachedResult,
    Entry,
    LogLine,
    Message,
    RunRow,
    RunStatus,
    StepProgress,
    WaitRow,
    cached_name,
)
from ...process import drives_loop
from . import rows as records
from .faults import is_data_error
from .lines import SEARCH_SILENCE, Line, Server
from .statements import SILENCE, SQL, Row, Silent, Statement, trip


class Reader:
    """The looks of a handle."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self._reading = Line(server)
        # What takes turns (see `Batch.opening`) and has a commit that may still be running on a lost
        # connection: nobody looks before it is over.
        self._unsettled: set[str] = set()

    def look(self, text: str, values: Mapping[str, Any] | None = None) -> list[Row]:
        """At rows that an index leads to: the server is given up as soon as in a commit."""
        return self.looks([(text, values or {})], SILENCE)[0]

    def search(self, text: str, values: Mapping[str, Any] | None = None) -> list[Row]:
        """For what it may take the server long to find."""
        return self.looks([(text, values or {})])[0]

    def looks(self, statements: Sequence[Statement], silence: float = SEARCH_SILENCE) -> list[list[Row]]:
        """The rows of each. What no text of the store can hold is not there."""
        try:
            for left in (1, 0):
                try:
                    self.settle()
                    with self._reading.held(silence=silence) as connection:
                        return trip(connection, statements)
                except StoreUnavailable as error:
                    if not (left and self._reading.is_lost):  # the server was away while nobody asked
                        raise
                    if drives_loop() and _has_waited(error):  # which has cost the others there enough
                        raise
        except Exception as error:
            if not is_data_error(error):
                raise
        return [[] for _ in statements]

    def settle(self) -> None:
        """Wait until commits of unknown result are over, whatever has come of them."""
        for turn in list(self._unsettled):
            with self._reading.held(silence=SEARCH_SILENCE) as connection:
                trip(
                    connection, [(SQL["begin"], {}), (SQL["take_turn"], {"turn": turn}), (SQL["commit"], {})]
                )
            self._unsettled.discard(turn)

    def collect(self, engine: str, seen: Mapping[str, int] | None = None) -> list[Message]:
        seen = seen or {}
        wanted = {"engine": engine, "runs": [*seen], "numbers": [*seen.values()]}
        return [records.message(row) for row in self.look(SQL["collect"], wanted)]

    def history(self, run: str, after: int = 0, limit: int = 1000) -> list[Entry]:
        found = self.look(SQL["history"], {"run": run, "after": after, "limit": limit})
        return [records.entry(row) for row in found]

    def logs(self, run: str, after: int = 0, limit: int = 1000, step: str | None = None) -> list[LogLine]:
        text = SQL["logs" if step is None else "logs_of_step"]
        find = self.look if step is None else self.search
        found = find(text, {"run": run, "after": after, "limit": limit, "step": step})
        return [
            LogLine(step, attempt, at, level, said.decode(), n) for step, attempt, at, level, said, n in found
        ]

    def progress(self, run: str) -> list[StepProgress]:
        return [StepProgress(*row) for row in self.look(SQL["progress"], {"run": run})]

    def inbox(self, run: str) -> list[Message]:
        return [records.message((id, run, *rest)) for id, *rest in self.look(SQL["inbox"], {"run": run})]

    def waits(self, run: str = "", target: str = "", limit: int = 1000) -> list[WaitRow]:
        name = "waits_of_run" if run else "waits_for_target"
        return self._waits(name, {"run": run, "target": target, "limit": limit})

    def open_waits(self, run: str = "", kind: str = "", limit: int = 1000) -> list[WaitRow]:
        name = "open_waits_of_run" if run else "open_waits"
        return self._waits(name, {"run": run, "kind": kind, "limit": limit})

    def _waits(self, statement: str, values: dict[str, Any]) -> list[WaitRow]:
        find = self.search if statement == "open_waits" else self.look  # that one is about all runs
        return [WaitRow(*row) for row in find(SQL[statement], values)]

    def load(self, run: str) -> RunRow | None:
        return self.load_many([run]).get(run)

    def load_many(self, runs: Sequence[str]) -> dict[str, RunRow]:
        found = self.look(records.LOAD, {"runs": list(runs)})
        return {row.id: row for row in map(records.run_row, found)}

    def statuses(self, runs: Sequence[str]) -> dict[str, RunStatus]:
        found = self.look(SQL["statuses"], {"runs": list(runs)})
        return {row.id: row for row in map(records.status, found)}

    def entries_at(self, places: Sequence[tuple[str, int]]) -> dict[tuple[str, int], Entry]:
        wanted = {"runs": [run for run, _ in places], "seqs": [seq for _, seq in places]}
        return {(row[0], row[1]): records.entry(row[1:]) for row in self.look(SQL["entries_at"], wanted)}

    def cached(self, key: str) -> CachedResult | None:
        found = self.look(SQL["cached"], {"name": cached_name(key)})
        return records.cached(found[0]) if found else None

    def attached(self, starts: Sequence[str]) -> dict[str, str]:
        return dict(self.look(SQL["attached"], {"starts": list(starts)}))

    def audited(self, before: int | None = None, limit: int = 100, run: str | None = None) -> list[AuditRow]:
        most = math.inf if before is None else before
        wanted = {"before": float(most), "limit": limit}
        if run is None:
            return [AuditRow(*row) for row in self.look(SQL["audited"], wanted)]
        return [AuditRow(*row) for row in self.look(SQL["audited_of_run"], {**wanted, "run": run})]


def _has_waited(error: StoreUnavailable) -> bool:
    """Whether it tells of a wait in vain, for the server or for who has the line: not of a broken one."""
    return not isinstance(error.__cause__, psycopg.Error) or isinstance(error.__cause__, Silent)
