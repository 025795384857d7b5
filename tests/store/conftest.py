"""Every contract test runs on every backend. A backend joins by a line in BACKENDS."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from podium.store import Store, open_store
from podium.store.postgres.store import PostgresStore
from tests.postgres import emptied_database, is_pooled, shared
from tests.store.words import engine

_names = itertools.count()

# Backend -> the URL of a fresh store. PostgreSQL has a lane of its own: `make postgres`.
BACKENDS: dict[str, Callable[[Path], str]] = {
    "file": lambda folder: f"sqlite:///{folder / 'podium.db'}",
    "memory": lambda folder: f"sqlite:///:memory:?test-{next(_names)}",
    "postgres": lambda _: emptied_database(),
}
_PARAMS = [
    pytest.param(name, marks=[pytest.mark.postgres] if name == "postgres" else []) for name in BACKENDS
]

Opener = Callable[..., Store]


@pytest.fixture(params=_PARAMS)
def reopen(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opener]:
    """Opens one more handle on the test's store, with options for the backend."""
    url = BACKENDS[request.param](tmp_path)
    handles: list[Store] = []

    def open_one(**options: Any) -> Store:
        if request.param == "postgres":
            options["values"] = tmp_path / "values"
        handle = open_store(url, **options)
        if isinstance(handle, PostgresStore):
            # As after a notification: statements are kept. Through the pooler they are not.
            handle.server.is_direct = not is_pooled()
        handles.append(handle)
        return handle

    yield open_one
    for handle in handles:
        handle.close()


@pytest.fixture(params=_PARAMS)
def unmigrated(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """A handle on a store that nobody has migrated."""
    is_shared = request.param == "postgres"
    handle = open_store(shared().new_database() if is_shared else BACKENDS[request.param](tmp_path))
    yield handle
    handle.close()


@pytest.fixture
def store(reopen: Opener) -> Store:
    """A migrated store in which the engine e1 lives."""
    store = reopen()
    store.migrate()
    store.announce(engine("e1"))
    return store
