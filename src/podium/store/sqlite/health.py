"""Is this store well? Questions to a file, each answered by a `Finding` without changing anything."""

from __future__ import annotations

import errno
import os
import re
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import apsw

from ...depot import depot_of
from ...env import RealEnv, is_stopped
from ...sizes import spelled_size
from ..findings import Finding
from .connection import APPLICATION_ID, NETWORK_OVERRIDE, ONE_NAME, network_type, other_name
from .faults import restore_path, translate
from .files import SHM, WAL, lock_holder
from .home import COPIED, COPY_FIX, is_copy
from .schema import SCHEMA_VERSION
from .statements import SQL, pragma, rows
from .wal import logs_aside, misplaced_log, told

_FREE_BYTES_MIN = 100 * 2**20
_WAL_BYTES_MAX = 256 * 2**20  # a checkpoint comes every 4 MB; so much means that somebody holds it back
_PATIENCE_MS = 1000
_WITH_VALUES = 5  # the first schema that names them
_LOCK_SECONDS, _LOCK_LOOKS = 1.0, 20  # a busy engine is seen at many looks, but hardly at all of them
_SYNC_SECONDS_MAX = 0.25
_DELETED = re.compile(r"(.+) \(deleted\)")


def examine(name: str, *, thorough: bool) -> Iterator[Finding]:
    """As `podium.store.examine`, of the file by that name."""
    if name.startswith(":memory:"):
        return
    path = Path(name).resolve()
    misplaced, way_out = misplaced_log(path)
    if misplaced:
        yield Finding("file", False, misplaced, way_out)
        return
    for text, fix in logs_aside(path):
        told(text)
        yield Finding("log aside", False, text, fix)
    if not path.is_file():
        yield place(path)
        return
    looks: list[Callable[[Path], Finding]] = [
        file_system, one_name, writable, free_space, sync, same_file, log_size, write_lock, version, whole,
        values, integrity, sound_values,
    ]  # fmt: skip
    for look in looks[: None if thorough else -2]:
        try:
            yield look(path)
        except OSError as error:
            yield Finding(look.__name__.replace("_", " "), False, f"{path}: {error.strerror}")


def place(path: Path) -> Finding:
    """Whether a store can be made where there is no file."""
    found = next(one for one in (path, *path.parents) if os.path.lexists(one))
    other = "name another file: --store URL, or PODIUM_URL"
    if found == path:
        if path.is_dir():
            return Finding(
                "file", False, f"{path} is a directory", f"name a file in it: {path / 'podium.db'}"
            )
        return Finding("file", False, f"{path} is no regular file", other)
    if not found.is_dir():
        return Finding("file", False, f"{path} cannot be made: {found} is no directory", other)
    if not os.access(found, os.W_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids):
        fix = f"chmod u+wx {found}, or {other}"
        return Finding("file", False, f"{path} cannot be made: {found} is read-only", fix)
    return Finding("file", True, f"{path} is not there yet; the first run makes it")


def file_system(path: Path) -> Finding:
    """SQLite's locks and syncs cannot be relied upon over a network."""
    kind = network_type(path)
    fix = f"move it to a local disk ({NETWORK_OVERRIDE}=1 insists)"
    text = f"on a network file system ({kind})" if kind else "on a local disk"
    return Finding("file system", not kind, text, fix if kind else "")


def one_name(path: Path) -> Finding:
    """SQLite finds the log by the file's name."""
    aside = other_name(path)
    return Finding(
        "one name", not aside, f"the file {aside}" if aside else "no other seen", ONE_NAME if aside else ""
    )


def writable(path: Path) -> Finding:
    """The file and its directory, where SQLite keeps two more files."""
    by_effect = os.access in os.supports_effective_ids
    places = [
        place for place in (path, path.parent) if not os.access(place, os.W_OK, effective_ids=by_effect)
    ]
    refused = " ".join(map(str, places))
    if refused:
        return Finding("writable", False, f"read-only: {refused}", f"chmod u+w {refused}")
    return Finding("writable", True, "file and directory")


