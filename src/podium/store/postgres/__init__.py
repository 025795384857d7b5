"""The PostgreSQL backend: `PostgresStore`. Importing it imports psycopg, so `open_store` does it late."""

from .health import back_up, compact, examine, lock_holder
from .moving import DatabaseSide as Side
from .store import PostgresStore

__all__ = ["PostgresStore", "Side", "back_up", "compact", "examine", "lock_holder"]
