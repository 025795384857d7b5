"""What a depot writes, and when."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest

from podium.depot import Depot, Sink


def test_a_replay_of_a_body_writes_nothing_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    make = tempfile.mkstemp

    def seen(**where: Any) -> Any:
        made.append(where["prefix"])
        return make(**where)

    monkeypatch.setattr(tempfile, "mkstemp", seen)
    depot = Depot(tmp_path / "values")

    def write(sink: Sink) -> None:
        sink.write(b"thirty megabytes")

    first = depot.of_body().put(write)
    assert (len(made), depot.path(first.name).read_bytes()) == (1, b"thirty megabytes")
    assert depot.of_body().put(write) == first
    assert len(made) == 1