def free_space(path: Path) -> Finding:
    """Bytes that are left for the store to grow."""
    disk = os.statvfs(path)
    free = disk.f_bavail * disk.f_frsize
    fix = "free some: until there is space runs wait, nothing is lost" if free < _FREE_BYTES_MIN else ""
    return Finding("free space", free >= _FREE_BYTES_MIN, spelled_size(free), fix)


def sync(path: Path) -> Finding:
    """Whether the disk takes what is written, and how long it takes: each step waits for as long."""
    env = RealEnv()
    try:
        began = env.monotonic()
        with tempfile.TemporaryFile(dir=path.parent) as probe:  # never the store's own: its locks would go
            probe.write(bytes(4096))
            probe.flush()
            os.fsync(probe.fileno())
        took = env.monotonic() - began
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            return Finding("sync", True, "not tried: its directory is read-only")
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        fix = "free some space" if full else "look what the system says of the disk (dmesg)"
        return Finding("sync", False, f"the disk refuses it: {error.strerror}", fix)
    fix = "" if took < _SYNC_SECONDS_MAX else "look for what keeps this disk busy, or use another one"
    return Finding("sync", not fix, f"{took * 1000:,.1f} ms", fix)


def same_file(path: Path) -> Finding:
    """Who has it open, and who writes into one that is no longer at the path (deleted or replaced)."""
    names = {os.path.realpath(path) + suffix for suffix in ("", WAL, SHM)}
    here: set[int] = set()
    lost: set[int] = set()
    for process, name in _open_files():
        deleted = _DELETED.fullmatch(name)
        if (deleted[1] if deleted else name) in names:
            (lost if deleted else here).add(process)
    if not lost:
        here.discard(os.getpid())
        seen = f"open in process {_listed(here)}" if here else "nobody has it open, as far as can be seen"
        return Finding("same file", True, seen)
    who = _listed(lost)
    return Finding("same file", False, f"deleted or replaced under process {who}", f"restart {who}")


def _listed(processes: set[int]) -> str:
    return ", ".join(map(str, sorted(processes)))


def _open_files() -> Iterator[tuple[int, str]]:
    """(process, path) of open files, as far as we may look; only where there is a /proc."""
    for entry in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            yield int(entry.parts[2]), os.readlink(entry)
        except OSError:  # closed meanwhile, or somebody else's
            continue


def log_size(path: Path) -> Finding:
    """Bytes of the write-ahead log; it starts anew when everything in it has been copied."""
    wal = Path(f"{path}{WAL}")
    size = wal.stat().st_size if wal.exists() else 0
    fix = "look for a program that keeps an old snapshot open (a browser, a backup)"
    return Finding("log", size < _WAL_BYTES_MAX, spelled_size(size), "" if size < _WAL_BYTES_MAX else fix)


def write_lock(path: Path) -> Finding:
    """Whether somebody holds the write lock: for a moment anybody may, for long nobody should."""
    holder = lock_holder(path)
    if holder is None:
        return Finding("write lock", True, "free")
    for _ in range(_LOCK_LOOKS):
        threading.Event().wait(_LOCK_SECONDS / _LOCK_LOOKS)
        if lock_holder(path) != holder:
            return Finding("write lock", True, "changes hands")
    held = f"held by {holder} for more than {_LOCK_SECONDS:g} s"
    if is_stopped(holder.pid):
        fix = f"kill -CONT {holder.pid}, or end it: until then all runs wait, nothing is lost"
        return Finding("write lock", False, f"{held}, which is stopped", fix)
    fix = "wait for it, or end that process: until then all runs wait, nothing is lost"
    return Finding("write lock", False, held, fix)


