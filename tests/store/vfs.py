"""A SQLite VFS over the default one that counts writes and syncs, and fails or kills at the nth."""

from __future__ import annotations

import itertools
import os
from collections import Counter
from collections.abc import Callable
from typing import Any

import apsw

Fault = Callable[[], None]
_names = itertools.count()


def io_error() -> None:
    """A failing disk."""
    raise apsw.exception_for(apsw.SQLITE_IOERR_FSYNC)


def disk_full() -> None:
    raise apsw.exception_for(apsw.SQLITE_FULL)


def read_only() -> None:
    """What a write gets after the system has remounted a failing disk."""
    raise apsw.exception_for(apsw.SQLITE_IOERR_WRITE)


def kill() -> None:
    """The process is gone, without a chance to tidy up; what it wrote is still with the kernel."""
    os._exit(9)


class FaultyDisk(apsw.VFS):
    """`counts` by operation ("sync", "write") and by kind of file ("sync-wal", "sync-db").

    The nth operation of a kind is struck: `strike("sync", 3, io_error)`; it then never reaches the disk. Or
    each one from now on: `states["write"] = disk_full`.
    """

    def __init__(self) -> None:
        self.name = f"faulty-{next(_names)}"
        self.counts: Counter[str] = Counter()
        self.states: dict[str, Fault] = {}
        self._faults: dict[tuple[str, int], Fault] = {}
        self.base = apsw.vfs_names()[0]  # by name: this one may become the default itself
        super().__init__(self.name, self.base)

    def strike(self, operation: str, nth: int, fault: Fault) -> None:
        """`nth` counts from 1, from now on."""
        self._faults[operation, self.counts[operation] + nth] = fault

    def xOpen(self, name: Any, flags: Any) -> _File:
        return _File(self, name, flags)

    def note(self, operation: str, suffix: str) -> None:
        self.counts[operation] += 1
        self.counts[operation + suffix] += 1
        fault = self._faults.pop((operation, self.counts[operation]), self.states.get(operation))
        if fault is not None:
            fault()


class _File(apsw.VFSFile):
    def __init__(self, disk: FaultyDisk, name: Any, flags: Any) -> None:
        self._disk = disk
        path = name.filename() if isinstance(name, apsw.URIFilename) else str(name)
        self._suffix = "-wal" if path.endswith("-wal") else "-db"
        super().__init__(disk.base, name, flags)

    def xSync(self, flags: int) -> None:
        self._disk.note("sync", self._suffix)
        super().xSync(flags)

    def xWrite(self, data: bytes, offset: int) -> None:
        self._disk.note("write", self._suffix)
        super().xWrite(data, offset)
