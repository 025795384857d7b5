"""What a depot writes, and when; and what it reads."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

from podium.depot import Depot, Kept, Sink


def write(sink: Sink) -> None:
    sink.write(b"thirty megabytes")


def changed(depot: Depot, kept: Kept) -> None:
    """As root does it, whatever the mode says."""
    path = depot.path(kept.name)
    path.chmod(0o600)
    path.write_bytes(b"THIRTY MEGABYTES")


@pytest.fixture
def depot(tmp_path: Path) -> Depot:
    return Depot(tmp_path / "values")


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that were made."""
    made: list[str] = []
    opens = os.open

    def seen(path: Any, flags: int, *mode: Any, **where: Any) -> int:
        descriptor = opens(path, flags, *mode, **where)
        if flags & os.O_EXCL:
            made.append(str(path))
        return descriptor

    monkeypatch.setattr(os, "open", seen)
    return made


def test_a_replay_of_a_body_writes_nothing_again(depot: Depot, made: list[str]) -> None:
    first = depot.of_body().put(write)
    assert (len(made), depot.path(first.name).read_bytes()) == (1, b"thirty megabytes")
    assert depot.of_body().put(write) == first
    assert len(made) == 1


def test_a_value_in_pieces_of_all_sizes_is_named_by_its_content(depot: Depot) -> None:
    pieces = [os.urandom(size) for size in (1, 400_000, 0, 127 * 1024, 3_000_000)]
    kept = depot.put(lambda sink: [sink.write(piece) for piece in pieces])
    whole = b"".join(pieces)
    assert kept == (hashlib.sha256(whole).hexdigest(), len(whole))
    assert depot.path(kept.name).read_bytes() == whole
    assert depot.path(kept.name).stat().st_mode & 0o777 == 0o400


def test_a_writer_that_fails_leaves_nothing(depot: Depot) -> None:
    def fails(sink: Sink) -> None:
        sink.write(b"half")
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        depot.put(fails)
    assert list(depot.all()) == []


@pytest.mark.parametrize("in_body", [False, True])
def test_a_file_that_was_changed_is_replaced_when_its_value_comes_again(depot: Depot, in_body: bool) -> None:
    kept = depot.put(write)
    changed(depot, kept)
    assert not depot.is_unchanged(kept.name)
    (depot.of_body() if in_body else depot).put(write)
    assert depot.is_unchanged(kept.name)
    assert depot.path(kept.name).read_bytes() == b"thirty megabytes"


def test_a_file_that_lies_still_is_read_once_and_again_when_it_was_changed(
    depot: Depot, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = depot.put(write)
    read: list[str] = []
    digest = hashlib.file_digest

    def seen(file: Any, algorithm: str) -> Any:
        read.append(file.name)
        return digest(file, algorithm)

    monkeypatch.setattr(hashlib, "file_digest", seen)
    assert depot.is_unchanged(kept.name)
    assert depot.is_unchanged(kept.name)
    assert len(read) == 2, "it is so new that a change could have the same time"
    monkeypatch.setattr(depot, "_disk_time", lambda: depot.path(kept.name).stat().st_ctime + 3)
    assert depot.is_unchanged(kept.name)
    assert depot.is_unchanged(kept.name)
    assert len(read) == 3
    changed(depot, kept)
    assert not depot.is_unchanged(kept.name)
