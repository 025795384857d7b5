"""The SQLite backend: `SqliteStore`. Importing it imports apsw, so `podium.store.open_store` does it late."""

from .backup import back_up
from .compact import compact
from .files import lock_holder
from .health import examine
from .moving import FileSide as Side
from .store import SqliteStore

__all__ = ["Side", "SqliteStore", "back_up", "compact", "examine", "lock_holder"]
