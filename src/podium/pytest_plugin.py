"""What pytest finds of Podium: `podium_app`, a fixture. What it needs is imported when a test asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest


@pytest.fixture
def podium_app() -> Iterator[Any]:
    """A `podium.testing.VirtualApp`: its store is in memory, its clock jumps over what a test waits for."""
    with import_module("podium.testing").VirtualApp() as app:
        yield app