def version(path: Path) -> Finding:
    """Which SQLite, and which schema the file has."""
    try:
        connection = _opened(path)
        try:
            schema = pragma(connection, "user_version")
        finally:
            connection.close()
    except apsw.Error as error:
        schema = f"unreadable ({error})"  # `integrity` says what is wrong
    known = f"schema {schema} (this Podium knows {SCHEMA_VERSION})"
    return Finding("version", True, f"SQLite {apsw.sqlite_lib_version()}, {known}")


def whole(path: Path) -> Finding:
    """Whether it is more than what a copy of a file in use has caught of it."""
    wal = Path(f"{path}{WAL}")
    try:
        connection = _opened(path)
        try:
            if not pragma(connection, "schema_version"):
                empty = "it is an empty database: if it is a copy, what the store held stands in its log"
                return Finding("whole", wal.exists(), empty, COPY_FIX)
            if is_copy(connection, path):
                return Finding("whole", False, COPIED, COPY_FIX)
        finally:
            connection.close()
    except apsw.Error:
        return Finding("whole", True, "not known")  # `integrity` says what is wrong
    return Finding("whole", True, "no copy of a store in use")


def values(path: Path) -> Finding:
    """Whether the depot has what the store names: values that are kept by reference."""
    try:
        names = _named(path)
    except apsw.Error:
        return Finding("values", True, "not known")
    depot = depot_of(path)
    missing = [name for name in names if not depot.holds(name)]
    fix = f"bring {depot.folder} back from where the store was copied: podium backup takes it along"
    text = f"{len(missing):,} of {len(names):,} are missing in {depot.folder}"
    return Finding("values", not missing, text if missing else f"all {len(names):,}", fix if missing else "")


def sound_values(path: Path) -> Finding:
    """Whether each is what its name says."""
    depot = depot_of(path)
    changed = [lain.name for lain in depot.all() if lain.name and not depot.is_sound(lain.name)]
    fix = f"bring them back from a backup into {depot.folder}: {' '.join(changed[:3])}"
    text = f"{len(changed):,} were changed" if changed else "as they were written"
    return Finding("content", not changed, text, fix if changed else "")


def _named(path: Path) -> list[str]:
    connection = _opened(path)
    try:
        if int(pragma(connection, "user_version")) < _WITH_VALUES:
            return []
        return [name for (name,) in rows(connection, SQL["all_named_values"])]
    finally:
        connection.close()


def integrity(path: Path) -> Finding:
    """SQLite's own check of every page, and whether it is a store of ours that this code knows."""
    complaint, fix = _complaint(path)
    return Finding("integrity", not complaint, complaint or "every page is sound", fix)


def _opened(path: Path) -> apsw.Connection:
    """For reading. Where there is no log nobody has it open, and a look need not leave one behind."""
    alone = "" if Path(f"{path}{WAL}").exists() else "&immutable=1"
    uri = f"file:{quote(str(path))}?mode=ro{alone}"
    return apsw.Connection(uri, flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)


def _complaint(path: Path) -> tuple[str, str]:
    """What is wrong with it, and what to do; empty if nothing is."""
    restore = restore_path(str(path))
    try:
        connection = _opened(path)
    except apsw.Error as error:
        return _told(error, path)
    try:
        connection.set_busy_timeout(_PATIENCE_MS)
        if pragma(connection, "application_id") != APPLICATION_ID:
            return "this is no store of Podium's", "name another file: --store URL, or PODIUM_URL"
        version = int(pragma(connection, "user_version"))
        if version > SCHEMA_VERSION:
            newer = f"its schema {version} is newer than this Podium, which knows {SCHEMA_VERSION}"
            return newer, "use the Podium that wrote it, or a later one"
        complaint = str(pragma(connection, "quick_check(1)"))
        return ("", "") if complaint == "ok" else (complaint, restore)
    except apsw.Error as error:
        return _told(error, path)
    finally:
        connection.close()


def _told(error: apsw.Error, path: Path) -> tuple[str, str]:
    """A page that cannot be read just now is not one that is damaged."""
    found = translate(error, str(path))
    return found.message, found.fix
