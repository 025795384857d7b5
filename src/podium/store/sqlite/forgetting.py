"""A run that has ended goes with all that is on record of it: what `Write.forget` means in rows."""

from __future__ import annotations

import apsw

from . import entries
from .statements import SQL, rows

_NEEDED_BY, _BLOBS_OF_RUN, _FREE_BLOB = SQL["needed_by"], SQL["blobs_of_run"], SQL["free_blob"]
FORGET = [
    SQL[name]
    for name in (
        "forget_logs",
        "forget_steps_progress",
        "forget_inbox",
        "forget_waits",
        "forget_tags",
        "forget_run",
    )
]


def needed_by(connection: apsw.Connection, key: int) -> str:
    """The id of an unfinished run that still rests on this one; "" if none does."""
    found = rows(connection, _NEEDED_BY, (key,))
    return found[0][0] if found else ""


def forget(connection: apsw.Connection, key: int) -> None:
    """Delete a run's rows, and the blobs that then nobody names."""
    blobs = rows(connection, _BLOBS_OF_RUN, (key,))
    entries.forget(connection, key)
    for statement in FORGET:
        rows(connection, statement, (key,))
    for blob in blobs:
        rows(connection, _FREE_BLOB, blob)
