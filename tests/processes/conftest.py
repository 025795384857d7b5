"""A folder of processes for each test, none of which outlives it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes.support import Host


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    """Nothing runs yet."""
    host = Host(tmp_path)
    yield host
    host.close()
