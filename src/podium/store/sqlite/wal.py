"""A store's log: whether what was committed last still stands in it, and whether it lies beside its file.

**After the fact.** Locks that were lost (see `locks`) let another process write over the log, and nothing in
SQLite would notice. So each commit remembers the header of its last frame, which names its log by a salt and
all before it by a checksum, and the next one looks whether it is still there. Two reads of 24 bytes: about a
microsecond each.

**Moved files.** SQLite finds a log by its name alone, and plays whatever it holds into the file there: its
salts tie frames to the log, not the log to a file. So the log of a file that is moved or replaced under a
process is kept out of the way of any other, and a file does not open while its own log lies aside. Which file
a log belongs to, and how that was left, is noted among the locks by who noticed. A note is true of a log that
still begins with the bytes it had then: salts are drawn anew each time that a log starts.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shlex
from pathlib import Path

import msgspec

from ...errors import StoreFatal, StoreRefused
from ...sizes import spelled_size
from . import protection
from .locks import lock_directory

WAL = "-wal"
_ASIDE = f"{WAL}-of-replaced"
_NOTE = "log-"
_OPEN_FILES = "/proc/self/fd"
_HEADER, _FRAME_HEADER = 32, 24  # bytes: of the log, of each frame in it
_LOG_SALT, _FRAME_SALT = slice(16, 24), slice(8, 16)

log = logging.getLogger("podium")

_told: set[str] = set()  # what this process has said of logs


class LogTail:
    """Reads the log of an open store. Closing its descriptor drops no lock: SQLite takes none on a log."""

    def __init__(self, file: Path, page_size: int) -> None:
        self._name = f"{file}{WAL}"
        with protection.allowed():
            self._descriptor = os.open(self._name, os.O_RDONLY | os.O_CLOEXEC)
        self._frame_size = _FRAME_HEADER + page_size
        self._place = 0
        self._last = b""

    def check(self) -> None:
        """Raises StoreFatal when the last commit of this handle was written over in its own log."""
        if not self._last or os.pread(self._descriptor, _FRAME_HEADER, self._place) == self._last:
            return
        if (
            os.pread(self._descriptor, _HEADER, 0)[_LOG_SALT] == self._last[_FRAME_SALT]
        ):  # else the log was begun anew since
            error = StoreFatal(
                f"{self._name}: another process has written over what this one had committed",
                fix="stop every process on the store (docs/files.md: what may touch it), then  podium doctor",
            )
            error.unknown = True
            raise error

    def remember(self, pages: int) -> None:
        """The log has so many frames since this handle's last commit."""
        self._place = _HEADER + (pages - 1) * self._frame_size
        self._last = os.pread(self._descriptor, _FRAME_HEADER, self._place)

    def close(self) -> None:
        os.close(self._descriptor)


# -- logs whose file is elsewhere ------------------------------------------------------------


class Note(msgspec.Struct, frozen=True):
    """Which file a log belongs to."""

    head: str  # the log's
    inode: int  # the file's: numbers of devices change with a restart
    place: str = ""  # where it was moved to, as far as the system told
    was_deleted: bool = False
    size: int = -1
    changed: int = -1  # ns; where size and time are others, somebody has written to it since


def whereabouts(file: protection.Identity, path: Path) -> tuple[str, os.stat_result | None]:
    """Where a file is that this process has open, and that was at this path; "" where it has no name that
    leads there. Whether it has one at all says the second of the two, where that can be known.
    """
    with contextlib.suppress(OSError), os.scandir(_OPEN_FILES) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):
                found = os.stat(entry.path)
                if (found.st_dev, found.st_ino) == file:
                    place = os.readlink(entry.path)
                    return place if identity(place) == file else "", found
    place = _beside(path, file[1])
    return place, stat_of(place)


def fate(file: protection.Identity, path: Path) -> str:
    """What has become of a file that is not at its place: "was moved to kept.db"."""
    place, found = whereabouts(file, path)
    if os.path.lexists(path):
        return f"was moved to {place} and replaced" if place else "was replaced"
    if place:
        return f"was moved to {place}"
    return "was moved away or deleted" if found is None or found.st_nlink else "was deleted"


