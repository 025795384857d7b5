"""Refuses that code in this process opens, moves or removes the files of a store that is open here.

Closing such a descriptor drops the POSIX locks that this process has on the file (see `locks`), and a second
SQLite in the process, the standard library's, does not know of ours at all. Python announces to audit hooks
what it opens; what opens files in C is not seen. ATTACH is such an opening, so connections of `sqlite3` get
an authorizer; nor does it announce the folder that a name is looked for in, so `os.open` with `dir_fd=` looks
itself. Opening by apsw is no danger, since it shares our SQLite and its table of locks, and neither are other
processes.
"""

from __future__ import annotations

import functools
import logging
import os
import sys
import threading
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from types import FrameType, ModuleType
from typing import Any
from urllib.parse import unquote

from ... import audit, changes
from ...errors import StoreInUse
from ...modules import is_installed

try:
    import sqlite3
    import sqlite3.dbapi2
except ImportError:  # a Python that was built without it
    sqlite3 = None

log = logging.getLogger("podium")

Identity = tuple[int, int]  # device and inode: a link is no other file

_REMOVE, _RENAME = "os.remove", "os.rename"
_EVENTS = frozenset({"open", "os.truncate", "sqlite3.connect", _REMOVE, _RENAME})
_OURS = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))) + os.sep

_NO_FOLDER = -1  # as audit events say it

_protected: set[Identity] = set()
_lock = threading.Lock()
_exempt = threading.local()


def protect(files: Iterable[Identity]) -> None:
    """From now on nobody in this process opens them."""
    with _lock:
        _protected.update(files)
        _HOOK.install_once()
        _AUTHORIZER.install_once()
        _OPEN.install_once()


def release(files: Iterable[Identity]) -> None:
    """They may be opened again: no connection of this process is on them."""
    with _lock:
        _protected.difference_update(files)


def forget() -> None:
    """In a forked child, which has no locks to lose, and where another thread may have held ours."""
    global _lock  # noqa: PLW0603  # the process's
    _lock = threading.Lock()
    _protected.clear()


@contextmanager
def allowed() -> Generator[None, None, None]:
    """What this thread opens in the block stays open for as long as the store; it may move and remove."""
    before, _exempt.now = getattr(_exempt, "now", False), True
    try:
        yield
    finally:
        _exempt.now = before


def _hook(event: str, args: tuple[Any, ...]) -> None:
    if not _protected or not args:
        return
    name = args[0]
    if event in (_REMOVE, _RENAME):
        _refuse_moves(event, *args)
        return
    if isinstance(name, int):  # a descriptor that is open already
        return
    if _is_protected(_files_of(name) if event == "sqlite3.connect" else (name,)):
        raise _refusal(name)


def _refuse_moves(event: str, *args: Any) -> None:
    """Of a file of a store, or onto one. A whole tree that is removed is meant (a test's folder): that names
    its files within open folders."""
    if event == _REMOVE:
        name, folder = args
        places = [] if folder != _NO_FOLDER else [(name, None)]
    else:
        source, target, *folders = args
        places = [
            (name, None if folder == _NO_FOLDER else folder)
            for name, folder in zip((source, target), folders, strict=True)
        ]
    for name, folder in places:
        if _is_protected((name,), folder, follow=False):
            raise StoreInUse(
                f"{os.fsdecode(name)} is in use as a store by this process: moved or removed, it would take "
                f"what its runs do next along (at {_line()})",
                fix="close the app, or end the process, before; podium backup FILE  copies it at any time",
            )


def _is_protected(names: Iterable[Any], folder: int | None = None, *, follow: bool = True) -> bool:
    """Whether one of them leads to a file of a store, and this thread may not open it. `folder`: an open one,
    in which it is looked for; `follow`: through links."""
    for name in names:
        try:
            found = os.stat(name, dir_fd=folder, follow_symlinks=follow)
        except (OSError, TypeError, ValueError):  # not there; no name of a file
            continue
        if (found.st_dev, found.st_ino) in _protected:
            return not getattr(_exempt, "now", False)
    return False


