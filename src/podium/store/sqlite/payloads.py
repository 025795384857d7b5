"""Payloads: short ones stand in their row, long ones in a blob that the row names by an integer.

The column's type tells which, so short payloads pay nothing for it. The limits differ: a row of history is
written once, but a run's row is rewritten at each of its moves, with everything that stands in it.
"""

from __future__ import annotations

from typing import Any

import apsw

from .statements import SQL, rows

ENTRY_INLINE_MAX = 256 * 1024  # bytes
RUN_INLINE_MAX = 1024

_ADD_BLOB, _BLOB = SQL["add_blob"], SQL["blob"]


def stored(connection: apsw.Connection, payload: bytes, inline_max: int) -> bytes | int:
    """What to put into the column: the bytes, or the key of a new blob."""
    if len(payload) <= inline_max:
        return payload
    return rows(connection, _ADD_BLOB, (payload,))[0][0]


def loaded(connection: apsw.Connection, value: Any) -> bytes:
    """The bytes behind a column's value."""
    if type(value) is int:
        return rows(connection, _BLOB, (value,))[0][0]
    return value
