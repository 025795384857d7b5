"""Rows become records, by name, here alone: a field that is added stands in its record and its statement."""

from __future__ import annotations

import functools
import json
from typing import Any

import apsw

from ...model import Entry, Head, Kind, Message, RunRow, State
from .payloads import loaded
from .statements import SQL, Row

_KINDS = {kind.value: kind for kind in Kind}
_STATES = {state.value: state for state in State}

COLUMNS = ", ".join(RunRow.__struct_fields__)
LOAD = SQL["load"].replace("{columns}", COLUMNS)


@functools.cache
def find(*narrowed: str) -> str:
    """The statement that finds runs, narrowed down to a few of them: "ids_with_prefix", "tagged" …"""
    pieces = " ".join(SQL[piece] for piece in narrowed)
    return SQL["find"].replace("{columns}", COLUMNS).replace("{narrowed}", pieces)


# What the statement `claim` returns.
HEAD = (
    "id", "function", "token", "args", "digest", "created", "started", "lost", "entries", "starter", "ours",
    "project", "origin", "parent", "root", "seed", "began", "copied", "generation", "base", "context",
    "queue", "lane", "messages",
)  # fmt: skip
# And `collect`; `inbox` leaves out the run.
MESSAGE = ("id", "run", "kind", "at", "payload", "name", "digest", "state", "sender", "n")


def run_row(connection: apsw.Connection, row: Row) -> RunRow:
    """A row of `run_rows`."""
    found: dict[str, Any] = dict(zip(RunRow.__struct_fields__, row, strict=True))
    found["state"] = _STATES[found["state"]]
    found["tags"] = tuple(json.loads(found["tags"]))
    found["args"] = loaded(connection, found["args"])
    found["payload"] = loaded(connection, found["payload"])
    return RunRow(**found)


def head(connection: apsw.Connection, row: Row, fingerprint: str) -> Head:
    """A row that `claim` returned; `fingerprint`: of the code that had the run before."""
    found: dict[str, Any] = dict(zip(HEAD, row, strict=True))
    found["args"] = loaded(connection, found["args"])
    found["ours"] = bool(found["ours"])
    return Head(**found, fingerprint=fingerprint)


def message(connection: apsw.Connection, row: Row) -> Message:
    """A row of `collect`."""
    found: dict[str, Any] = dict(zip(MESSAGE, row, strict=True))
    found["payload"] = loaded(connection, found["payload"])
    return Message(**found)


def entry(connection: apsw.Connection, row: Row) -> Entry:
    """A row of `history`, whose columns are in the order of the record: read by the hundred thousand."""
    seq, kind, at, step, digest, payload, *rest = row
    return Entry(seq, _KINDS[kind], at, step, digest, loaded(connection, payload), *rest)
