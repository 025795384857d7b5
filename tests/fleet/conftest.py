"""Programs and processes on one PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.postgres import Cluster, cluster, shared
from tests.processes.support import Host


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All of it is in the lane of PostgreSQL."""
    for item in items:
        if "/tests/fleet/" in str(item.path):
            item.add_marker(pytest.mark.postgres)


@pytest.fixture
def url() -> str:
    """That of a fresh, empty database."""
    return shared().new_database()


@pytest.fixture
def host(tmp_path: Path, url: str) -> Iterator[Host]:
    """A folder of processes on that database, none of which outlives it."""
    host = Host(tmp_path, url)
    yield host
    host.close()


@pytest.fixture
def own_cluster() -> Iterator[Cluster]:
    """A server that the test may kill."""
    with cluster("fsync=off", "autovacuum=off") as server:
        yield server
