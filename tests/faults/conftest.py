"""Scenes with real processes, and an app on a disk that this process can fill or break."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from tests.chaos.theatre import Theatre
from tests.store.vfs import FaultyDisk


@pytest.fixture
def theatre(tmp_path: Path) -> Iterator[Theatre]:
    theatre = Theatre(tmp_path)
    yield theatre
    theatre.close()


@pytest.fixture
def disk() -> Iterator[FaultyDisk]:
    """Every store opened from now on is on this one."""
    before = apsw.vfs_names()[0]
    disk = FaultyDisk()
    apsw.set_default_vfs(disk.name)
    yield disk
    apsw.set_default_vfs(before)
    disk.unregister()
