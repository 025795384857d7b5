"""Failing disks, killed processes, torn files: nothing acknowledged is lost, nothing half-done remains."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from podium.errors import StoreError, StoreFatal, StoreUnavailable
from podium.store.sqlite import SqliteStore
from tests import forkserver
from tests.store.story import WORDS, remembered, tell
from tests.store.vfs import FaultyDisk, disk_full, io_error
from tests.store.words import commit, engine, fenced, outcomes, own, result, row

ROOT = Path(__file__).resolve().parents[2]
FRAME_BYTES = 24 + 4096
WAL_HEADER_BYTES = 32


@pytest.fixture
def disk() -> FaultyDisk:
    return FaultyDisk()


def opened(file: Path, disk: FaultyDisk | None = None, **options: object) -> SqliteStore:
    store = SqliteStore(file, vfs=disk.name if disk else None, **options)
    store.migrate()
    store.announce(engine("e1"))
    own(store, "r1")
    return store


def test_every_acknowledged_commit_was_synced(tmp_path: Path, disk: FaultyDisk) -> None:
    store = opened(tmp_path / "a.db", disk)
    before = disk.counts["sync-wal"]
    for seq in range(1, 101):
        commit(store, fenced(entries=(result(seq),)))
    assert disk.counts["sync-wal"] - before >= 100
    store.close()


def test_a_batch_shares_one_sync(tmp_path: Path, disk: FaultyDisk) -> None:
    store = opened(tmp_path / "a.db", disk)
    before = disk.counts["sync"]
    commit(store, *[fenced(entries=(result(seq),)) for seq in range(1, 101)])
    assert disk.counts["sync"] - before == 1
    store.close()


def test_what_changes_nothing_costs_no_sync(tmp_path: Path, disk: FaultyDisk) -> None:
    store = opened(tmp_path / "a.db", disk)
    store.claim("e1", {"app:flow": ""}, 10, 99.0)  # the first one says what the engine offers
    before = disk.counts["sync"]
    store.claim("e1", {"app:flow": ""}, 10, 99.0)
    store.release({}, 0.0)
    store.collect("e1")
    commit(store, fenced(token=9, entries=(result(1),)))
    assert disk.counts["sync"] == before
    store.close()


def test_relaxed_sync_leaves_the_sync_to_checkpoints(tmp_path: Path, disk: FaultyDisk) -> None:
    store = opened(tmp_path / "a.db", disk, sync="normal")
    before = disk.counts["sync"]
    commit(store, fenced(entries=(result(1),)))
    assert disk.counts["sync"] == before
    store.close()


# Most of the writes are the migrations'. Every one is struck by `make prove`, else each third.
ALL_WRITES = pytest.param("write", 1, marks=pytest.mark.prove)


@pytest.mark.parametrize(("operation", "every"), [("sync", 1), ("write", 3), ALL_WRITES])
def test_a_kill_at_syncs_and_writes_loses_nothing_acknowledged(
    tmp_path: Path, operation: str, every: int
) -> None:
    command = [sys.executable, "-m", "tests.store.crashes", str(tmp_path), operation, str(every)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= len(WORDS)


@pytest.mark.parametrize(("operation", "every"), [("sync", 1), ("write", 3), ALL_WRITES])
def test_a_fault_at_syncs_and_writes_loses_nothing_acknowledged(
    tmp_path: Path, operation: str, every: int
) -> None:
    fault = {"sync": io_error, "write": disk_full}[operation]
    errors: set[type[StoreError]] = set()
    for nth in range(1, 1000, every):
        disk, acknowledged = FaultyDisk(), list[str]()
        disk.strike(operation, nth, fault)
        file = tmp_path / f"{nth}.db"
        try:
            tell(file, acknowledged.append, disk.name)
        except StoreError as error:
            errors.add(type(error))
        finally:
            disk.unregister()
        found = remembered(file)
        assert found == WORDS[: len(found)]
        assert len(found) >= len(acknowledged)
        if disk.counts[operation] < nth:
            break
    assert acknowledged == WORDS
    assert nth > len(WORDS)
    assert errors == {StoreFatal if operation == "sync" else StoreUnavailable}


def test_a_failed_sync_is_fatal_for_the_handle_and_its_commit_is_in_doubt(
    tmp_path: Path, disk: FaultyDisk
) -> None:
    store = opened(tmp_path / "a.db", disk)
    disk.strike("sync", 1, io_error)
    with pytest.raises(StoreFatal) as caught:
        commit(store, fenced(entries=(result(1),)))
    assert caught.value.unknown
    for call in (
        lambda: commit(store, fenced(entries=(result(1),))),
        lambda: store.load("r1"),
        lambda: store.heartbeat("e1"),
        store.checkpoint,
    ):
        with pytest.raises(StoreFatal):
            call()
    before = disk.counts["write"]
    store.close()
    assert disk.counts["write"] == before, "closing must not write either"


def test_a_failed_sync_of_a_checkpoint_is_fatal_too(tmp_path: Path, disk: FaultyDisk) -> None:
    store = opened(tmp_path / "a.db", disk)
    disk.strike("sync", 2, io_error)  # of the WAL, then of the file
    with pytest.raises(StoreFatal):
        store.checkpoint()
    with pytest.raises(StoreFatal):
        store.load("r1")
    store.close()
    assert remembered_entries(tmp_path / "a.db") == 0


def test_a_full_disk_rolls_back_and_the_same_commit_succeeds_once_there_is_room(
    tmp_path: Path, disk: FaultyDisk
) -> None:
    store = opened(tmp_path / "a.db", disk)
    write = fenced(entries=(result(1),))
    disk.strike("write", 2, disk_full)
    with pytest.raises(StoreUnavailable, match="full") as caught:
        commit(store, write)
    assert not caught.value.unknown
    assert row(store).entries == 0
    commit(store, write)
    assert row(store).entries == 1
    store.close()


def remembered_entries(file: Path) -> int:
    store = SqliteStore(file)
    try:
        entries = [entry.seq for entry in store.history("r1")]
        assert entries == list(range(1, len(entries) + 1))
        return len(entries)
    finally:
        store.close()


@pytest.fixture
def wal(tmp_path: Path) -> tuple[Path, bytes]:
    """A store of 15 one-entry commits that all stand in its WAL, and that WAL."""
    file = tmp_path / "a.db"
    store = opened(file)
    store.checkpoint()
    for seq in range(1, 16):
        outcomes(store, fenced(entries=(result(seq, payload=os.urandom(400)),)))
    forkserver.run(
        ["cp", file, tmp_path / "copy.db"], check=True
    )  # another process may: this one would lose its locks
    subprocess.run(["cp", f"{file}-wal", tmp_path / "copy.wal"], check=True)
    content = (tmp_path / "copy.wal").read_bytes()
    store.close()
    return tmp_path / "copy.db", content


def entries_with(file: Path, wal: bytes) -> int:
    """How many entries survive with this WAL beside the file; a fresh copy each time."""
    copy = file.with_name("look.db")
    shutil.copy(file, copy)
    copy.with_name("look.db-wal").write_bytes(wal)
    try:
        return remembered_entries(copy)
    finally:
        for path in file.parent.glob("look.db*"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def test_a_wal_torn_at_any_frame_gives_a_prefix(wal: tuple[Path, bytes]) -> None:
    file, content = wal
    assert entries_with(file, content) == 15
    survivors = [
        entries_with(file, content[: max(0, cut + off)])
        for cut in range(WAL_HEADER_BYTES, len(content) + 1, FRAME_BYTES)
        for off in (-1, 0, 1)
    ]
    assert survivors == sorted(survivors)
    assert set(survivors) == set(range(16))


def test_a_wal_garbled_anywhere_gives_a_prefix(wal: tuple[Path, bytes]) -> None:
    file, content = wal
    chance = random.Random(7)
    for start in range(0, len(content), FRAME_BYTES // 2):
        garbled = bytearray(content)
        garbled[start : start + 512] = chance.randbytes(len(garbled[start : start + 512]))
        assert 0 <= entries_with(file, bytes(garbled)) <= 15
