"""The files of a store that a process has open: whether they are still the same, and who locks them.

A store is three files, and every process on it must mean the same three. When somebody deletes the -wal, or
puts another file in the store's place, a process that has the old one open goes on writing into nothing, and
one that comes later locks other files than it does. So after each commit, before anybody is told, we look
whether file and -wal are still those that we opened, and now and then at all three. Where their directory has
not changed no name in it has: that is one look in place of two, which a commit of a step waits for.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from ...errors import StoreFatal
from ..findings import LockHolder
from ..urls import shown_url
from . import protection, wal
from .locks import WRITE, lock_directory
from .wal import WAL, identity, stat_of

SHM = "-shm"
_SUFFIXES = ("", WAL, SHM)
_FILE, _WAL, _SHM = 0, 1, 2
_USES = 8
_LOCKS = Path("/proc/locks")
_HAS_CHANGES = os.name == "posix"  # elsewhere what is named so is when a file was made
_WRITE_LOCK_BYTE = 120  # of the -shm file: whoever has this byte may write (SQLite's WAL_WRITE_LOCK)


class Files:
    """Remembers which files stand at a store's path, and refuses to go on when they change.

    >>> files = Files(Path("podium.db"))
    >>> files.check()  # learns what is there; raises StoreFatal when something else is later
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._names = [f"{path}{suffix}" for suffix in _SUFFIXES]
        self._known: list[protection.Identity | None] = [None, None, None]
        self._uses = 0
        self._directory = os.path.dirname(os.path.abspath(path))
        # The directory as it was when these files were found in it: which one, and when it has last changed.
        # None: a change of the next moment might have the same time.
        self._unchanged: tuple[int, int, int] | None = None

    def check(self) -> None:
        """Raises StoreFatal, with `unknown`, when one of the files is gone or another one."""
        for place in range(len(_SUFFIXES)):
            self._check(place)

    def identities(self) -> list[protection.Identity]:
        """Of those that were there at the first check."""
        return [identity for identity in self._known if identity is not None]

    def check_after_commit(self) -> None:
        """The same, of what the commit went into; of everything at every so many uses."""
        directory = _directory(self._directory)
        if directory is None or directory != self._unchanged:
            self._check(_FILE)
            written = self._check(_WAL)
            # By the file system's own clock, in whatever steps it goes: it has gone on since.
            self._unchanged = directory if directory is not None and written > directory[-1] else None
        self._uses += 1
        if self._uses % _USES == 0:
            self.check()

    def check_now_and_then(self) -> None:
        """The same at every so many uses."""
        self._uses += 1
        if self._uses % _USES == 0:
            self.check()

    def _check(self, place: int) -> int:
        """Raises StoreFatal when it is not as known; else when it has last changed, ns."""
        there, known = stat_of(self._names[place]), self._known[place]
        found = (there.st_dev, there.st_ino) if there is not None else None
        if found != known:
            if known is not None:
                raise self._fatal(place, known, "deleted" if found is None else "replaced")
            self._known[place] = found
        return _changed(there) if there is not None else 0

    def wal_is_gone(self) -> bool:
        """Whether the log was deleted and nothing else was touched: then its content can still be rescued."""
        file, wal, shm = map(identity, self._names)
        return file == self._known[0] and wal is None and shm in (None, self._known[2])

    def part(self) -> str:
        """Keep the log of a file that is gone or replaced for that file, and out of the way of another one,
        into which SQLite would play it. What to do about it; "" where the file is the same.
        """
        file, log, shm = self._known
        if file is None or identity(self._names[_FILE]) == file:
            return ""
        told = wal.part(self.path, file, log)
        if identity(self._names[_WAL]) != log and shm is not None and identity(self._names[_SHM]) == shm:
            with protection.allowed(), contextlib.suppress(OSError):
                os.unlink(self._names[_SHM])  # an index into that log
        return told

    def _fatal(self, place: int, known: protection.Identity, what: str) -> StoreFatal:
        what = wal.fate(known, self.path) if place == _FILE else f"was {what}"
        error = StoreFatal(
            f"{self._names[place]} {what} while this process had it open",
            fix="stop every process on the store, put the right files there (see podium doctor), start again",
        )
        error.unknown = True  # the last commit may be in a file that nobody will ever open again
        return error


def _directory(name: str) -> tuple[int, int, int] | None:
    """Which directory that is, and when it has last changed, ns."""
    found = stat_of(name) if _HAS_CHANGES else None
    return (found.st_dev, found.st_ino, _changed(found)) if found is not None else None


def _changed(found: os.stat_result) -> int:
    """When it has last changed, ns. Who copies a directory back sets the time of its last modification to an
    earlier one (rsync, tar, cp -a); this one nobody can set."""
    return found.st_ctime_ns


def lock_holder(path: str | Path) -> LockHolder | None:
    """Who holds the write lock of the store at a path.

    None where nobody does, and where only the system knows (no /proc, another container).
    """
    try:
        file = os.stat(f"{os.path.realpath(path)}{SHM}")
        locks = _LOCKS.read_text()
    except OSError:
        return None
    try:
        ours = os.stat(lock_directory(os.path.realpath(path)) / WRITE)
    except OSError:  # no store of ours, or one of an earlier version
        ours = None
    return _holder(locks, "POSIX", file) or (_holder(locks, "FLOCK", ours) if ours else None)


def _holder(locks: str, kind: str, file: os.stat_result) -> LockHolder | None:
    """Who holds the write lock in that file, by the text of /proc/locks."""
    for line in locks.splitlines():
        # 12: POSIX  ADVISORY  WRITE 4711 fe:00:1234567 120 120; one that waits has "->" after its number
        words = line.split()
        if len(words) != 8 or words[1] != kind or words[3] != "WRITE":
            continue
        if not int(words[6]) <= _WRITE_LOCK_BYTE <= _end(words[7]):
            continue
        device, _, inode = words[5].rpartition(":")
        if inode == str(file.st_ino) and (device == _device(file) or _has_open(words[4], file)):
            return LockHolder(int(words[4]), _command(words[4]))
    return None


def _device(file: os.stat_result) -> str:
    """As /proc/locks writes it. Some file systems (overlay, btrfs) show another one there."""
    return f"{os.major(file.st_dev):02x}:{os.minor(file.st_dev):02x}"


def _has_open(process: str, file: os.stat_result) -> bool:
    """Inodes are numbered on each file system: one of that number may be another file."""
    try:
        links = list(Path("/proc", process, "fd").iterdir())
    except OSError:  # gone, or another user's
        return False
    for link in links:
        try:
            if os.path.samestat(os.stat(link), file):
                return True
        except OSError:  # closed meanwhile
            pass
    return False


def _end(word: str) -> int:
    return _WRITE_LOCK_BYTE if word == "EOF" else int(word)


def _command(process: str) -> str:
    try:
        command = (
            Path("/proc", process, "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        )
    except OSError:  # gone, or another container's
        command = ""
    return shown_url(" ".join(command.split()))[:80]  # a script given with -c has lines
