"""Claiming: which of the runs that wait an engine may have, and what it says that it can drive."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...model import Claimed
from . import rows as records
from .statements import SQL, Connection, Row, Statement, trip

_LINE = SQL["takable"] + SQL["claimable"] + SQL["claim"]
_AMONG = SQL["claimable_among"] + SQL["claim"]
_NEXT_DUE, _NEXT_DUE_AMONG = SQL["takable"] + SQL["next_due"], SQL["next_due_among"]
_LIVES, _IS_THERE, _COMMIT = SQL["engine_lives"], SQL["is_there"], SQL["commit"]
_OFFERS_OF, _FORGET_OFFERS, _OFFER = SQL["offers_of"], SQL["forget_offers"], SQL["offer"]
_OTHER, _DUE, _KEY = -3, -2, -1  # places in a row of `claim`: what it is sorted by


class Claims:
    """Knows by engine which functions the store has on record, so that nothing is written twice."""

    def __init__(self) -> None:
        self._offered: dict[str, dict[str, str]] = {}  # by engine, as the store has it

    def look(
        self, connection: Connection, engine: str, functions: Mapping[str, str], wanted: Mapping[str, Any]
    ) -> Claimed | None:
        """An idle engine's claim, which writes nothing; None: there is something to do."""
        looks: list[Statement] = [(_IS_THERE, {"engine": engine}), _next_due(wanted)]
        if engine not in self._offered:
            looks.append((_OFFERS_OF, {"engine": engine}))
        lives, ((due,),), *offered = trip(connection, looks)
        if not lives:
            return Claimed((), None)
        if offered:
            self._offered[engine] = dict(offered[0])
        if self._offered[engine] != functions:
            return None
        has_work = due is not None and due <= wanted["now"] and wanted["limit"] > 0
        return None if has_work else Claimed((), due)

    def take(
        self,
        connection: Connection,
        engine: str,
        functions: Mapping[str, str],
        wanted: Mapping[str, Any],
        opening: Sequence[Statement],
    ) -> Claimed:
        """Claim what there is, in one transaction of one round trip."""
        statements: list[Statement] = [*opening, (_LIVES, {"engine": engine})]
        is_offered = self._offered.get(engine) == functions
        if not is_offered:
            statements += [(_FORGET_OFFERS, {"engine": engine}), offer(engine, functions)]
        statements += [
            (_LINE if wanted["runs"] is None else _AMONG, wanted),
            _next_due(wanted),
            (_COMMIT, {}),
        ]
        answers = trip(connection, statements)
        if not answers[len(opening)]:
            return Claimed((), None)
        self.offered(engine, functions)
        *_, claimed, ((due,),), _ = answers
        claimed.sort(key=_place)
        return Claimed(tuple(map(records.head, claimed)), due)

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
) -> dict[str, Any]:
    """What the statements of a claim go by: codes are (function, fingerprint, project)."""
    codes = [(name, code, "") for name, code in functions.items()]
    if runs is None:
        codes += [(name, functions[name], project) for name, project in (projects or {}).items() if project]
    return {
        "engine": engine, "now": float(now), "limit": limit, "runs": None if runs is None else list(runs),
        "functions": [name for name, _, _ in codes], "codes": [code for _, code, _ in codes],
        "projects": [project for _, _, project in codes],
    }  # fmt: skip


def offer(engine: str, functions: Mapping[str, str]) -> Statement:
    """Puts on record what an engine can drive."""
    return _OFFER, {"engine": engine, "functions": list(functions), "codes": list(functions.values())}


def _next_due(wanted: Mapping[str, Any]) -> Statement:
    return (_NEXT_DUE if wanted["runs"] is None else _NEXT_DUE_AMONG), wanted


def _place(row: Row) -> tuple[bool, float, int]:
    return row[_OTHER], row[_DUE], row[_KEY]
