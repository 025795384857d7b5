"""Where runs live: `open_store(url)` gives a `Store`; a backend's driver is imported when one is opened."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from os import PathLike, fspath
from pathlib import Path
from types import ModuleType
from typing import Any

from ..errors import StoreRefused
from .findings import Copied, Finding, LockHolder
from .moving import MoveFence, Side, Summary, copy_rows, refusal
from .protocol import Sent, Store
from .urls import project_folder, shown_url, url_parts

__all__ = [
    "Copied",
    "MoveFence",
    "Side",
    "Summary",
    "copy_rows",
    "refusal",
    "side_of_move",
    "Finding",
    "LockHolder",
    "Sent",
    "Store",
    "back_up",
    "compact",
    "examine",
    "lock_holder",
    "open_store",
    "project_folder",
    "shown_url",
    "url_parts",
]

_BACKENDS = {
    "sqlite": ("podium.store.sqlite", "SqliteStore"),
    "postgresql": ("podium.store.postgres", "PostgresStore"),
}


def open_store(url: str | PathLike[str], **options: Any) -> Store:
    """Open the store behind a URL or a plain path; call `migrate()` on it before anything else.

    `sqlite:///runs.db` is relative to the working directory, `sqlite:////var/lib/runs.db` absolute (as
    SQLAlchemy has it); `sqlite:///:memory:?name` is a memory database that this process's handles share by
    name, without a name it is private. Options go to the backend, see `podium.store.sqlite.SqliteStore`.

    Raises StoreRefused, with a fix, when there is no such backend or the store cannot be opened like this.
    """
    scheme, name = _parts(url)
    return getattr(_backend(scheme), _BACKENDS[scheme][1])(name, **options)


def _backend(scheme: str) -> ModuleType:
    """The module of a backend, the one late import: a pure client must not pay for a driver it never uses."""
    try:
        return importlib.import_module(_BACKENDS[scheme][0])
    except ModuleNotFoundError as error:
        if error.name != "psycopg":
            raise
        raise StoreRefused(
            "a store on PostgreSQL needs psycopg, which is not installed",
            fix="pip install 'podium[postgres]'",
        ) from error


def examine(url: str | PathLike[str], *, thorough: bool = True) -> Iterator[Finding]:
    """Whether the store behind a URL is well, one finding after the other; changes nothing in it.

    Of a file: its file system, whether it can be written, free space, whether other processes still mean
    the same file, the size of its log, who holds its write lock, and (`thorough`, some 100 MB/s) every page.

    >>> for finding in examine("sqlite:///.podium/podium.db"):
    ...     print("ok" if finding.is_well else "!!", finding.name, finding.text, finding.fix)

    Raises StoreRefused when there is no such backend.
    """
    scheme, name = _parts(url)
    return _backend(scheme).examine(name, thorough=thorough)


def back_up(url: str | PathLike[str], file: str | PathLike[str]) -> Copied:
    """Copy the store behind a URL to a new file (0600), while it is in use; synced, and checked.

    The copy is of one moment, and whole: all that was acknowledged before is in it. It opens like any store;
    runs that somebody drove are free in it, and go on from their records.

    >>> back_up("sqlite:///.podium/podium.db", "/backup/monday.db")
    Copied(file='/backup/monday.db', bytes=1138688, runs=412)

    Raises UsageError when the file is there already, StoreRefused when there is no store or it cannot be
    written, StoreUnavailable when the disk is full, StoreFatal when the store is damaged.
    """
    scheme, name = _parts(url)
    return _backend(scheme).back_up(name, Path(fspath(file)).absolute())


def compact(url: str | PathLike[str]) -> tuple[int, int]:
    """Give back to the disk what the store behind a URL no longer needs; its bytes before and after.

    Everybody who writes waits meanwhile, some seconds for each GB; the disk needs space for a second copy.
    Raises StoreRefused when there is no store, StoreUnavailable when it is held or the disk is full.

    >>> compact("sqlite:///.podium/podium.db")
    (52428800, 1138688)
    """
    scheme, name = _parts(url)
    return _backend(scheme).compact(name)


def side_of_move(url: str | PathLike[str]) -> Side:
    """The store behind a URL as one of the two sides of a move, open and of this code's schema.

    Raises StoreRefused where it can be none, StoreUnavailable.
    """
    scheme, name = _parts(url)
    return _backend(scheme).Side(name)


def lock_holder(url: str | PathLike[str]) -> LockHolder | None:
    """Who holds the store's write lock at this moment; None if nobody does, and where that cannot be known.
    For a moment anybody may."""
    scheme, name = _parts(url)
    return _backend(scheme).lock_holder(name)


def _parts(url: str | PathLike[str]) -> tuple[str, str]:
    """The backend of a URL and what is left of it for the backend."""
    text = fspath(url)
    scheme, rest = url_parts(text)
    if scheme in ("postgresql", "postgres"):
        return "postgresql", text  # libpq reads it itself
    if scheme not in _BACKENDS or not rest.startswith("/") or rest == "/":
        raise StoreRefused(
            f"no store can be opened at {shown_url(text)!r}",
            fix="use sqlite:///path, a plain path, or postgresql://host/database",
        )
    return scheme, rest[1:]
