"""Proof of life on one host: each engine holds an advisory lock on a file of its own.

The system frees it when the process dies, however it dies, so a free lock is a dead engine at once,
without waiting for a lease. flock, not lockf: POSIX record locks vanish when any descriptor of the file
is closed, and are shared by threads.
"""

from __future__ import annotations

import contextlib
import os
import socket
from pathlib import Path

from ..model import Beat, EngineRow

try:
    import fcntl
except ImportError:  # no flock on this system: leases alone tell
    fcntl = None


def host_name() -> str:
    """What this host calls itself; engines on other hosts are judged by their leases only."""
    return socket.gethostname()


class HostLocks:
    """The locks of the engines on one store, in a directory beside it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._held: int | None = None
        self._path: Path | None = None

    def hold(self, engine: str) -> None:
        """Take this engine's lock; kept until `free` or the end of the process."""
        if fcntl is None:
            return
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path = self._directory / f"{engine}.lock"
        self._held = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._held, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def is_free(self, engine: Beat | EngineRow) -> bool:
        """True only if that engine ran on this host and its lock is free.

        Without its file the lease decides: who ends cleanly takes its row away before its lock.
        """
        if fcntl is None or engine.host != host_name():
            return False
        path = os.path.join(self._directory, f"{engine.id}.lock")  # no Path: this is five times a second
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            return False  # not there: somebody removed it, and whether it is held nobody can say any more
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except OSError:
            return False
        finally:
            os.close(descriptor)

    def remove(self, engine: Beat | EngineRow) -> None:
        """Take the file of a dead engine away. Not before its row is gone: others look for its lock."""
        if self.is_free(engine):
            (self._directory / f"{engine.id}.lock").unlink(missing_ok=True)

    def forget(self) -> None:
        """In a forked child: close the inherited descriptor, or this process would keep the parent alive."""
        if self._held is not None:
            os.close(self._held)
            self._held = None

    def free(self, *, leave_file: bool = False) -> None:
        """Let go of this engine's lock. Its file, while it has a row, tells others at once that it died."""
        if self._held is not None:
            if self._path is not None and not leave_file:
                with contextlib.suppress(OSError):  # its file system may have become read-only
                    self._path.unlink()
            os.close(self._held)
            self._held = None


def is_alive(locks: Path | None, engine: EngineRow) -> bool | None:
    """Whether an engine's process lives; None where only its lease can tell (another host)."""
    if locks is None or engine.host != host_name():
        return None
    return not HostLocks(locks).is_free(engine)
