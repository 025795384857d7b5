"""What goes of a run's record, in rows: all of it (`Write.forget`), or a generation of long ago."""

from __future__ import annotations

import apsw

from . import entries
from .named import forget_former_names, forget_names
from .statements import SQL, rows

_NEEDED_BY, _BLOBS_OF_RUN, _FREE_BLOB = SQL["needed_by"], SQL["blobs_of_run"], SQL["free_blob"]
_FORMER_BLOBS, _BEGIN_ANEW = SQL["former_blobs"], SQL["begin_anew"]
FORGET = [
    SQL[name]
    for name in (
        "forget_logs",
        "forget_steps_progress",
        "forget_streams",
        "forget_values",
        "forget_losses",
        "forget_inbox",
        "forget_waits",
        "forget_tags",
        "forget_run",
    )
]
ANEW = [
    SQL[name]
    for name in (
        "forget_former_history",
        "forget_former_recent_history",
        "forget_former_logs",
        "forget_former_streams",
        "forget_steps_progress",
        "forget_waits",
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
    forget_names(connection, key)
    for statement in FORGET:
        rows(connection, statement, (key,))
    for blob in blobs:
        rows(connection, _FREE_BLOB, blob)


def begin_anew(connection: apsw.Connection, key: int, base: int, at: float | None, args: bytes | str) -> None:
    """Begin a run's next generation: its history begins after the entry `base`, its clock at `at`.

    Of the generation that ends all is kept but what its steps waited for and said of their progress; of the
    one before it nothing.
    """
    blobs = rows(connection, _FORMER_BLOBS, (key,))
    for statement in ANEW:
        rows(connection, statement, (key,))
    forget_former_names(connection, key)
    rows(connection, _BEGIN_ANEW, (key, base, at, args))
    for blob in blobs:
        rows(connection, _FREE_BLOB, blob)
