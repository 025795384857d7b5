"""The depot of a store: a folder of values that are kept by reference, each a file named by its content.

A value is written once, whoever has it again: to a file without a name first, synced, then renamed. So a file
that has a name is whole, and a writer that is killed leaves nothing that counts. Files are not to be changed;
one that was (root may, whatever its mode says) is noticed by its content when it is handed out, and replaced
when its value is written again. Which of them are needed the store knows: a row names each, and what no row
names goes when it has lain for a while.
"""

from __future__ import annotations

import hashlib
import io
import itertools
import os
import re
import shutil
import stat
import sys
import tempfile
import weakref
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, cast

try:
    import fcntl
except ImportError:  # a system without these locks: what is swept has lain for an hour, that must do there
    fcntl = None

UNNAMED_SECONDS = 3600.0  # that a value may lie here before the Write that names it is committed
SUFFIX = "-values"  # after the store's file
_NAME = re.compile(r"[0-9a-f]{64}")
_NEW, _LOCK = ".new-", ".lock"
_CLOEXEC: int = getattr(os, "O_CLOEXEC", 0)
_CHUNK = 1024 * 1024
_EARLY = 128 * 1024  # bytes of one piece that are worth telling the system to write at once
_STILL_SECONDS = 2.0  # after which a change gives a file another time, on any disk
_REMEMBERED = 10_000  # files that were found sound
_made = itertools.count()


class Kept(NamedTuple):
    """A file of the depot: its name, and how many bytes it has."""

    name: str
    size: int


class Lain(NamedTuple):
    """A file of the depot, and when it was last put there, UTC seconds. `name` is "" of a half one."""

    name: str
    size: int
    at: float
    path: Path


class _Mark(NamedTuple):
    """What tells that a file was not changed."""

    inode: int
    size: int
    written: int
    changed: int


class NotThere(ValueError):
    """A record is to name a value that the depot has not."""

    def __init__(self, name: str, path: Path) -> None:
        super().__init__(f"the value {name} is not in {path.parent}")
        self.path = path


