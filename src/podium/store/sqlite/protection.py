"""Refuses that code in this process opens the files of a store that is open here.

Closing such a descriptor drops the POSIX locks that this process has on the file (see `locks`), and a second
SQLite in the process, the standard library's, does not know of ours at all. Python announces to audit hooks
what it opens; what opens files in C is not seen. Opening by apsw is no danger, since it shares our SQLite and
its table of locks, and neither are other processes.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from types import FrameType
from typing import Any
from urllib.parse import unquote

from ... import changes
from ...errors import StoreInUse

Identity = tuple[int, int]  # device and inode: a link is no other file

_EVENTS = frozenset({"open", "os.truncate", "sqlite3.connect"})
_INSTALLED = f"{os.sep}site-packages{os.sep}"
_STANDARD = os.path.dirname(os.__file__) + os.sep
_OURS = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))) + os.sep

_protected: set[Identity] = set()
_lock = threading.Lock()
_exempt = threading.local()


def protect(files: Iterable[Identity]) -> None:
    """From now on nobody in this process opens them."""
    with _lock:
        _protected.update(files)
        _HOOK.install_once()


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
    """What this thread opens in the block stays open for as long as the store does."""
    _exempt.now = True
    try:
        yield
    finally:
        _exempt.now = False


def _hook(event: str, args: tuple[Any, ...]) -> None:
    if event not in _EVENTS or not _protected or not args:
        return
    name = args[0]
    if isinstance(name, int):  # a descriptor that is open already
        return
    try:
        found = os.stat(_file_of(name) if event == "sqlite3.connect" else name)
    except (OSError, TypeError, ValueError):  # not there; no name of a file
        return
    if (found.st_dev, found.st_ino) in _protected and not getattr(_exempt, "now", False):
        frame = sys._getframe(1)  # pyright: ignore[reportPrivateUsage]  # documented all the same
        raise StoreInUse(
            f"{os.fsdecode(name)} is in use as a store by this process: closing it again would drop the "
            f"locks that keep its runs safe (opened at {_line(frame)})",
            fix="podium backup FILE  copies it; read it by  podium runs  or in another process",
        )


def _file_of(database: Any) -> str:
    """The file that sqlite3 opens for it."""
    name = os.fsdecode(database)
    return unquote(name.removeprefix("file:").partition("?")[0]) if name.startswith("file:") else name


def _line(frame: FrameType | None) -> str:
    """The innermost line that is neither installed code nor ours."""
    while frame is not None:
        file = frame.f_code.co_filename
        if (
            not file.startswith((_STANDARD, _OURS, "<frozen"))
            and f"{os.sep}site-packages{os.sep}" not in file
        ):
            return f"{file}:{frame.f_lineno}"
        frame = frame.f_back
    return "?"


_HOOK = changes.declare(
    "sys.addaudithook (files of the store)",
    when=changes.STORE,
    why="opening the store's own files would drop SQLite's locks, and lose runs: it is refused with the line",
    until=changes.NEVER,
    install=lambda: sys.addaudithook(_hook),
)
