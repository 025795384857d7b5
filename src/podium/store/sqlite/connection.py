"""Opening connections: what is refused and why, and the pragmas that the promises rest on."""

from __future__ import annotations

import os
import re
import sys
import threading
from pathlib import Path
from typing import Literal
from urllib.parse import quote

import apsw

from ...errors import StoreError, StoreRefused
from ...shortage import lacks_descriptors
from .faults import restore_path, translate
from .schema import schema_version
from .statements import pragma
from .wal import refuse_misplaced_log

Sync = Literal["full", "normal"]

APPLICATION_ID = 0x506F6469  # "Podi", in the header of every file of ours
NETWORK_OVERRIDE = "PODIUM_ALLOW_NETWORK"
ONE_NAME = "keep one name and remove the others; to share it with a container, mount its directory"

WAL_BYTES_MAX = 32 << 20  # eight times what makes a checkpoint due: steady work stays far below

DEFAULT_DIRECTORY = ".podium"
_VERSION_MIN = (3, 51, 3)  # before it, two connections could corrupt a WAL that was just reset
_CHECKED_BYTES_MAX = 1 << 20  # a file up to this size is checked whole when opened; it takes milliseconds
_PAUSE = 0.005  # s between attempts at what SQLite does not wait for
_CREATING = threading.Lock()
_MOUNTS = Path("/proc/self/mountinfo")
_NETWORK_TYPES = re.compile(
    r"nfs\d?|cifs|smb.*|9p|afs|ncpfs|coda|ceph|lustre|gpfs|beegfs|gfs2|ocfs2|glusterfs"
    r"|fuse\.(sshfs|s3fs|gcsfuse|rclone|glusterfs.*|ceph.*|davfs.*|smb.*|nfs.*|juicefs|grpcfuse)|davfs"
)


def require_version() -> None:
    """Raises StoreRefused when the SQLite inside apsw can corrupt a WAL."""
    version = apsw.sqlite_lib_version()
    if tuple(int(part) for part in version.split(".")) < _VERSION_MIN:
        raise StoreRefused(
            f"SQLite {version} can damage a database in WAL mode; 3.51.3 or later is needed",
            fix="pip install -U apsw   (its wheel brings its own SQLite)",
        )


def prepare_file(path: Path, *, allow_network: bool) -> None:
    """Refuse a place where a store cannot live; create a missing file (0600) and directory (0700)."""
    if os.path.isdir(path):
        raise StoreRefused(f"{path} is a directory", fix=f"name a file in it, such as {path / 'podium.db'}")
    aside = other_name(path)
    if aside:
        raise StoreRefused(
            f"{path} {aside}: each name has a log of its own, and one writes over the other", fix=ONE_NAME
        )
    kind = network_type(path)
    if kind and not allow_network and not os.environ.get(NETWORK_OVERRIDE):
        raise StoreRefused(
            f"{path} is on a network file system ({kind}); its locks and syncs cannot be relied upon",
            fix=f"use a local disk, or PostgreSQL for several machines ({NETWORK_OVERRIDE}=1 insists)",
        )
    refuse_misplaced_log(path)
    if os.path.lexists(path) and not path.is_file():  # it would be written to, or waited for
        if path.is_dir():
            raise StoreRefused(f"{path} is a directory", fix=f"name a file in it: {path / 'podium.db'}")
        raise StoreRefused(f"{path} is no regular file", fix="name another one: --store URL, or PODIUM_URL")
    try:
        _make_directory(path.parent)
        _create(path)
    except OSError as error:
        raise StoreRefused(
            f"{path} cannot be created ({error.strerror})", fix="make its directory writable, or name another"
        ) from error


def connect_file(path: Path, *, sync: Sync, patience: float, vfs: str | None) -> apsw.Connection:
    """A connection to a file that `prepare_file` has seen; patience in seconds."""
    connection = apsw.Connection(str(path), vfs=vfs)
    try:
        _set_up(connection, patience)
        _inspect(connection, path)
        if connection.readonly("main"):  # SQLite opens what it can, and would complain at the first commit
            raise _read_only(path, "read-only file")
        # Nothing before this line writes, so a refused file stays as it was.
        if _turn_to_wal(connection, patience) != "wal":
            raise StoreRefused(f"{path} cannot use write-ahead logging", fix="move it to a local disk")
        # A log that a reader or a full disk held back has grown; it is cut back when it starts anew.
        pragma(connection, f"journal_size_limit = {WAL_BYTES_MAX}")
        pragma(connection, f"synchronous = {sync.upper()}")
        if sys.platform == "darwin":  # there, fsync alone leaves the data in the drive's cache
            pragma(connection, "fullfsync = ON")
            pragma(connection, "checkpoint_fullfsync = ON")
    except BaseException as error:
        # The file is not ours to tidy up: closing must not move what its WAL still holds.
        connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        connection.close()
        if isinstance(error, apsw.Error):
            raise _refusal(path, error) from error
        raise
    return connection


