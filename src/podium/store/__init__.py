"""Where runs live: `open_store(url)` gives a `Store`; a backend's driver is imported when one is opened."""

from __future__ import annotations

import importlib
from os import PathLike, fspath
from typing import Any

from ..errors import StoreRefused
from .protocol import Store

__all__ = ["Store", "open_store"]

_BACKENDS = {"sqlite": ("podium.store.sqlite", "SqliteStore")}


def open_store(url: str | PathLike[str], **options: Any) -> Store:
    """Open the store behind a URL or a plain path; call `migrate()` on it before anything else.

    `sqlite:///runs.db` is relative to the working directory, `sqlite:////var/lib/runs.db` absolute (as
    SQLAlchemy has it); `sqlite:///:memory:?name` is a memory database that this process's handles share by
    name, without a name it is private. Options go to the backend, see `podium.store.sqlite.SqliteStore`.

    Raises StoreRefused, with a fix, when there is no such backend or the store cannot be opened like this.
    """
    text = fspath(url)
    scheme, separator, rest = text.partition("://")
    if not separator:
        scheme, rest = "sqlite", f"/{text}"
    if scheme not in _BACKENDS or not rest.startswith("/") or rest == "/":
        raise StoreRefused(f"no store can be opened at {text!r}", fix="use sqlite:///path, or a plain path")
    module, name = _BACKENDS[scheme]
    # The one late import: `import podium` and a pure client must not pay for a driver they never use.
    return getattr(importlib.import_module(module), name)(rest[1:], **options)
