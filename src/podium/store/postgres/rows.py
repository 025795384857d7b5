"""Rows become records, by name, here alone: a field that is added stands in its record and its statement."""

from __future__ import annotations

import json
from typing import Any

from msgspec import structs

from ...errors import DamagedRecord
from ...model import (
    CACHED,
    CachedResult,
    Entry,
    Head,
    Kind,
    Message,
    RunRow,
    RunStanding,
    RunStatus,
    State,
    taken_from,
)
from .statements import SQL, Row

KINDS = {kind.value: kind for kind in Kind}
STATES = {state.value: state for state in State}
COLUMNS = ", ".join(RunRow.__struct_fields__)
LOAD, FIND = SQL["load"].replace("{columns}", COLUMNS), SQL["find"].replace("{columns}", COLUMNS)
STANDING = ", ".join(RunStanding.__struct_fields__)
LOAD_STANDINGS = SQL["load"].replace("{columns}", STANDING)
FIND_STANDINGS = SQL["find"].replace("{columns}", STANDING)

# What the statement `claim` returns, and behind it the fingerprint before and what it is sorted by.
HEAD = (
    "id", "function", "token", "args", "digest", "created", "started", "lost", "entries", "starter", "ours",
    "project", "origin", "parent", "root", "seed", "began", "copied", "generation", "base", "context",
    "queue", "lane", "messages", "fingerprint",
)  # fmt: skip
# And `collect`; `inbox` leaves out the run.
MESSAGE = ("id", "run", "kind", "at", "payload", "name", "digest", "state", "sender", "n")

_DAMAGE = (KeyError, IndexError, TypeError, ValueError)  # of values that Podium never writes


def run_row(row: Row) -> RunRow:
    """A row of `run_rows`. One that cannot be read is seen as parked, with the reason."""
    found: dict[str, Any] = dict(zip(RunRow.__struct_fields__, row, strict=True))
    try:
        found["state"] = STATES[found["state"]]
        found["tags"] = tuple(json.loads(found["tags"]))
    except _DAMAGE:
        what = (
            f"the row of run {found['id']} cannot be read (state {found['state']!r}, tags {found['tags']!r})"
        )
        found |= {"state": State.PARKED, "tags": (), "args": b"{}", "payload": damage(what)}
    return RunRow(**found)


def status(row: Row) -> RunStatus:
    """A row of `statuses`. One that cannot be read is seen as `run_row` sees it."""
    id, state, owner, created, payload = row
    known = STATES.get(state)
    if known is None:
        what = f"the row of run {id} cannot be read (state {state!r})"
        return RunStatus(id, State.PARKED, owner, created, damage(what))
    return RunStatus(id, known, owner, created, payload)


def standing(row: Row) -> RunStanding:
    """A row of the columns `STANDING`. One that cannot be read is parked, as `run_row` has it."""
    id, function, state, *rest = row
    return RunStanding(id, function, STATES.get(state, State.PARKED), *rest)


def damage(what: str) -> bytes:
    """The reason of a run that is parked because of a row of its own, as the engine writes reasons."""
    error = DamagedRecord(what)
    return json.dumps({"code": error.code, "what": error.message, "fix": error.fix}).encode()


def head(row: Row) -> Head:
    """A row that `claim` returned."""
    return Head(**dict(zip(HEAD, row, strict=False)))


def cached(row: Row) -> CachedResult:
    """A row of `cached`: of a result that was taken from another one, that one."""
    run, seq, at, payload, name = row
    found = taken_from(name) or CachedResult(name.removeprefix(CACHED), at, run, seq)
    return structs.replace(found, payload=payload)


def message(row: Row) -> Message:
    """A row of `collect`."""
    return Message(**dict(zip(MESSAGE, row, strict=True)))


def entry(row: Row) -> Entry:
    """A row of `history`, whose columns are in the order of the record: read by the hundred thousand."""
    seq, kind, *rest = row
    known = KINDS.get(kind)
    if known is None:
        raise DamagedRecord(f"entry {seq} of the run's history cannot be read (kind {kind!r})")
    return Entry(seq, known, *rest)