def part(path: Path, file: protection.Identity, wal: protection.Identity | None) -> str:
    """What to do about the log of a file that is no longer at its path; "" where that does not lie here.

    It stays where it is as long as no other file is there, and is put aside else.
    """
    name = f"{path}{WAL}"
    if wal is not None and identity(name) == wal and (identity(path) is not None or not _bytes(name)):
        aside = f"{path}{_ASIDE}"
        if os.path.lexists(aside):  # of an earlier one
            aside = f"{aside}-{wal[1]}"
        with protection.allowed(), contextlib.suppress(OSError):  # else the note alone keeps others off
            os.rename(name, aside)
    name = next((one for one in (name, *_aside(path)) if identity(one) == wal), "")
    if wal is None or not name:
        place, _ = whereabouts(file, path)
        return f"put it back, or go on with it there: --store {shlex.quote(place)}" if place else ""
    _write(path, name, file)
    return _way_back(path, name)


def lone_log(path: Path) -> tuple[str, str]:
    """What is wrong where a log has outlived its file, and the way out; empty where that is not so.

    SQLite would throw the log away with the first page of a new file. Two looks at the file: one that is made
    meanwhile is there before its log is.
    """
    wal = f"{path}{WAL}"
    if path.exists() or not _bytes(wal) or path.exists():
        return "", ""
    what = f"{path} is gone, but its log is there: {wal} ({spelled_size(_bytes(wal))}), with what came last"
    return what, _way_back(path, wal)


def misplaced_log(path: Path) -> tuple[str, str]:
    """What keeps the file at a path from being opened, for its log's sake, and the way out; or empty."""
    wal = f"{path}{WAL}"
    found = stat_of(path)
    if found is None:
        return lone_log(path)
    note = _note(path, wal) if _bytes(wal) else None
    if note is not None and not _is_as_left(note, found):
        if note.inode != found.st_ino:
            what = f"{wal} is the log of another file, which was moved or replaced: it would spoil {path}"
            return what, _way_back(path, wal)
        if note.size >= 0:
            what = (
                f"{path} was put back, after it was written to without its log, which may not fit now: {wal}"
            )
            return what, _if_it_fits(path, wal, "")
    for aside in _aside(path):
        note = _note(path, aside)
        if note is None or not (note.inode == found.st_ino or _is_as_left(note, found)):
            continue
        what = f"{path} was put back, but its log, with what came last, lies aside: {aside}"
        return what, _back_beside(path, aside, _is_as_left(note, found))
    return "", ""


def logs_aside(path: Path) -> list[tuple[str, str]]:
    """Of each log that lies aside: what it is, and the way back."""
    return [
        (
            f"the store here is another one than before, whose log, with what came last, lies aside: {aside}",
            _way_back(path, aside),
        )
        for aside in _aside(path)
        if _bytes(aside)
    ]


def told(what: str) -> None:
    """Somebody has been told of it otherwise: who opens the store in this process need not be."""
    _told.add(what)


def refuse_misplaced_log(path: Path) -> None:
    """Refuse to open a file whose log lies elsewhere, or that stands beside another one's; tell of others."""
    what, way_out = misplaced_log(path)
    if what:
        raise StoreRefused(what, fix=way_out)
    if os.path.exists(f"{path}{WAL}"):
        with contextlib.suppress(OSError):  # from now on it is with its file again
            os.unlink(_note_of(path, f"{path}{WAL}"))
    for what, way_out in logs_aside(path):
        if what not in _told:
            _told.add(what)
            log.warning("store %s: %s\n  %s", path, what, way_out)


def refuse_copy(path: Path, remembered: str) -> None:
    """The same of a copy of the file that remembers that inode: whether the log fits it nobody knows."""
    for aside in _aside(path):
        note = _note(path, aside)
        if note is not None and str(note.inode) == remembered:
            what = f"{path} is a copy of a file whose log, with what came last, lies aside: {aside}"
            raise StoreRefused(what, fix=_back_beside(path, aside, fits=False))


