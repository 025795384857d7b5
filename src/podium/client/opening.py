"""A store as an app opens it: of this version's shape, and with calls that come back soon."""

from __future__ import annotations

from ..store import Store, open_store
from .busy_wait import CALL_PATIENCE


def opened_store(url: str) -> Store:
    """Raises StoreRefused, StoreUnavailable; nothing is left open then."""
    store = open_store(url, patience=CALL_PATIENCE)
    try:
        store.migrate()
    except BaseException:
        store.close()
        raise
    return store
