"""Rows become records, by name, here alone: a field that is added stands in its record and its statement."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import apsw
from msgspec import structs

from ...errors import DamagedRecord
from ...model import (
    DAMAGED,
    CachedResult,
    Entry,
    Head,
    Kind,
    MeasureQuery,
    Message,
    RunRow,
    RunStanding,
    RunStatus,
    State,
    cached_name,
    taken_from,
)
from .payloads import loaded
from .statements import SQL, Row, rows

_KINDS = {kind.value: kind for kind in Kind}
_STATES = {state.value: state for state in State}

COLUMNS = ", ".join(RunRow.__struct_fields__)
LOAD = SQL["load"].replace("{columns}", COLUMNS)
LOAD_MANY = SQL["load_many"].replace("{columns}", COLUMNS)
STANDING = ", ".join(RunStanding.__struct_fields__)
LOAD_STANDINGS = SQL["load_many"].replace("{columns}", STANDING)

# What the statement `claim` returns.
HEAD = (
    "id", "function", "token", "args", "digest", "created", "started", "lost", "entries", "starter", "ours",
    "project", "origin", "parent", "root", "seed", "began", "copied", "generation", "base", "context",
    "queue", "lane", "messages",
)  # fmt: skip
# And `collect`; `inbox` leaves out the run.
MESSAGE = ("id", "run", "kind", "at", "payload", "name", "digest", "state", "sender", "n")


# What a value that Podium never writes raises as it is read.
_DAMAGE = (KeyError, IndexError, TypeError, ValueError)


def run_row(connection: apsw.Connection, row: Row) -> RunRow:
    """A row of `run_rows`. One that cannot be read is seen as parked, with the reason."""
    found: dict[str, Any] = dict(zip(RunRow.__struct_fields__, row, strict=True))
    field = ""
    try:
        for field, read in _READ.items():
            found[field] = read(connection, found[field])
    except _DAMAGE:
        what = f"the row of run {found['id']} cannot be read ({field} = {str(found[field])[:80]!r})"
        found |= {"state": State.PARKED, "tags": (), "args": b"{}", "payload": damage(what)}
    return RunRow(**found)


def status(connection: apsw.Connection, row: Row) -> RunStatus:
    """A row of `statuses`. One that cannot be read is seen as `run_row` sees it."""
    id, state, owner, created, payload = row
    try:
        return RunStatus(id, _STATES[state], owner, created, loaded(connection, payload))
    except _DAMAGE:
        what = f"the row of run {id} cannot be read (state = {str(state)[:80]!r})"
        return RunStatus(id, State.PARKED, owner, created, damage(what))


def standing(row: Row) -> RunStanding:
    """A row of the columns `STANDING`. One that cannot be read is parked, as `run_row` has it."""
    id, function, state, *rest = row
    return RunStanding(id, function, _STATES.get(state, State.PARKED), *rest)


_READ: dict[str, Callable[[apsw.Connection, Any], Any]] = {
    "state": lambda _, value: _STATES[value],
    "tags": lambda _, value: tuple(map(_text, json.loads(value))),
    "args": loaded,
    "payload": loaded,
}


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def damage(what: str) -> bytes:
    """The reason of a run that is parked because of a row of its own, as the engine writes reasons."""
    error = DamagedRecord(what)
    return json.dumps({"code": error.code, "what": error.message, "fix": error.fix}).encode()


def head(connection: apsw.Connection, row: Row, fingerprint: str) -> Head:
    """A row that `claim` returned; `fingerprint`: of the code that had the run before."""
    found: dict[str, Any] = dict(zip(HEAD, row, strict=True))
    try:
        found["args"] = loaded(connection, found["args"])
    except _DAMAGE as error:
        raise DamagedRecord(f"the arguments of run {found['id']} are missing ({found['args']!r})") from error
    found["ours"] = bool(found["ours"])
    return Head(**found, fingerprint=fingerprint)


def cached(connection: apsw.Connection, key: str) -> CachedResult | None:
    """See `Store.cached`: of a result that was taken from another one, that one."""
    found = rows(connection, SQL["cached"], (cached_name(key),))
    if not found:
        return None
    run, seq, at, payload, name = found[0]
    source = taken_from(name) or CachedResult(key, at, run, seq)
    return structs.replace(source, payload=loaded(connection, payload))


def message(connection: apsw.Connection, row: Row) -> Message:
    """A row of `collect`."""
    found: dict[str, Any] = dict(zip(MESSAGE, row, strict=True))
    try:
        found["payload"] = loaded(connection, found["payload"])
    except _DAMAGE:
        what = f"message {found['n']} of run {found['run']} cannot be read (payload = {found['payload']!r})"
        found |= {"kind": DAMAGED, "payload": damage(what)}
    return Message(**found)


def entry(connection: apsw.Connection, row: Row) -> Entry:
    """A row of `history`, whose columns are in the order of the record: read by the hundred thousand."""
    seq, kind, at, step, digest, payload, *rest = row
    try:
        return Entry(seq, _KINDS[kind], at, step, digest, loaded(connection, payload), *rest)
    except _DAMAGE as error:
        raise DamagedRecord(
            f"entry {seq} of the run's history cannot be read (kind {kind!r}, payload {str(payload)[:80]!r})"
        ) from error


def measured(query: MeasureQuery) -> dict[str, object]:
    """What the statements that look for points of a series ask for."""
    return {
        "series": query.series,
        "tags": json.dumps(query.tags, ensure_ascii=False),
        "since": query.since,
        "until": query.until,
        "limit": query.limit,
    }
