"""That this process has a store open, told to others by locks that it does not lose.

SQLite says so by two POSIX locks, for as long as a connection is open: a shared lock on the file keeps others
from taking the log away when they close, one on the -shm keeps them from building the index of the log anew.
The system drops both as soon as this process closes *any* descriptor of those files, and then others do
either under a living engine. So we hold the same two as OFD locks (Linux), which belong to one descriptor of
ours. Our descriptors must not be closed while a connection is open, so there is one pair for all handles of a
process on a store, and opening the first one and closing the last one take turns.
"""

from __future__ import annotations

import os
import struct
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from ...errors import StoreUnavailable
from . import protection
from .files import SHM, Files

try:
    import fcntl
except ImportError:  # a system without POSIX locks does not lose them
    fcntl = None

# Elsewhere than on Linux a log that is taken away is noticed after the fact, see `Files`.
_HAS_OFD = hasattr(fcntl, "F_OFD_SETLK")
# What SQLite locks as long as a connection is open: (suffix, first byte, how many).
_LOCKED = (("", 0x40000002, 510), (SHM, 128, 1))


class Presence:
    """One store that this process has open. Its users are handles, and threads about to open one."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.users = 0
        self._handles = 0
        self._turn = threading.Lock()
        self._descriptors: list[int] = []
        self._protected: list[protection.Identity] = []

    @contextmanager
    def opening(self, files: Files) -> Generator[None, None, None]:
        """In the block a handle opens its connections, and learns its files."""
        with self._turn:
            yield
            if not self._handles:
                self._hold()
                self._protected = files.identities()
                protection.protect(self._protected)
            self._handles += 1

    @contextmanager
    def closing(self) -> Generator[None, None, None]:
        """In the block it closes them; after the last one of all processes SQLite tidies up."""
        with self._turn:
            self._handles -= 1
            if not self._handles:
                self._lock(False)
            yield

    def leave(self) -> None:
        """The handle is closed, or was not opened."""
        with _lock:
            self.users -= 1
            if not self.users:  # no connection of this process is open
                del _presences[self._file]
                self.forget()

    def forget(self) -> None:
        """Close what is held; in a forked child that leaves it to the parent."""
        protection.release(self._protected)
        self._protected = []
        while self._descriptors:
            os.close(self._descriptors.pop())

    def _hold(self) -> None:
        if not self._descriptors:
            with protection.allowed():
                for suffix, *_ in _LOCKED:
                    name = f"{self._file}{suffix}"
                    self._descriptors.append(os.open(name, os.O_RDONLY | os.O_CLOEXEC))
        try:
            self._lock(True)
        except BlockingIOError as error:
            raise StoreUnavailable(f"another program has locked {self._file}") from error

    def _lock(self, locked: bool) -> None:
        if fcntl is None or not _HAS_OFD:
            return
        kind = fcntl.F_RDLCK if locked else fcntl.F_UNLCK
        for descriptor, (_, start, length) in zip(self._descriptors, _LOCKED, strict=True):
            lock = struct.pack("hhqqi", kind, os.SEEK_SET, start, length, 0)
            fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, lock)


_presences: dict[Path, Presence] = {}
_lock = threading.Lock()


def enter(file: Path) -> Presence:
    """This process's presence at a store; every call has its `leave`."""
    with _lock:
        presence = _presences.setdefault(file, Presence(file))
        presence.users += 1
        return presence


def forget_all() -> None:
    """In a forked child, where another thread may have held the lock: it has no store open."""
    global _lock  # noqa: PLW0603  # the process's
    _lock = threading.Lock()
    protection.forget()
    for presence in _presences.values():
        presence.forget()
    _presences.clear()
