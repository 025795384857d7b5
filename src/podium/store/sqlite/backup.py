"""A copy of a store while it is in use: whole, of one moment, and to be opened like any other store."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import apsw
from msgspec import structs

from ...depot import Depot, depot_of
from ...errors import StoreFatal, StoreRefused, UsageError
from ..findings import Copied
from .connection import APPLICATION_ID
from .faults import restore_path, translate
from .statements import SQL, pragma, rows
from .wal import misplaced_log

_PATIENCE_MS = 5000
_NAME_ONE = "name one: --store URL, or PODIUM_URL"


def back_up(name: str, target: Path) -> Copied:
    """As `podium.store.back_up`, of the file by that name."""
    source = Path(name).resolve()
    misplaced, way_out = misplaced_log(source)
    if misplaced:
        raise StoreRefused(misplaced, fix=way_out)
    if name.startswith(":memory:") or not source.is_file():
        raise StoreRefused(f"there is no store to copy at {name}", fix=_NAME_ONE)
    _refuse_existing(target)
    try:
        descriptor, partial = tempfile.mkstemp(prefix=f"{target.name}.", suffix=".partial", dir=target.parent)
        os.close(descriptor)  # it is there now, for its owner alone, and empty as SQLite wants it
        values = depot_of(source)
        try:
            with values.staying():
                _copy(source, partial)
                copied = _settle(partial, target)
                copied = structs.replace(copied, bytes=copied.bytes + _copy_values(partial, values, target))
            _name(partial, target)
        finally:
            Path(partial).unlink(missing_ok=True)
    except OSError as error:
        raise StoreRefused(
            f"{target} cannot be written ({error.strerror})", fix="name a file on a disk with enough space"
        ) from error
    except apsw.Error as error:
        raise translate(error, str(source)) from error
    return copied


def _refuse_existing(target: Path) -> None:
    if os.path.lexists(target):
        raise UsageError(f"{target} is there already", fix="name a new file: a backup overwrites nothing")


def _copy(source: Path, partial: str) -> None:
    """A reader's snapshot of the source: those who write do not wait for it."""
    connection = apsw.Connection(str(source), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        connection.set_busy_timeout(_PATIENCE_MS)
        if pragma(connection, "application_id") != APPLICATION_ID:
            raise StoreRefused(f"{source} is no store of Podium's", fix=_NAME_ONE)
        rows(connection, SQL["copy_into"], (partial,))
    finally:
        connection.close()


def _copy_values(copy: str, values: Depot, target: Path) -> int:
    """Give the copy's depot the values that it names; their bytes."""
    connection = apsw.Connection(copy, flags=apsw.SQLITE_OPEN_READONLY)
    try:
        names = [name for (name,) in rows(connection, SQL["all_named_values"])]
    finally:
        connection.close()
    there = depot_of(target)
    return sum(there.take(values, name) for name in names)


def _settle(partial: str, target: Path) -> Copied:
    """Check the copy, and take out what is true of the original alone: who drives its runs."""
    connection = apsw.Connection(partial, flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        rows(connection, SQL["forget_engines"])
        rows(connection, SQL["forget_home"])
        told = str(pragma(connection, "quick_check(1)"))
        runs = rows(connection, SQL["count_runs"])[0][0]
    finally:
        connection.close()
    if told != "ok":
        raise StoreFatal(f"the copy is damaged, and so may be the store: {told}", fix=restore_path(""))
    _sync(partial)
    return Copied(str(target), os.stat(partial).st_size, runs)


def _name(partial: str, target: Path) -> None:
    """Give it its name, unless somebody else has taken that meanwhile."""
    try:
        os.link(partial, target)
    except FileExistsError:
        _refuse_existing(target)
    except OSError:  # a file system without links
        _refuse_existing(target)
        os.rename(partial, target)
    _sync(str(target.parent))


def _sync(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
