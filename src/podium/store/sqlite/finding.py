"""Looking for runs: which index leads to them, and how many stand how."""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Sequence

import apsw

from ...model import Place, Query, RunRow, RunStanding, State
from . import rows as records
from .statements import SQL, rows

_FEW = 2000  # runs that are looked up by their keys rather than met on the way through all
_MANY = 1_000_000  # where they are counted in no order
NEWEST = "ORDER BY created DESC, key DESC"


def find(connection: apsw.Connection, query: Query) -> list[RunRow]:
    """See `Store.find`."""
    wanted = _wanted(connection, query)
    if wanted is None:
        return []
    found = statement(records.COLUMNS, NEWEST, _narrowed(connection, query, wanted, _FEW))
    return [records.run_row(connection, row) for row in rows(connection, found, wanted)]


def standings(connection: apsw.Connection, wanted: Query | Sequence[str]) -> list[RunStanding]:
    """See `Store.standings`."""
    if not isinstance(wanted, Query):
        found = rows(connection, records.LOAD_STANDINGS, (json.dumps(wanted),))
        return [records.standing(row) for row in found]
    values = _wanted(connection, wanted)
    if values is None:
        return []
    text = statement(records.STANDING, NEWEST, _narrowed(connection, wanted, values, _FEW))
    return [records.standing(row) for row in rows(connection, text, values)]


def tally(connection: apsw.Connection, query: Query) -> dict[tuple[State, str], int]:
    """See `Store.tally`. Unordered, so that what an index leads to is not sorted; no arguments are read."""
    wanted = _wanted(connection, query)
    if wanted is None:
        return {}
    found = statement("state, function", "", _narrowed(connection, query, wanted, _MANY)).rstrip().rstrip(";")
    counted = rows(connection, SQL["tally"].replace("{found}", found), wanted)
    return {(State(state), function): n for state, function, n in counted}


def horizon(
    connection: apsw.Connection, runs: int, before: str | Place | None, until: float
) -> tuple[str, float] | None:
    """See `Store.horizon`."""
    place = _place(connection, before, until)
    found = rows(connection, SQL["horizon"], (*place, runs - 1)) if place else []
    return found[0] if found else None


def counts(connection: apsw.Connection, since: float) -> dict[State, int]:
    """See `Store.counts`. What has succeeded is most of what there is: all the others are counted instead."""
    if since == -math.inf:
        found = {State(state): n for state, n in rows(connection, SQL["noticed_states"])}
        ((everything,),) = rows(connection, SQL["all_runs"])
        succeeded = everything - sum(found.values())
        return found | ({State.SUCCEEDED: succeeded} if succeeded else {})
    counted = [*rows(connection, SQL["standing"]), *rows(connection, SQL["ended_since"], (since,))]
    return {State(state): n for state, n in counted}


@functools.cache
def statement(columns: str, order: str, narrowed: tuple[str, ...]) -> str:
    """What finds runs, narrowed down to a few of them: "ids_with_prefix", "tagged" …"""
    pieces = " ".join(SQL[piece] for piece in narrowed)
    text = SQL["find"].replace("{columns}", columns).replace("{narrowed}", pieces)
    return text.replace("{order}", order)


def _place(connection: apsw.Connection, before: str | Place | None, until: float) -> Place | None:
    """Where in the order of creation looking begins; None behind a run that is not there."""
    place = (until, -1)  # before whatever was created then
    if before is None:
        return place
    if not isinstance(before, str):
        return min(place, before)
    found = rows(connection, SQL["place"], (before,))
    return min(place, found[0]) if found else None


def _wanted(connection: apsw.Connection, query: Query) -> dict[str, object] | None:
    created_from, created_until = query.created or (-math.inf, math.inf)
    place = _place(connection, query.before, created_until)
    if place is None:
        return None
    return {
        "states": None if query.states is None else json.dumps([state.value for state in query.states]),
        "function": query.function,
        "functions": None if query.functions is None else json.dumps(sorted(query.functions)),
        "roots": None if query.roots is None else json.dumps(sorted(query.roots)),
        "prefix": query.id_prefix,
        "suffix": query.id_suffix or None,
        "tag": query.tag,
        "left_by": query.left_by,
        "any_has": query.any_has,
        "created_from": created_from,
        "limit": query.limit,
        **dict(zip(("created", "key"), place, strict=True)),
        **dict(zip(("started_from", "started_until"), query.started or (None, None), strict=True)),
        **dict(zip(("ended_from", "ended_until"), query.ended or (None, None), strict=True)),
    }


def _narrowed(
    connection: apsw.Connection, query: Query, wanted: dict[str, object], few: int
) -> tuple[str, ...]:
    """The pieces of the statement that lead to few runs at once; without one all are walked through."""

    def are_few(piece: str) -> bool:
        return rows(connection, SQL[piece], wanted | {"few": few})[0][0] <= few

    found: list[str] = []
    if query.id_prefix:
        found.append("ids_with_prefix")
    if query.tag is not None:
        found.append("tagged" if are_few("count_tagged") else "has_tag")
    if query.left_by is not None:
        found.append("left_by")
    if query.unowned:
        found.append("unowned")
    if query.function is not None:
        found.append("of_function")
    is_odd = query.states is not None and State.SUCCEEDED not in query.states
    if is_odd and are_few("count_noticed"):
        found.append("noticed")
    elif query.roots is not None:
        found.append("in_family")
    elif query.ended is not None and are_few("count_ended_within"):
        found.append("ended_within")
    return tuple(found)
