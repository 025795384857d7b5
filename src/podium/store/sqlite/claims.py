"""Claiming: which of the runs that wait an engine may have, and what it says that it can drive."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import apsw

from ...errors import DamagedRecord
from ...model import NO_TASKS, Claimed, Head, TaskSlots
from ..admission import Admitted
from . import queues as in_line
from . import rows as records
from .connections import Connections
from .statements import SQL, Row, rows, rows_of_each, transaction

FEW = 8  # functions: of so few it costs less to ask for all


class Claims:
    """Knows by engine which functions the store has on record, so that nothing is written twice."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._offered: dict[str, dict[str, str]] = {}  # by engine, as the store has it

    def claim(
        self,
        engine: str,
        functions: Mapping[str, str],
        limit: int,
        now: float,
        runs: Sequence[str] | None = None,
        projects: Mapping[str, str] | None = None,
        queues: Collection[str] | None = None,
        tasks: TaskSlots = NO_TASKS,
    ) -> Claimed:
        """As `podium.store.protocol` has it."""
        wanted: dict[str, Any] = {
            "engine": engine, "now": now, "limit": limit, "runs": None if runs is None else json.dumps(runs),
        }  # fmt: skip
        offered = _Offered(functions, projects or {})
        serves = _Serves(None if queues is None else frozenset(queues), tasks)
        # A look first: an idle engine must not take the write lock at each poll.
        with self._connections.reading() as connection:
            if not rows(connection, SQL["engine_lives"], (engine,)):
                return Claimed((), None)
            is_offered = self._offers(connection, engine, functions)
            if is_offered:
                found, admission = self._claimable(connection, wanted, offered, serves)
                if not found and not admission.runs:
                    return Claimed((), self._next_due(connection, wanted, serves, admission))
        with self._connections.writing() as connection, transaction(connection):
            if not rows(connection, SQL["engine_lives"], (engine,)):
                return Claimed((), None)
            if not is_offered:
                rows(connection, SQL["forget_offers"], (engine,))
                self.offer(connection, engine, functions)
            found, admission = self._claimable(connection, wanted, offered, serves)
            found += [run[:3] for run in admission.runs]
            in_line.serve(connection, admission)
            heads = tuple(self._take(connection, engine, functions, found, now))
            next_due = self._next_due(connection, wanted, serves, admission)
        self.offered(engine, functions)
        return Claimed(heads, next_due)

    def _offers(self, connection: apsw.Connection, engine: str, functions: Mapping[str, str]) -> bool:
        """Whether these are what the store says that the engine has."""
        if engine not in self._offered:
            self._offered[engine] = dict(rows(connection, SQL["offers_of"], (engine,)))
        return self._offered[engine] == functions

    def offer(self, connection: apsw.Connection, engine: str, functions: Mapping[str, str]) -> None:
        """Put on record what a new engine can drive."""
        rows_of_each(connection, SQL["offer"], [(engine, *code) for code in functions.items()])

    def offered(self, engine: str, functions: Mapping[str, str]) -> None:
        """It is on record, durably."""
        self._offered[engine] = dict(functions)

    def _claimable(
        self, connection: apsw.Connection, wanted: dict[str, Any], offered: _Offered, serves: _Serves
    ) -> tuple[list[Row], Admitted]:
        """(key, function, fingerprint) of runs in no queue that may be claimed, and what of queues may be;
        `wanted` learns the `takable` codes. Where both want more room than there is, each gets half."""
        among = wanted["runs"] is not None
        if among:
            wanted["functions"] = json.dumps(offered.among(connection, wanted["runs"]))
        else:
            wanted["wanted"] = json.dumps(offered.in_line(connection))
            wanted["takable"] = rows(connection, SQL["takable"], wanted)[0][0]
        limit = wanted["limit"]
        if not limit:
            return [], Admitted([], [], {}, None)
        found: list[Row] = []
        if serves.plain:
            found = rows(connection, SQL["claimable_among" if among else "claimable"], wanted)
        room = max(limit - len(found), limit // 2, 1)
        admission = in_line.admitted(connection, wanted, serves.queues, serves.tasks, room)
        return found[: limit - len(admission.runs)], admission

    def _take(
        self,
        connection: apsw.Connection,
        engine: str,
        functions: Mapping[str, str],
        found: Sequence[Row],
        now: float,
    ) -> Iterator[Head]:
        values = [(engine, now, key, functions[function]) for key, function, _ in found]
        claimed = rows_of_each(connection, SQL["claim"], values)
        for row, (key, _, fingerprint) in zip(claimed, found, strict=True):
            try:
                yield records.head(connection, row, fingerprint)
            except DamagedRecord as error:
                rows(connection, SQL["park_damaged"], (key, records.damage(error.message)))

    def _next_due(
        self, connection: apsw.Connection, wanted: Mapping[str, object], serves: _Serves, admission: Admitted
    ) -> float | None:
        statement = SQL["next_due" if wanted["runs"] is None else "next_due_among"]
        due = rows(connection, statement, wanted)[0][0] if serves.plain or wanted["runs"] else None
        return admission.or_at(due).next


class _Offered(NamedTuple):
    """The code of an engine: of a thousand functions, those alone are asked for of which something waits."""

    functions: Mapping[str, str]
    projects: Mapping[str, str]

    def in_line(self, connection: apsw.Connection) -> list[tuple[str, str, str]]:
        """(function, fingerprint, project) of which something may wait."""
        functions = self.functions
        placed = {name: project for name, project in self.projects.items() if project}
        count = len(functions) + len(placed)
        if count > FEW:
            asked = {"projects": json.dumps(list(dict.fromkeys(["", *placed.values()]))), "many": count + 1}
            line = rows(connection, SQL["functions_in_line"], asked)
            if len(line) <= count:
                return [
                    (name, functions[name], project)
                    for project, name in line
                    if name in functions and (not project or placed.get(name) == project)
                ]
        codes = [(name, code, "") for name, code in functions.items()]
        return codes + [(name, functions[name], project) for name, project in placed.items()]

    def among(self, connection: apsw.Connection, runs: str) -> dict[str, str]:
        """Fingerprints by function, of which one of these runs may be."""
        if len(self.functions) <= FEW:
            return dict(self.functions)
        found = rows(connection, SQL["functions_among"], {"runs": runs})
        return {name: self.functions[name] for (name,) in found if name in self.functions}


class _Serves(NamedTuple):
    """What of queues an engine may have."""

    queues: frozenset[str] | None  # None: all
    tasks: TaskSlots

    @property
    def plain(self) -> bool:
        """Whether it may have runs of no queue."""
        return self.queues is None or "" in self.queues