def _way_back(path: Path, name: str) -> str:
    """The commands that bring a log's content back, wherever its file is now."""
    note, rm = _note(path, name), f"rm {shlex.quote(name)}"
    if note is not None and note.was_deleted:
        return f"its file was deleted, and no other one can use it: {rm}"
    kept = _found(path, note) if note is not None else ""
    if not kept:
        moved = (
            f"mv {shlex.quote(name)} NEWNAME{WAL}  if the file was moved to NEWNAME, before anybody opens it"
        )
        return f"{moved} there; if it was deleted: {rm}"
    there, values = shlex.quote(f"{kept}{WAL}"), f"{path}-values"
    if os.path.isdir(values) and not os.path.lexists(f"{kept}-values"):
        there += f" && cp -r {shlex.quote(values)} {shlex.quote(f'{kept}-values')}"
    here, found = f"mv {shlex.quote(name)} {there}", stat_of(kept)
    if note is None or found is None or not _is_as_left(note, found) or _bytes(f"{kept}{WAL}"):
        opened = f"{kept}, its file, was written to since without it, and it does not fit any more"
        return f"{opened}: {rm}  (if not: {here})"
    if os.path.lexists(path) or name != f"{path}{WAL}":
        return f"{here}  before anybody opens {kept}"
    back = f"mv {shlex.quote(kept)} {shlex.quote(str(path))}"
    return f"{back}  puts it back; to use it where it is: {here}  before anybody opens it"


def _back_beside(path: Path, aside: str, fits: bool) -> str:
    """How a log that lies aside gets to its file, which is back."""
    wal, name = f"{path}{WAL}", shlex.quote(aside)
    first = f"move {wal}, of the file that was here meanwhile, after that one; then  " if _bytes(wal) else ""
    move = f"{first}mv {name} {shlex.quote(wal)}"
    return f"end every process on the store; {move}" if fits else _if_it_fits(path, aside, move)


def _if_it_fits(path: Path, name: str, move: str) -> str:
    """The same where only people can know; the note would refuse it."""
    forget = f"rm {shlex.quote(_note_of(path, name))}"
    return (
        "end every process on the store; if nobody has written to the file since it was taken away, take its "
        f"log back: {f'{move} && ' if move else ''}{forget}; else go on without it: rm {shlex.quote(name)}"
    )


def _found(path: Path, note: Note) -> str:
    """Where a log's file is now, as far as can be seen: where it was moved to, or beside the path."""
    with contextlib.suppress(OSError):
        if note.place and os.stat(note.place).st_ino == note.inode:
            return note.place
    return _beside(path, note.inode)


def _beside(path: Path, inode: int) -> str:
    with contextlib.suppress(OSError), os.scandir(path.parent) as entries:
        for entry in entries:
            if entry.inode() == inode and entry.is_file(follow_symlinks=False):
                return entry.path
    return ""


def _is_as_left(note: Note, found: os.stat_result) -> bool:
    return (note.size, note.changed) == (found.st_size, found.st_mtime_ns)


def _aside(path: Path) -> list[str]:
    try:
        names = os.listdir(path.parent)
    except OSError:
        return []
    start = f"{path.name}{_ASIDE}"
    return sorted(str(path.parent / name) for name in names if name.startswith(start))


def _write(path: Path, name: str, file: protection.Identity) -> None:
    """As well as it goes: without a note whoever opens is told less."""
    place, left = whereabouts(file, path)
    try:
        note = Note(_head(name), file[1], place)
        if left is not None:
            note = Note(_head(name), file[1], place, not left.st_nlink, left.st_size, left.st_mtime_ns)
        target = _note_of(path, name)
        partial = Path(f"{target}.{os.getpid()}")
        partial.write_bytes(msgspec.json.encode(note))
        os.replace(partial, target)
    except (OSError, UnicodeError):
        pass


def _note(path: Path, name: str) -> Note | None:
    """What is noted of the log by that name."""
    try:
        note = msgspec.json.decode(Path(_note_of(path, name)).read_bytes(), type=Note)
        return note if note.head == _head(name) else None
    except (OSError, msgspec.MsgspecError):
        return None


def _note_of(path: Path, name: str) -> str:
    """Where it is noted. By the log's inode, so that it is true wherever the log is moved."""
    found = stat_of(name)
    return str(lock_directory(path) / f"{_NOTE}{found.st_ino if found is not None else 0}")


def _head(name: str) -> str:
    """What a log begins with. Nobody locks a log, so that closing it again drops nothing."""
    with protection.allowed(), open(name, "rb") as file:
        return file.read(_HEADER).hex()


def _bytes(name: str) -> int:
    found = stat_of(name)
    return found.st_size if found is not None else 0


def identity(name: str | Path) -> protection.Identity | None:
    found = stat_of(name)
    return (found.st_dev, found.st_ino) if found is not None else None


def stat_of(name: str | Path) -> os.stat_result | None:
    try:
        return os.stat(name)
    except OSError:
        return None
