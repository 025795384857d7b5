"""Claiming: which of the runs that wait an engine may have, and what it says that it can drive."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import starmap
from typing import Any, NamedTuple

from ...model import Claimed, TaskSlots
from ..admission import Candidate
from . import rows as records
from .queues import InLine, admitted, soon, taking
from .statements import SQL, Connection, Row, Statement, trip

_LINE = SQL["takable"] + SQL["claimable"] + SQL["claim"]
_AMONG = SQL["claimable_among"] + SQL["claim"]
_NEXT_DUE, _NEXT_DUE_AMONG = SQL["takable"] + SQL["next_due"], SQL["next_due_among"]
_LOOK_AROUND, _OFFERED_AMONG = SQL["takable"] + SQL["look_around"], SQL["offered_among"]
_LIVES, _IS_THERE, _COMMIT = SQL["engine_lives"], SQL["is_there"], SQL["commit"]
_OFFERS_OF, _FORGET_OFFERS, _OFFER = SQL["offers_of"], SQL["forget_offers"], SQL["offer"]
_OTHER, _DUE, _KEY = -3, -2, -1  # places in a row of `claim`: what it is sorted by


class Wanted(NamedTuple):
    """What an engine may claim."""

    engine: str
    functions: Mapping[str, str]
    now: float
    values: dict[str, Any]  # what the statements go by
    serves: frozenset[str] | None  # the queues, "" for what is in none; None: all
    tasks: TaskSlots

    @property
    def limit(self) -> int:
        """How many runs at most."""
        return self.values["limit"]

    def has(self, queue: str) -> bool:
        """Whether runs of this queue are among it; "": those in none."""
        return self.serves is None or queue in self.serves

    @property
    def is_plain(self) -> bool:
        """Whether runs in no queue are among it."""
        return self.has("")


class Claims:
    """Knows by engine which functions the store has on record, so that nothing is written twice."""

    def __init__(self) -> None:
        self._offered: dict[str, dict[str, str]] = {}  # by engine, as the store has it
        self._is_busy = False  # the last claim took something of queues, so there is likely more

    def look(self, connection: Connection, wanted: Wanted) -> Claimed | InLine:
        """An idle engine's claim, which writes nothing; else what of queues there may be to claim."""
        engine, values = wanted.engine, wanted.values
        named = values["runs"] is not None
        looks: list[Statement] = [(_IS_THERE, {"engine": engine})]
        if engine not in self._offered:
            looks.append((_OFFERS_OF, {"engine": engine}))
        looks += [(_OFFERED_AMONG, values), (_NEXT_DUE_AMONG, values)] if named else [(_LOOK_AROUND, values)]
        lives, *answers = trip(connection, looks)
        if not lives:
            return Claimed((), None)
        if named:
            *offered, rows, ((due,),) = answers
            found = InLine(named=[run for run in starmap(Candidate, rows) if wanted.has(run.queue)])
        else:
            *offered, rows = answers
            found = InLine(lines=[row[:-1] for row in rows if row[0] is not None and wanted.has(row[0])])
            (due,) = [row[-1] for row in rows if row[0] is None]
        if offered:
            self._offered[engine] = dict(offered[0])
        if self._offered[engine] != wanted.functions:
            return found
        if self._is_busy and found.queues and wanted.limit > 0:
            return found
        due = due if wanted.is_plain else None
        if due is not None and due <= soon(wanted.now) and wanted.limit > 0:
            return found
        admission = admitted(connection, found, wanted.limit, wanted.now, wanted.tasks, lock=False)
        return found if admission.runs else Claimed((), admission.or_at(due).next)

    def take(
        self, connection: Connection, wanted: Wanted, found: InLine, opening: Sequence[Statement]
    ) -> Claimed:
        """Claim what there is, in one transaction: of one round trip, unless something lies in queues."""
        engine, functions, values = wanted.engine, wanted.functions, wanted.values
        has_queues = bool(found.queues) and wanted.limit > 0
        statements: list[Statement] = [*opening, (_LIVES, {"engine": engine})]
        if self._offered.get(engine) != functions:
            statements += [(_FORGET_OFFERS, {"engine": engine}), offer(engine, functions)]
        if wanted.is_plain:
            half = -(-wanted.limit // 2) if has_queues else wanted.limit
            statements.append((_LINE if values["runs"] is None else _AMONG, {**values, "limit": half}))
        if not has_queues:
            statements += [_next_due(values), (_COMMIT, {})]
        answers = trip(connection, statements)
        if not answers[len(opening)]:
            if has_queues:
                trip(connection, [(SQL["rollback"], {})])
            return Claimed((), None)
        if not has_queues:
            ((due,),) = answers[-2]
            claimed = sorted(answers[-3], key=_place) if wanted.is_plain else []
            next = due if wanted.is_plain else None
        else:
            claimed = sorted(answers[-1], key=_place) if wanted.is_plain else []
            more, next = self._take_of_queues(connection, wanted, found, wanted.limit - len(claimed))
            claimed += more
        self.offered(engine, functions)
        return Claimed(tuple(map(records.head, claimed)), next)

    def _take_of_queues(
        self, connection: Connection, wanted: Wanted, found: InLine, room: int
    ) -> tuple[list[Row], float | None]:
        """The rest of the transaction: what of queues is claimed, and when there is more."""
        admission = admitted(connection, found, room, wanted.now, wanted.tasks, lock=True)
        self._is_busy = bool(admission.runs)
        statements = taking(admission, wanted.functions, wanted.values) if admission.runs else []
        *answers, ((due,),), _ = trip(connection, [*statements, _next_due(wanted.values), (_COMMIT, {})])
        next = admission.or_at(due if wanted.is_plain else None).next
        order = {run.key: place for place, run in enumerate(admission.runs)}
        claimed = sorted(answers[0], key=lambda row: order[row[_KEY]]) if answers else []
        return claimed, next

    def offered(self, engine: str, functions: Mapping[str, str]) -> None:
        """It is on record, durably."""
        self._offered[engine] = dict(functions)


def wanted_by(
    engine: str,
    functions: Mapping[str, str],
    limit: int,
    now: float,
    runs: Sequence[str] | None,
    projects: Mapping[str, str] | None,
    queues: Collection[str] | None,
    tasks: TaskSlots,
) -> Wanted:
    """What the statements of a claim go by: codes are (function, fingerprint, project)."""
    codes = [(name, code, "") for name, code in functions.items()]
    if runs is None:
        codes += [(name, functions[name], project) for name, project in (projects or {}).items() if project]
    values = {
        "engine": engine, "now": float(now), "soon": soon(now), "limit": limit,
        "runs": None if runs is None else list(dict.fromkeys(runs)),  # named twice, one would take two places
        "functions": [name for name, _, _ in codes], "codes": [code for _, code, _ in codes],
        "projects": [project for _, _, project in codes],
    }  # fmt: skip
    serves = None if queues is None else frozenset(queues)
    return Wanted(engine, functions, float(now), values, serves, tasks)


def offer(engine: str, functions: Mapping[str, str]) -> Statement:
    """Puts on record what an engine can drive."""
    return _OFFER, {"engine": engine, "functions": list(functions), "codes": list(functions.values())}


def _next_due(wanted: Mapping[str, Any]) -> Statement:
    return (_NEXT_DUE if wanted["runs"] is None else _NEXT_DUE_AMONG), wanted


def _place(row: Row) -> tuple[bool, float, int]:
    return row[_OTHER], row[_DUE], row[_KEY]
