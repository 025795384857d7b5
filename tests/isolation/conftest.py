"""An app on a file of its own, and a look at the processes of its tasks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from podium import App, Options


def noted(folder: Path) -> list[int]:
    """The processes that tasks have noted there."""
    return [int(path.name) for path in folder.iterdir() if path.name.isdigit()]


def children() -> list[psutil.Process]:
    """The live processes of tasks of this process."""
    found: list[psutil.Process] = []
    for child in psutil.Process().children():
        try:
            if "podium.executors.child" in child.cmdline():
                found.append(child)
        except psutil.Error:  # it has just died
            pass
    return found


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "podium.db"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "noted").mkdir()
    return tmp_path / "noted"


@pytest.fixture
def app(store: Path) -> Iterator[App]:
    with App(store, options=Options(poll=0.05, grace=2, process_slots=2)) as app:
        yield app
    assert children() == [], "nobody is left behind"
