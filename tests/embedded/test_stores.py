"""A store that cannot be opened says why, changes nothing, and never becomes a task's outcome."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest

from podium import App, PodiumError, task, workflow
from podium.errors import StoreError, StoreRefused, UsageError
from podium.model import Query


@task
def plus_one(n: int) -> int:
    return n + 1


@workflow
def quick(n: int) -> int:
    return plus_one(n)


def used(store: Path) -> bytes:
    with App(store):
        assert quick.run(1) == 2
    return store.read_bytes()


def test_a_file_that_is_no_store(store: Path) -> None:
    store.write_bytes(b"These are the minutes of the last meeting, and no database at all.\n" * 100)
    before = store.read_bytes()
    with pytest.raises(StoreError, match=store.name), App(store):
        quick.run(1)
    assert store.read_bytes() == before


def test_another_programs_database(store: Path) -> None:
    with sqlite3.connect(store) as other:
        other.execute("create table runs (id integer primary key, mine text)")
        other.execute("insert into runs (mine) values ('precious')")
    other.close()
    with pytest.raises(StoreError, match=store.name), App(store):
        quick.run(1)
    with sqlite3.connect(store) as other:
        assert other.execute("select mine from runs").fetchall() == [("precious",)]
    other.close()


def test_a_corrupt_store(store: Path) -> None:
    data = bytearray(used(store))
    data[100:4096] = os.urandom(3996)
    store.write_bytes(data)
    with pytest.raises(PodiumError), App(store) as app:
        quick.run(2)
        app.find(Query())


def test_a_truncated_store(store: Path) -> None:
    data = used(store)
    store.write_bytes(data[: len(data) // 2 // 4096 * 4096 + 100])
    with pytest.raises(PodiumError), App(store) as app:
        for row in app.find(Query()):
            app.history(row.id)
        quick.run(2)


def test_a_newer_schema(store: Path) -> None:
    used(store)
    with sqlite3.connect(store) as newer:
        (version,) = newer.execute("pragma user_version").fetchone()
        newer.execute(f"pragma user_version = {version + 1}")
    newer.close()
    before = store.read_bytes()
    with pytest.raises(StoreRefused, match="knows up to"), App(store):
        quick.run(2)
    assert store.read_bytes() == before


def test_a_read_only_file(unprivileged: Path) -> None:
    store = unprivileged / "podium.db"
    used(store)
    store.chmod(0o444)
    with pytest.raises(StoreRefused, match="read-only"), App(store):
        quick.run(2)


def test_a_read_only_folder_that_holds_no_store(unprivileged: Path) -> None:
    (unprivileged / "locked").mkdir(mode=0o555)
    with pytest.raises(StoreError), App(unprivileged / "locked" / "podium.db"):
        quick.run(1)


def test_a_folder_in_its_place(tmp_path: Path) -> None:
    with pytest.raises(StoreError), App(tmp_path):
        quick.run(1)


def test_a_scheme_nobody_knows() -> None:
    with pytest.raises((StoreError, UsageError), match="mongodb"), App("mongodb://somewhere/x"):
        quick.run(1)