class Sink(io.RawIOBase):
    """Where a value writes itself: whatever is written is hashed on its way into the file."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor, self._hash, self.size = descriptor, hashlib.sha256(), 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.size

    def write(self, data: Any, /) -> int:
        """Write all of it; how many bytes that were. Raises OSError."""
        view = memoryview(data).cast("B")
        left = view
        while left:
            left = left[os.write(self._descriptor, left) :]
        if len(view) >= _EARLY:
            self._begin_to_sync(len(view))
        self._hash.update(view)
        self.size += len(view)
        return len(view)

    def _begin_to_sync(self, size: int) -> None:
        """Have the disk at work while the processor hashes: the sync at the end finds most of it done."""
        if sys.platform == "linux":
            os.posix_fadvise(self._descriptor, self.size, size, os.POSIX_FADV_DONTNEED)

    @property
    def content_name(self) -> str:
        """What a file with this content is called."""
        return self._hash.hexdigest()


class Depot:
    """A folder, made when the first value comes. Any thread, any process.

    >>> depot = Depot(Path("podium.db-values"))
    >>> kept = depot.put(lambda sink: sink.write(b"..."))
    >>> depot.path(kept.name).read_bytes()
    b'...'
    """

    keeps = True  # whether anything can be put into it
    reads_files = True  # whether a file may be copied into it now

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._sound: dict[str, _Mark] = {}  # files whose content was found to be what their names say

    def of_body(self) -> Depot:
        """The same for the body of a workflow, which does not look at files: they may change until it is
        replayed."""
        return _OfBody(self)

    def put(self, write: Callable[[Sink], object]) -> Kept:
        """Keep what `write` writes; it is on disk when this returns. Raises OSError, and what that raises."""
        descriptor, new = self._create()
        has_name = False
        try:
            with open(descriptor, "wb", buffering=0):
                sink = Sink(descriptor)
                write(sink)
                kept = Kept(sink.content_name, sink.size)
                if not self._is_there(kept):
                    os.fsync(descriptor)
                    with self._locked(exclusive=False):
                        os.rename(new, self.folder / kept.name)
                    has_name = True
                    self._sync()
        finally:
            if not has_name:
                new.unlink(missing_ok=True)
        return kept

    def _create(self) -> tuple[int, Path]:
        """A new file, open for writing: nobody writes to it but by this descriptor."""
        while True:
            new = self.folder / f"{_NEW}{os.getpid()}-{next(_made)}"
            try:
                return os.open(new, os.O_RDWR | os.O_CREAT | os.O_EXCL | _CLOEXEC, 0o400), new
            except FileExistsError:  # of a process that had this number, or of another host
                continue
            except FileNotFoundError:
                self.folder.mkdir(mode=0o700, exist_ok=True)

    def _is_there(self, kept: Kept) -> bool:
        """Whether a file with this content lies here; it has come anew then, so that nobody sweeps it."""
        try:
            if not self.is_unchanged(kept.name):
                return False
            with self._locked(exclusive=False):
                os.utime(self.folder / kept.name)
        except OSError:  # not there, or another user's
            return False
        return True

    def _sync(self) -> None:
        descriptor = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def path(self, name: str) -> Path:
        """Where the file of that name lies, or would."""
        if _NAME.fullmatch(name) is None:  # it comes out of a record: it must not lead elsewhere
            raise ValueError(f"{name!r} names no content")
        return self.folder / name

    def holds(self, name: str) -> bool:
        """Whether there is a file of that name."""
        return self.path(name).is_file()

    def is_whole(self, name: str, size: int) -> bool:
        """Whether there is a file of that name and of so many bytes. Its content is not read."""
        try:
            found = self.path(name).stat()
        except OSError:
            return False
        return stat.S_ISREG(found.st_mode) and found.st_size == size

    def check(self, name: str) -> None:
        """Raise NotThere where there is no file of that name: then no record may name it."""
        if not self.holds(name):
            raise NotThere(name, self.path(name))

    def is_sound(self, name: str) -> bool:
        """Whether the file's content is what its name says. Raises OSError."""
        with self.path(name).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == name

    def is_unchanged(self, name: str) -> bool:
        """The same of a file that is to be used: one that was found sound, and has lain still since, is not
        read again. Raises OSError."""
        with self.path(name).open("rb") as file:
            found = os.fstat(file.fileno())
            mark = _Mark(found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
            if self._sound.get(name) == mark:
                return True
            is_sound = hashlib.file_digest(file, "sha256").hexdigest() == name
        if is_sound and self._disk_time() - found.st_ctime > _STILL_SECONDS:
            if len(self._sound) >= _REMEMBERED:
                self._sound.clear()
            self._sound[name] = mark
        return is_sound

    def _disk_time(self) -> float:
        """What time it is for this disk, which may be a server's; 0 where it does not tell."""
        try:
            descriptor = os.open(self.folder / _LOCK, os.O_RDWR | os.O_CREAT | _CLOEXEC, 0o600)
        except OSError:
            return 0.0
        try:
            os.utime(descriptor)
            return os.fstat(descriptor).st_mtime
        except OSError:
            return 0.0
        finally:
            os.close(descriptor)

    def take(self, other: Depot, name: str) -> int:
        """Have the file of that name of another depot, too: the same one where they are on one disk, since it
        never changes. Its bytes; 0 where it is not there, which the copy is not to hide. Raises OSError."""
        self.folder.mkdir(mode=0o700, exist_ok=True)
        source = other.path(name)
        if not source.is_file():
            return 0
        if not self.holds(name):
            try:
                os.link(source, self.path(name))
            except OSError:  # another disk, or one without links
                with source.open("rb") as file:
                    self.put(lambda sink: shutil.copyfileobj(file, cast(Any, sink), _CHUNK))
            self._sync()
        return source.stat().st_size

    def called(self, name: str, spoken: str) -> Path:
        """The same file under a name that people, and what looks at endings, know: a link."""
        folder = self.folder / f"{name}.as"
        link = folder / (Path(spoken).name or "file")
        if not link.is_symlink():
            folder.mkdir(mode=0o700, exist_ok=True)
            try:
                link.symlink_to(f"../{self.path(name).name}")
            except FileExistsError:  # another task's
                pass
        return link

    def all(self) -> Iterator[Lain]:
        """What lies here, whole or half."""
        try:
            entries = os.scandir(self.folder)
        except FileNotFoundError:
            return
        with entries:
            for entry in entries:
                if not (entry.name.startswith(_NEW) or _NAME.fullmatch(entry.name)):
                    continue
                try:
                    found = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue
                name = "" if entry.name.startswith(_NEW) else entry.name
                yield Lain(name, found.st_size, found.st_mtime, Path(entry.path))

    def remove(self, lain: Lain) -> bool:
        """Remove a file, unless it has come anew since it was seen; the caller holds `sweeping`."""
        try:
            if lain.path.stat().st_mtime != lain.at:
                return False
            lain.path.unlink()
        except FileNotFoundError:
            return False
        links = Path(f"{lain.path}.as")
        if lain.name and links.is_dir():
            for link in links.iterdir():
                link.unlink(missing_ok=True)
            links.rmdir()
        return True

    @contextmanager
    def sweeping(self) -> Generator[bool]:
        """Alone in the folder, so that files may be removed; False while somebody copies all of it."""
        with self._locked(exclusive=True) as alone:
            yield alone

    @contextmanager
    def staying(self) -> Generator[None]:
        """Meanwhile nothing is removed."""
        with self._locked(exclusive=False):
            yield

    @contextmanager
    def _locked(self, *, exclusive: bool) -> Generator[bool]:
        if fcntl is None or not self.folder.is_dir():
            yield True
            return
        descriptor = os.open(self.folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if exclusive:
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    yield False
                    return
            else:
                fcntl.flock(descriptor, fcntl.LOCK_SH)
            yield True
        finally:
            os.close(descriptor)


class NamesOnly(Depot):
    """Tells what a value would be called, and keeps nothing: for a replay that is not to leave a trace."""

    reads_files = False

    def __init__(self) -> None:
        super().__init__(Path())

    def put(self, write: Callable[[Sink], object]) -> Kept:
        with open(os.devnull, "wb", buffering=0) as nowhere:
            sink = Sink(nowhere.fileno())
            write(sink)
            return Kept(sink.content_name, sink.size)


class _OfBody(Depot):
    """A body makes its values again in each replay, on the engine's own thread: what lies there is looked
    for by its name, before anything is written."""

    reads_files = False

    def __init__(self, depot: Depot) -> None:
        self._depot, self._sound = depot, {}

    def put(self, write: Callable[[Sink], object]) -> Kept:
        kept = NamesOnly().put(write)
        return kept if self._is_there(kept) else super().put(write)

    @property
    def folder(self) -> Path:  # pyright: ignore[reportIncompatibleVariableOverride]  # only read
        return self._depot.folder


class _MemoryDepot(Depot):
    """Of a store in memory: a folder that is made when it is asked for, and goes with its depot."""

    def __init__(self) -> None:
        self._folder: Path | None = None
        self._sound = {}

    @property
    def folder(self) -> Path:  # pyright: ignore[reportIncompatibleVariableOverride]  # only read
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="podium-values-"))
            weakref.finalize(self, _remove_own, self._folder, os.getpid())
        return self._folder


def _remove_own(folder: Path, process: int) -> None:
    if os.getpid() == process:  # not in a fork, whose parent still has it
        shutil.rmtree(folder, ignore_errors=True)


_in_memory: weakref.WeakValueDictionary[str, Depot] = weakref.WeakValueDictionary()


def depot_in_memory(name: str) -> Depot:
    """The depot of a memory database; of one with a name, the same for all handles on it."""
    if not name:
        return _MemoryDepot()
    return _in_memory.setdefault(name, _MemoryDepot())


def depot_of(file: Path) -> Depot:
    """The depot of a store's file: the folder beside it."""
    return Depot(Path(f"{file}{SUFFIX}"))
