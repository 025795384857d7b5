"""Payloads: short ones stand in their row, long ones in a blob that the row names by its content.

The column's type tells which, so short payloads pay nothing for it. The limits differ: a row of history is
written once, but a run's row is rewritten at each of its moves, with everything that stands in it.
"""

from __future__ import annotations

import hashlib
from typing import Any

import apsw

from .statements import SQL, rows

ENTRY_INLINE_MAX = 256 * 1024  # bytes
RUN_INLINE_MAX = 1024

_ADD_BLOB, _BLOB = SQL["add_blob"], SQL["blob"]


size = bytes.__len__  # and a TypeError for text, which the store would take for the name of a blob


def blob_name(data: bytes) -> str:
    """What a blob with this content is called."""
    return hashlib.sha256(data).hexdigest()


def stored(connection: apsw.Connection, payload: bytes, inline_max: int) -> bytes | str:
    """What to put into the column: the bytes, or the name of a blob that is there now."""
    if size(payload) <= inline_max:
        return payload
    name = blob_name(payload)
    rows(connection, _ADD_BLOB, (name, payload))
    return name


def loaded(connection: apsw.Connection, value: Any) -> bytes:
    """The bytes behind a column's value."""
    if type(value) is str:
        return rows(connection, _BLOB, (value,))[0][0]
    return value