def connect_memory(name: str, *, patience: float) -> apsw.Connection:
    """A connection to this process's memory database of that name, which lives as long as its last one.

    Without a name it is nobody else's. SQLite shares memory databases whose name starts with a slash.
    """
    file = f"/{quote(name, safe='')}" if name else "private"
    flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE | apsw.SQLITE_OPEN_URI
    connection = apsw.Connection(f"file:{file}?vfs=memdb", flags=flags)
    _set_up(connection, patience)
    pragma(connection, "journal_mode = MEMORY")
    return connection


def _set_up(connection: apsw.Connection, patience: float) -> None:
    connection.set_busy_timeout(round(patience * 1000))  # SQLite waits with backoff, without the GIL
    connection.wal_autocheckpoint(0)  # a checkpoint inside a commit is what makes its p99
    pragma(connection, "cache_size = -8000")  # KiB, at most
    pragma(connection, "temp_store = MEMORY")


def _turn_to_wal(connection: apsw.Connection, patience: float) -> str:
    """The journal mode then. SQLite does not wait by itself for a process that turns the same new file."""
    while True:
        try:
            return pragma(connection, "journal_mode = WAL")
        except apsw.BusyError:
            if patience <= 0:
                raise
        threading.Event().wait(_PAUSE)
        patience -= _PAUSE


def _inspect(connection: apsw.Connection, path: Path) -> None:
    """Look before touching: is it ours, do we know its schema, is it whole?"""
    # In this order: another process may bring the schema between the two, and the id with it.
    if pragma(connection, "schema_version") and pragma(connection, "application_id") != APPLICATION_ID:
        raise StoreRefused(
            f"{path} is an SQLite database, but not one of Podium's", fix="name another file for the store"
        )
    schema_version(connection)
    if path.stat().st_size <= _CHECKED_BYTES_MAX:
        complaint = pragma(connection, "quick_check(1)")
        if complaint != "ok":
            raise StoreRefused(f"{path} is damaged: {complaint}", fix=restore_path(str(path)))


def _refusal(path: Path, error: apsw.Error) -> StoreError:
    if isinstance(error, (apsw.NotADBError, apsw.CorruptError)):
        return StoreRefused(
            f"{path} is not an SQLite database, or it is damaged ({error})",
            fix=f"name another file, or {restore_path(str(path))}",
        )
    if isinstance(error, (apsw.ReadOnlyError, apsw.CantOpenError, apsw.PermissionsError)):
        lack = lacks_descriptors()  # SQLite does not tell the two apart
        if lack is not None:
            raise lack from error
        return _read_only(path, str(error))
    return translate(error, str(path))


def _read_only(path: Path, reason: str) -> StoreRefused:
    return StoreRefused(
        f"{path} cannot be written ({reason})",
        fix="make the file and its directory writable; SQLite keeps two more files beside it",
    )


def _make_directory(directory: Path) -> None:
    """Create missing directories for the owner alone; synced, or a power cut could take the store along."""
    if directory.is_dir():
        return
    _make_directory(directory.parent)
    directory.mkdir(mode=0o700, exist_ok=True)
    if directory.name == DEFAULT_DIRECTORY:
        (directory / ".gitignore").write_text("*\n", encoding="utf-8")  # runs are no source
    descriptor = os.open(directory.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _create(path: Path) -> None:
    """Create a missing file, readable by its owner alone; SQLite gives its side files the same mode.

    An existing file is never opened here, and the lock keeps other threads from opening a new one too soon:
    closing any descriptor of a file drops all the locks that this process has on it, SQLite's too.
    """
    with _CREATING:
        if not path.exists():
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))


def network_type(path: Path) -> str:
    """The type of the network file system a path is on; "" on a local one, and where there is no /proc."""
    _, kind = _mount_of(path)
    return kind if _NETWORK_TYPES.fullmatch(kind) else ""


def other_name(path: Path) -> str:
    """What tells that a file has another name somewhere, as far as can be seen; "" if nothing does.

    SQLite finds the log by the name: two names of one file have two logs.
    """
    try:
        links = os.stat(path).st_nlink
    except OSError:  # not there yet
        return ""
    if links > 1:
        return f"has {links} names (hard links)"
    point, _ = _mount_of(path)
    return "is mounted as a single file" if point == os.path.realpath(path) else ""


def _mount_of(path: Path) -> tuple[str, str]:
    """(mount point, type of its file system) of a path; empty where there is no /proc."""
    try:
        mounts = _MOUNTS.read_text("utf-8", "surrogateescape")
    except OSError:
        return "", ""
    real = os.path.realpath(path)
    longest, kind = "", ""
    for line in mounts.splitlines():
        left, _, right = line.partition(" - ")
        point = re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), left.split()[4])
        inside = real == point or real.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(longest):  # of two mounts on one point the later one is on top
            longest, kind = point, right.split()[0]
    return longest, kind
