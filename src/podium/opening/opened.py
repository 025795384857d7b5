"""A store as an app opens it: of this version's shape, and with calls that come back soon."""

from __future__ import annotations

from ..env import Env
from ..store import Store, open_store
from .busy_wait import CALL_PATIENCE


def opened_store(url: str, env: Env) -> Store:
    """From now on `env` goes by the server's clock, where there is one.

    Raises StoreRefused, StoreUnavailable; nothing is left open then."""
    store = open_store(url, patience=CALL_PATIENCE)
    try:
        store.migrate()
        env.follow(store.clock)
    except BaseException:
        store.close()
        raise
    return store
