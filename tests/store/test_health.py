"""What `examine` finds: each illness by its name, with what to do, and nothing wrong with a healthy store."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import apsw
import pytest

from podium import codec
from podium.depot import depot_of
from podium.errors import StoreRefused
from podium.store import Finding, back_up, examine, lock_holder
from podium.store.sqlite import SqliteStore, connection, files, health
from tests import forkserver
from tests.store.words import queue


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a.db"
    store = SqliteStore(path)
    store.migrate()
    queue(store, "r1", args=b"x" * 900)
    store.close()
    return path


def found(path: Path, name: str) -> Finding:
    (finding,) = [finding for finding in examine(path) if finding.name == name]
    assert finding.is_well or finding.fix, "what is not well comes with what to do"
    return finding


def test_a_healthy_store_is_well_in_every_respect(file: Path) -> None:
    before = file.read_bytes()
    findings = list(examine(f"sqlite:///{file}"))
    assert [finding.name for finding in findings if not finding.is_well] == []
    assert len(findings) == 13
    assert found(file, "version").text.startswith(f"SQLite {apsw.sqlite_lib_version()}, schema ")
    assert "integrity" not in {finding.name for finding in examine(file, thorough=False)}
    assert file.read_bytes() == before
    assert sorted(file.parent.iterdir()) == [file, file.with_name(f"{file.name}-locks")]


def test_a_store_that_is_not_there_yet_and_one_in_memory_have_no_illness(tmp_path: Path) -> None:
    (finding,) = examine(tmp_path / "none.db")
    assert finding.is_well
    assert not (tmp_path / "none.db").exists()
    assert list(examine(":memory:")) == []
    with pytest.raises(StoreRefused):
        examine("mysql://h/db")


def test_a_network_file_system(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mounts = file.with_name("mountinfo")
    mounts.write_text(f"36 22 0:3 / {file.parent} rw - nfs4 host:/x rw\n")
    monkeypatch.setattr(connection, "_MOUNTS", mounts)
    assert "nfs4" in found(file, "file system").text


def test_little_space(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_FREE_BYTES_MIN", 1 << 62)
    assert not found(file, "free space").is_well


def test_a_long_log(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_WAL_BYTES_MAX", 1)
    store = SqliteStore(file)
    queue(store, "r2")
    assert not found(file, "log").is_well
    store.close()


def test_read_only_files(unprivileged: Path) -> None:
    path = unprivileged / "a.db"
    SqliteStore(path).close()
    path.chmod(0o400)
    assert str(path) in found(path, "writable").text


def test_who_holds_the_write_lock(file: Path) -> None:
    assert found(file, "write lock").text == "free"
    other = apsw.Connection(str(file))
    other.execute("BEGIN IMMEDIATE")
    assert f"process {os.getpid()} (" in found(file, "write lock").text
    other.close()


def test_who_has_it_open(file: Path) -> None:
    assert found(file, "same file").text.startswith("nobody has it open")
    holding = f"import sys; held = open({str(file)!r}); print(flush=True); sys.stdin.read()"
    with forkserver.Popen(
        [sys.executable, "-c", holding], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        process.stdout.readline()
        assert found(file, "same file") == Finding("same file", True, f"open in process {process.pid}")
        process.stdin.close()


@pytest.mark.parametrize(
    ("code", "says", "fix"),
    [(errno.EIO, "Input/output error", "dmesg"), (errno.ENOSPC, "No space left", "free some space")],
)
def test_a_disk_that_does_not_take_what_is_written(
    file: Path, monkeypatch: pytest.MonkeyPatch, code: int, says: str, fix: str
) -> None:
    assert found(file, "sync").is_well

    def fails(_: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", fails)
    finding = found(file, "sync")
    assert not finding.is_well
    assert says in finding.text
    assert fix in finding.fix


@pytest.mark.parametrize(("free", "says"), [(0, "is full"), (10**6, "the disk reported an error")])
def test_what_cannot_be_read_just_now_is_not_called_damaged(
    file: Path, monkeypatch: pytest.MonkeyPatch, free: int, says: str
) -> None:
    """On a full disk SQLite cannot even map its shared memory, and calls that an I/O error."""

    def fails(_: Path) -> apsw.Connection:
        raise apsw.IOError("disk I/O error")

    monkeypatch.setattr(health, "_opened", fails)
    monkeypatch.setattr(os, "statvfs", lambda _: SimpleNamespace(f_bavail=free, f_frsize=4096))
    finding = found(file, "integrity")
    assert says in finding.text
    assert "backup" not in finding.fix
    assert "runs are safe" in finding.fix


def test_a_process_on_a_deleted_file(file: Path) -> None:
    holding = f"import sys; held = open({str(file)!r}); print(flush=True); sys.stdin.read()"
    with forkserver.Popen(
        [sys.executable, "-c", holding], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        process.stdout.readline()
        content = file.read_bytes()
        file.unlink()
        file.write_bytes(content)
        assert f"deleted or replaced under process {process.pid}" == found(file, "same file").text
        process.stdin.close()
    assert found(file, "same file").is_well


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda content: content[:4096] + b"\xff" * (len(content) - 4096), "damaged|malformed|btree"),
        (lambda content: b"minutes of the last meeting" * 400, "no store|not a database"),
        (lambda content: content[:60] + b"\0\0\0\x63" + content[64:], "schema 99"),
    ],
    ids=["damaged", "something else", "newer"],
)
def test_a_file_that_cannot_be_used(file: Path, spoil: object, words: str) -> None:
    file.write_bytes(spoil(file.read_bytes()))
    finding = found(file, "integrity")
    assert not finding.is_well
    assert any(word in finding.text for word in words.split("|")), finding.text


def test_the_holder_of_a_lock_is_not_whoever_locks_a_file_of_that_number_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Inodes are numbered on each file system; two stores on two small ones often share a number."""
    store = SqliteStore(tmp_path / "a.db")
    store.migrate()
    file = os.stat(tmp_path / "a.db-shm")
    here = f"{os.major(file.st_dev):02x}:{os.minor(file.st_dev):02x}:{file.st_ino}"
    stranger, us = f"1: POSIX  ADVISORY  WRITE 1 ff:ff:{file.st_ino} 120 120", os.getpid()
    listed = tmp_path / "locks"
    monkeypatch.setattr(files, "_LOCKS", listed)
    listed.write_text(f"{stranger}\n2: POSIX  ADVISORY  WRITE {us} {here} 120 120\n")
    assert str(lock_holder(tmp_path / "a.db")).startswith(f"process {us} (")
    listed.write_text(f"{stranger}\n")
    assert lock_holder(tmp_path / "a.db") is None
    # A file system that shows another device there: whoever has the very file open holds it.
    listed.write_text(f"2: POSIX  ADVISORY  WRITE {us} ff:ff:{file.st_ino} 120 120\n")
    assert str(lock_holder(tmp_path / "a.db")).startswith(f"process {us} (")
    store.close()


