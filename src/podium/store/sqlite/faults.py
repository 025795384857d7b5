"""What SQLite's errors mean for the caller: try again, never again, opened wrong, or bad data of a Write."""

from __future__ import annotations

import os
from pathlib import Path

import apsw

from ...errors import StoreError, StoreFatal, StoreRefused, StoreUnavailable
from ...shortage import lacks_descriptors
from ..moving import read_fence, refusal
from .files import lock_holder

# Raised by the data of one Write (a constraint, a type or a text that cannot be stored): its neighbours are
# innocent. The built-in ones come from binding values, before SQLite sees them.
DATA_ERRORS = (
    apsw.ConstraintError,
    apsw.MismatchError,
    apsw.TooBigError,
    AttributeError,
    OverflowError,
    TypeError,
    ValueError,
)

# After a failed sync the kernel may have thrown the pages away and call the next sync a success, so a retry
# would acknowledge what is not on disk. A failed write is different: SQLite rolls it back and says so.
_FAILED_SYNCS = (apsw.SQLITE_IOERR_FSYNC, apsw.SQLITE_IOERR_DIR_FSYNC)
_CORRUPT_FILES = (apsw.SQLITE_IOERR_CORRUPTFS, apsw.SQLITE_IOERR_DATA)

_FULL_BYTES = 64 * 1024  # less than this and SQLite's shared memory does not fit

_RETRYABLE: dict[type[apsw.Error], str] = {
    apsw.BusyError: "another connection held the store's write lock for too long",
    apsw.LockedError: "the store is locked",
    apsw.ProtocolError: "the store's lock is contended",
    apsw.FullError: "the disk is full",
    apsw.IOError: "the disk reported an error",
    apsw.ReadOnlyError: "the store can no longer be written",
    apsw.CantOpenError: "the store's file cannot be opened",
    apsw.NoMemError: "out of memory",
    apsw.InterruptError: "interrupted",
}


_FIXES: dict[type[apsw.Error], str] = {
    apsw.BusyError: "runs are safe and go on when it lets go",
    apsw.FullError: "free some space: runs are safe and go on then",
    apsw.IOError: "look what the system says of the disk (dmesg): runs are safe and go on when it answers",
}


def is_fenced(error: BaseException) -> bool:
    """Whether a change was refused because the store has moved: its triggers alone raise."""
    return (
        isinstance(error, apsw.ConstraintError)
        and getattr(error, "extendedresult", 0) == apsw.SQLITE_CONSTRAINT_TRIGGER
    )


def restore_path(file: str) -> str:
    """What to do about a damaged store."""
    return (
        f"stop every process on it and restore it from a backup; without one: "
        f"sqlite3 {file or 'FILE'} .recover | sqlite3 recovered.db"
    )


def _is_full(file: str) -> bool:
    """Whether there is no space left for the store: SQLite calls it an I/O error where it maps a file."""
    try:
        disk = os.statvfs(os.path.dirname(file))
    except OSError:
        return False
    return disk.f_bavail * disk.f_frsize < _FULL_BYTES


def translate(error: apsw.Error, file: str = "", *, committing: bool = False) -> StoreError:
    """The store's error for one of SQLite's, naming the file.

    `committing`: it came from COMMIT itself. Then an I/O error other than a failed write leaves open
    whether the commit frame is on disk; the error's `unknown` says so.
    """
    store = file or "the store"
    if is_fenced(error) and (fence := read_fence(str(error))) is not None:
        return refusal(fence)
    code = int(getattr(error, "extendedresult", 0)) if isinstance(error, apsw.IOError) else 0
    if code in _FAILED_SYNCS:
        found = StoreFatal(
            f"the disk failed to sync {store} ({error})", fix="check the disk, then restart the process"
        )
    elif code in _CORRUPT_FILES or isinstance(error, (apsw.CorruptError, apsw.NotADBError)):
        found = StoreFatal(f"{store} is damaged ({error})", fix=restore_path(file))
    elif isinstance(error, apsw.SQLError):
        found = StoreRefused(
            f"the store's schema is not the one this code needs ({error})", fix="call migrate() first"
        )
    else:
        kind = type(error)
        reason = _RETRYABLE.get(kind, "SQLite failed")
        if file and isinstance(error, apsw.BusyError):
            reason = (
                f"{lock_holder(Path(file)) or 'another process'} held the write lock of {file} for too long"
            )
        elif isinstance(error, (apsw.IOError, apsw.CantOpenError)) and file and _is_full(file):
            reason, kind = _RETRYABLE[apsw.FullError], apsw.FullError
        fix = _FIXES.get(kind, "")
        if isinstance(error, apsw.CantOpenError) and (lack := lacks_descriptors()) is not None:
            reason, fix = lack.message, lack.fix
        found = StoreUnavailable(f"{reason} ({type(error).__name__}: {error})", fix=fix)
    found.unknown = committing and code not in (0, apsw.SQLITE_IOERR_WRITE)
    return found
