"""Whether a store's file is the one that its rows were written to, or a copy of it.

Who copies the file of a store in use copies what the last checkpoint left there; what was committed since
stands in the log. Such a copy is a sound database, only old, or empty. So a store remembers its file by its
inode, which a copy has not.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path

import apsw

from .statements import SQL, rows, transaction
from .wal import refuse_copy

log = logging.getLogger("podium")

COPIED = "it was copied or moved here; if its log (-wal) did not come along, what stood there is missing"
COPY_FIX = "podium backup FILE  makes whole copies, at any time"


def lies_where_it_lay(connection: apsw.Connection, file: Path | None) -> bool:
    """Whether this is the file that it remembers. Backups remember none, and are whole."""
    return file is None or _remembered(connection) == _inode(file)


def is_copy(connection: apsw.Connection, file: Path) -> bool:
    """Whether it remembers another file."""
    return _remembered(connection) not in ("", _inode(file))


def settle(connection: apsw.Connection, file: Path | None) -> None:
    """Remember this file from now on; says once of a copy that it is one."""
    if file is None or lies_where_it_lay(connection, file):
        return
    if is_copy(connection, file):
        refuse_copy(file, _remembered(connection))
        log.warning("store %s: %s; %s", file, COPIED, COPY_FIX)
    with transaction(connection):
        rows(connection, SQL["set_home"], (_inode(file),))


def _remembered(connection: apsw.Connection) -> str:
    found = rows(connection, SQL["home"])
    return str(found[0][0]) if found else ""


def _inode(file: Path) -> str:
    return str(os.stat(file).st_ino)
