"""The SQLite backend: `SqliteStore`. Importing it imports apsw, so `podium.store.open_store` does it late."""

from .backup import back_up
from .compact import compact
from .files import lock_holder
from .health import examine
from .store import SqliteStore

__all__ = ["SqliteStore", "back_up", "compact", "examine", "lock_holder"]