def test_a_copy_of_a_file_in_use_is_told_as_such_and_a_backup_is_none(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = SqliteStore(tmp_path / "a.db")
    store.migrate()
    queue(store, "r1")
    subprocess.run(["cp", tmp_path / "a.db", tmp_path / "copy.db"], check=True)
    back_up(tmp_path / "a.db", tmp_path / "backup.db")
    store.close()
    assert found(tmp_path / "a.db", "whole").is_well
    assert found(tmp_path / "backup.db", "whole").is_well
    told = found(tmp_path / "copy.db", "whole")
    assert not told.is_well
    assert "if its log (-wal) did not come along, what stood there is missing" in told.text
    assert "podium backup" in told.fix
    for name, says in (("a", False), ("backup", False), ("copy", True), ("copy", False)):
        caplog.clear()
        again = SqliteStore(tmp_path / f"{name}.db")
        again.migrate()
        again.close()
        assert ("podium backup" in caplog.text) is says, "a copy says so once"


def test_what_a_copy_of_a_store_in_its_first_moment_caught_is_not_well(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "a.db")
    subprocess.run(["cp", tmp_path / "a.db", tmp_path / "copy.db"], check=True)
    store.close()
    assert not found(tmp_path / "copy.db", "whole").is_well


def with_value(file: Path) -> Path:
    """The file of the one value that its run names."""
    store = SqliteStore(file)
    payload = codec.encode(codec.Blob(b"large"), depot=store.depot)
    queue(store, "r2", args=payload)
    (lain,) = store.depot.all()
    store.close()
    return lain.path


def test_a_value_that_is_missing_or_changed_is_found(file: Path) -> None:
    value = with_value(file)
    assert found(file, "values").text == "all 1"
    assert found(file, "content").is_well
    value.chmod(0o600)
    value.write_bytes(b"LARGE")
    assert found(file, "values").is_well
    assert value.name in found(file, "content").fix
    value.unlink()
    assert not found(file, "values").is_well


def test_a_backup_takes_the_values_along_and_outlives_the_store(file: Path, tmp_path: Path) -> None:
    value = with_value(file)
    (tmp_path / "there").mkdir()
    copy = tmp_path / "there" / "b.db"
    copied = back_up(f"sqlite:///{file}", copy)
    assert copied.bytes == copy.stat().st_size + len(b"large")
    value.unlink()
    assert found(copy, "values").text == "all 1"
    store = SqliteStore(copy)
    row = store.load("r2")
    assert row is not None
    assert codec.decode(row.args, depot=store.depot) == codec.Blob(b"large")
    store.close()


def test_onto_another_disk_they_are_copied(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    value = with_value(file)

    def link(*_: object) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", link)
    copy = tmp_path / "b.db"
    back_up(f"sqlite:///{file}", copy)
    (there,) = depot_of(copy).all()
    assert there.path.read_bytes() == b"large"
    assert there.path.stat().st_ino != value.stat().st_ino
