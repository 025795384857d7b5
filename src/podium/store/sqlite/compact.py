"""Giving back to the disk what a store's file no longer needs: it is written anew, while others wait."""

from __future__ import annotations

import os
from pathlib import Path

import apsw

from ...errors import StoreRefused, StoreUnavailable
from .connection import connect_file
from .faults import translate
from .files import lock_holder
from .locks import Locks
from .statements import SQL, rows
from .wal import refuse_misplaced_log

_PATIENCE = 30.0  # s


def compact(name: str) -> tuple[int, int]:
    """As `podium.store.compact`, of the file by that name."""
    file = Path(name).resolve()
    if not name.startswith(":memory:"):
        refuse_misplaced_log(file)
    if name.startswith(":memory:") or not file.is_file():
        raise StoreRefused(f"there is no store at {name}", fix="name one: --store URL, or PODIUM_URL")
    before = os.stat(file).st_size
    locks = Locks(file)
    try:
        if not (locks.write.acquire(_PATIENCE) and locks.checkpoint.acquire(_PATIENCE)):
            raise StoreUnavailable(f"{lock_holder(file) or 'another process'} holds the write lock of {file}")
        connection = connect_file(file, sync="full", patience=_PATIENCE, vfs=None)
        try:
            rows(connection, SQL["compact"])
            connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        finally:
            connection.close()
    except apsw.Error as error:
        raise translate(error, str(file)) from error
    finally:
        locks.close()
    return before, os.stat(file).st_size
