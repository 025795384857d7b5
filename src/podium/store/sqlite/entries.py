"""The rows of history: inserted, read, copied and forgotten here alone.

`history` has an index by run. When many long runs take turns, each of their entries would change a page of
that index that no other entry of the commit changes: a hundred entries, a hundred pages. So such entries go
to `recent_history` first, which is small and so is its index, and are moved in bulk, sorted by run, in a
commit that finds enough of them there. Either table is written in the transaction of the entry's own Write,
so there is nothing to recover; whoever reads looks at both, by the view `entries`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import apsw

from ...model import CACHED
from .statements import SQL, Insertion, Row, rows

LONG = 64  # entries of a run: up to there many runs share a page of the index
SHORT = 1024  # bytes of a payload: longer ones fill their pages anyway
MANY = 8  # entries of long runs in one commit: fewer write no fewer pages by way of the other table
RECENT_MAX = 2048  # entries: moving them takes some milliseconds, and their index is half a dozen pages

_ADD, _ADD_RECENT = Insertion(SQL["add_entry"]), Insertion(SQL["add_recent_entry"])
_MOVE_RECENT, _CLEAR_RECENT = SQL["move_recent_entries"], SQL["clear_recent_entries"]
_READ, _LAST_TIMES = SQL["history"], SQL["last_times"]
_COPY = SQL["copy_history"]
FORGET = [SQL["forget_history"], SQL["forget_recent_history"]]
_RUN, _SEQ, _PAYLOAD, _NAME = 0, 1, 6, 11  # places in a row


def add(connection: apsw.Connection, entries: Sequence[Row]) -> None:
    """Insert the entries of one commit, in the order of the columns of `add_entry`."""
    recent = [row for row in entries if row[_SEQ] > LONG and _may_wait(row)]
    # Of one run they are neighbours in the index, however many they are.
    if len(recent) < MANY or len({row[_RUN] for row in recent}) < MANY:
        _ADD.insert(connection, entries)
        return
    if len(recent) < len(entries):
        others = [row for row in entries if row[_SEQ] <= LONG or not _may_wait(row)]
        _ADD.insert(connection, others)
    _ADD_RECENT.insert(connection, recent)
    # The table was empty when it was begun, so the number of the last row tells how many there are at most.
    if connection.last_insert_rowid() >= RECENT_MAX:
        rows(connection, _MOVE_RECENT)
        rows(connection, _CLEAR_RECENT)


def _may_wait(row: Row) -> bool:
    """Whether one of a long run may lie in the other table for a while: it has few bytes, in the row itself,
    and is no result that may stand for other calls, which is looked up by an index of this one."""
    payload = row[_PAYLOAD]
    return type(payload) is bytes and len(payload) <= SHORT and not row[_NAME].startswith(CACHED)


def read(connection: apsw.Connection, run: str, after: int, limit: int) -> list[Row]:
    """Rows of `history` after a number, in order."""
    return rows(connection, _READ, (run, after, limit))


def at(connection: apsw.Connection, places: Sequence[tuple[str, int]]) -> list[Row]:
    """Rows of `history` at places (run, seq), each after its run."""
    return rows(connection, SQL["entries_at"], (json.dumps(places),))


def last_times(connection: apsw.Connection, runs: Sequence[str]) -> list[Row]:
    """Of runs with a history when their last entries were made."""
    return rows(connection, _LAST_TIMES, (json.dumps(runs),))


def copy(connection: apsw.Connection, key: int, source: str, last: int) -> None:
    """Give a new run the history of another one up to an entry."""
    rows(connection, _COPY, {"key": key, "source": source, "last": last})


def forget(connection: apsw.Connection, key: int) -> None:
    """Delete the entries of a run."""
    for statement in FORGET:
        rows(connection, statement, (key,))
