"""The SQLite backend: `SqliteStore`. Importing it imports apsw, so `podium.store.open_store` does it late."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ... import late
from .compact import compact
from .files import lock_holder

if TYPE_CHECKING:
    from .backup import back_up
    from .health import examine
    from .moving import Side
    from .store import SqliteStore

__all__ = [
    "Side",
    "SqliteStore",
    "back_up",
    "compact",
    "examine",
    "lock_holder",
]

__getattr__ = late.names(
    __name__,
    {
        "backup": "back_up",
        "health": "examine",
        "moving": "Side",
        "store": "SqliteStore",
    },
)
