"""Locks beside a store, for what SQLite's own locks do not hold.

SQLite locks by POSIX record locks, and the system drops all that a process has on a file as soon as it closes
*any* descriptor of that file: a backup inside the process, a library that reads it. In the middle of a commit
that lets another process write to the same place. An flock belongs to the one descriptor that took it. So
writers exclude each other once more, and so do checkpoints, by two empty files in the directory `FILE-locks`.
"""

from __future__ import annotations

import errno
import os
import stat
import threading
from pathlib import Path

from ...errors import StoreRefused

try:
    import fcntl
except ImportError:  # a system without POSIX locks does not lose them
    fcntl = None

DIRECTORY = "-locks"
WRITE = "write"
_CHECKPOINT = "checkpoint"
_PAUSE_MIN, _PAUSE_MAX = 0.0002, 0.02  # s between attempts: there is no flock with a timeout
_EXCLUSIVE = fcntl.LOCK_EX | fcntl.LOCK_NB if fcntl is not None else 0
_HELD = (errno.EWOULDBLOCK, errno.EACCES)


class FileLock:
    """An advisory lock on a file of its own. Not for two threads at once: they share the descriptor."""

    def __init__(self, path: Path, like: os.stat_result) -> None:
        """The file is made as open as another one is, and its owner's."""
        is_new = not path.exists()
        self._descriptor = os.open(
            path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, stat.S_IMODE(like.st_mode) | stat.S_IRUSR
        )
        if is_new:
            _give(self._descriptor, like)

    def acquire(self, patience: float = 0.0) -> bool:
        """Whether it is ours now, after so many seconds at most."""
        if fcntl is None:
            return True
        pause = _PAUSE_MIN
        while True:
            try:
                fcntl.flock(self._descriptor, _EXCLUSIVE)
                return True
            except OSError as error:
                if error.errno not in _HELD:  # a file system without it: SQLite's locks are all there is
                    return True
            if patience <= 0:
                return False
            threading.Event().wait(min(pause, patience))
            patience -= pause
            pause = min(pause * 1.5, _PAUSE_MAX)

    def release(self) -> None:
        if fcntl is not None:
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def close(self) -> None:
        """Also in a forked child, where this leaves the lock to the parent."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


class Locks:
    """The two of one store handle: `write` for a transaction, and `checkpoint`."""

    def __init__(self, file: Path) -> None:
        """Raises StoreRefused where the files cannot be made."""
        directory = lock_directory(file)
        try:
            like = os.stat(file)
            if not directory.is_dir():
                _make_directory(directory, like)
            self.write, self.checkpoint = [FileLock(directory / name, like) for name in (WRITE, _CHECKPOINT)]
        except OSError as error:
            raise StoreRefused(
                f"{directory} cannot be used ({error.strerror}); a store keeps its locks there",
                fix=f"make it readable and writable for who uses {file}",
            ) from error

    def close(self) -> None:
        for lock in (self.write, self.checkpoint):
            lock.close()


def _make_directory(directory: Path, like: os.stat_result) -> None:
    mode = stat.S_IMODE(like.st_mode) | stat.S_IRWXU
    directory.mkdir(mode=mode | (mode & 0o044) >> 2, exist_ok=True)
    _give(directory, like)


def _give(made: int | Path, like: os.stat_result) -> None:
    """What root makes beside another user's store must not keep that user out; SQLite does the same."""
    if os.name == "posix" and os.geteuid() == 0:
        os.chown(made, like.st_uid, like.st_gid)


def lock_directory(file: str | Path) -> Path:
    """Where the locks of a store and of its engines are."""
    return Path(f"{file}{DIRECTORY}")