def _files_of(database: Any) -> Iterable[str]:
    """The files that sqlite3 may open for it: whether it reads a name as a URI depends on its set-up."""
    try:
        name = os.fsdecode(database)
    except TypeError:
        return
    yield name
    if name.startswith("file:"):
        path = name.removeprefix("file:").partition("#")[0].partition("?")[0]
        if path.startswith("//"):  # a host, which may be "localhost"
            path = f"/{path[2:].partition('/')[2]}"
        yield unquote(path).partition("\0")[0]


def _refusal(name: Any) -> StoreInUse:
    return StoreInUse(
        f"{os.fsdecode(name)} is in use as a store by this process: closing it again would drop the "
        f"locks that keep its runs safe (opened at {_line()})",
        fix="podium backup FILE  copies it; read it by  podium runs  or in another process",
    )


def _within_folders(os_open: Callable[..., int]) -> Callable[..., int]:
    """`os.open`, which looks at the file that it is about to open within a folder."""

    @functools.wraps(os_open)
    def within_folders(path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        if dir_fd is None or not _protected:
            return os_open(path, flags, mode, dir_fd=dir_fd)
        if _is_protected((path,), dir_fd):
            raise _refusal(path)
        with allowed():  # the hook would look for the name in the working directory
            return os_open(path, flags, mode, dir_fd=dir_fd)

    if os_open in os.supports_dir_fd:
        os.supports_dir_fd.add(within_folders)
    return within_folders


def _guarded(connect: Callable[..., Any]) -> Callable[..., Any]:
    """`sqlite3.connect`, whose connections attach no file of a store."""

    @functools.wraps(connect)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        connection = connect(*args, **kwargs)
        if sqlite3 is not None and isinstance(connection, sqlite3.Connection):
            connection.set_authorizer(_authorizer())
        return connection

    return guarded


def _authorizer() -> Callable[..., int]:
    """One for a connection, which SQLite asks as it prepares a statement. An exception here would be lost.

    SQLite tells the name of a file that stands in ATTACH's text, not one that is bound to it. So a connection
    that has attached such a one may read what it likes, and makes no checkpoint: that is what loses runs.
    """
    assert sqlite3 is not None
    attach, pragma, ok, deny = (
        sqlite3.SQLITE_ATTACH, sqlite3.SQLITE_PRAGMA, sqlite3.SQLITE_OK, sqlite3.SQLITE_DENY,
    )  # fmt: skip
    has_unseen = False

    def authorize(action: int, name: str | None, *_: object) -> int:
        nonlocal has_unseen
        if action == attach:
            if name is None:
                has_unseen = True
            elif _protected and _is_protected(_files_of(name)):
                log.error("%s", _refusal(name))
                return deny
        elif action == pragma and has_unseen and _protected and (name or "").lower() == "wal_checkpoint":
            log.error(
                "no checkpoint is made of what was attached by a bound name: it may be the store that this "
                "process has open (at %s)\n  write the name into the text of the ATTACH",
                _line(),
            )
            return deny
        return ok

    return authorize


def _line() -> str:
    """The innermost line that is neither installed code nor ours."""
    frame: FrameType | None = sys._getframe(1)  # pyright: ignore[reportPrivateUsage]  # documented all the same
    while frame is not None:
        file = frame.f_code.co_filename
        if not file.startswith((_OURS, "<frozen")) and not is_installed(file):
            return f"{file}:{frame.f_lineno}"
        frame = frame.f_back
    return "?"


_HOOK = changes.declare(
    "sys.addaudithook (files of the store)",
    when=changes.STORE,
    why="opening, moving or removing the store's own files would lose runs: it is refused with the line",
    until=changes.NEVER,
    install=lambda: audit.listen(_EVENTS, _hook),
)

_MODULES: tuple[tuple[str, ModuleType], ...] = (
    (("sqlite3.connect", sqlite3), ("sqlite3.dbapi2.connect", sqlite3.dbapi2)) if sqlite3 is not None else ()
)

_AUTHORIZER = changes.declare_patch(
    *((name, module, "connect", _guarded) for name, module in _MODULES),
    when=changes.STORE,
    why="ATTACH would open the store's own files without a word to audit hooks: it is refused with the line",
)

_OPEN = changes.declare_patch(
    ("os.open", os, "open", _within_folders),
    when=changes.STORE,
    why="by `dir_fd=` it would open the store's own files, unseen by audit hooks: refused with the line",
)
