"""A real app on a file of its own for each test."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from podium import App, Options
from tests.names.support import Place


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "podium.db"


@pytest.fixture
def app(store: Path) -> Iterator[App]:
    with App(store, options=Options(poll=0.05, grace=2)) as app:
        yield app


@pytest.fixture
def python() -> list[str]:
    """How to run a script as a process of its own."""
    return [sys.executable]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    place = Place(tmp_path)
    yield place
    place.close()
