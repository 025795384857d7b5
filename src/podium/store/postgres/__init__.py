"""The PostgreSQL backend: `PostgresStore`. Importing it imports psycopg, so `open_store` does it late."""

from .health import back_up, compact, examine, lock_holder
from .store import PostgresStore

__all__ = ["PostgresStore", "back_up", "compact", "examine", "lock_holder"]
