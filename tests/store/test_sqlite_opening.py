"""What a SQLite store refuses to open, and how it leaves what it opens."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import apsw
import pytest

from podium.errors import StoreFatal, StoreRefused, StoreUnavailable
from podium.store import examine, open_store
from podium.store.sqlite import SqliteStore, connection
from podium.store.sqlite.schema import SCHEMA_VERSION
from tests.store.words import queue, row


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A closed store with one run."""
    path = tmp_path / "podium.db"
    store = SqliteStore(path)
    store.migrate()
    queue(store, "r1", args=b"x" * 900)
    store.close()
    return path


def refused(path: Path, match: str, **options: object) -> None:
    with pytest.raises(StoreRefused, match=match) as caught:
        SqliteStore(path, **options)
    assert caught.value.fix


def test_a_new_store_and_its_side_files_are_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "deep" / "podium.db"
    store = SqliteStore(path)
    store.migrate()
    queue(store, "r1")
    files = sorted(path.parent.iterdir())
    assert [file.name for file in files] == ["podium.db", "podium.db-locks", "podium.db-shm", "podium.db-wal"]
    locks = files.pop(1)
    assert {stat.S_IMODE(file.stat().st_mode) for file in (*files, *locks.iterdir())} == {0o600}
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in (locks, *path.parents[:2])} == {0o700}
    store.close()
    assert set(path.parent.iterdir()) == {path, locks}


@pytest.mark.parametrize("name", ["podium.db", "other.db"])
def test_a_file_with_two_names_is_refused_by_either(file: Path, name: str) -> None:
    file.with_name("other.db").hardlink_to(file)
    before = file.read_bytes()
    refused(file.with_name(name), r"has 2 names \(hard links\)")
    assert file.read_bytes() == before
    names = [finding for finding in examine(file) if finding.name == "one name"]
    assert [finding.is_well for finding in names] == [False]
    file.with_name("other.db").unlink()
    SqliteStore(file).close()


def test_a_file_that_is_mounted_alone_is_refused(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mounts = file.with_name("mountinfo")
    mounts.write_text(
        f"36 22 0:3 /host/podium.db {file} rw - ext4 /dev/x rw\n37 22 0:3 / / rw - ext4 /dev/x rw\n"
    )
    monkeypatch.setattr(connection, "_MOUNTS", mounts)
    refused(file, "mounted as a single file")
    mounts.write_text(f"36 22 0:3 /host {file.parent} rw - ext4 /dev/x rw\n")
    SqliteStore(file).close()


def test_a_new_default_folder_ignores_itself_in_git_and_others_do_not(tmp_path: Path) -> None:
    SqliteStore(tmp_path / ".podium" / "podium.db").close()
    assert (tmp_path / ".podium" / ".gitignore").read_text() == "*\n"
    SqliteStore(tmp_path / "runs" / "podium.db").close()
    assert not (tmp_path / "runs" / ".gitignore").exists()


def test_an_existing_folder_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    SqliteStore(tmp_path / "podium.db").close()
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755


def test_a_new_file_that_another_process_is_making_is_waited_for(tmp_path: Path) -> None:
    """SQLite says at once that it is busy while somebody else turns a new file into a store."""
    path = tmp_path / "podium.db"
    other = apsw.Connection(str(path))
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match="held the write lock"):
        SqliteStore(path, patience=0.0)
    done = threading.Timer(0.2, other.close)
    done.start()
    store = SqliteStore(path, patience=30)
    done.join()
    store.migrate()
    queue(store, "r1")
    store.close()


def test_a_newer_schema_is_refused_untouched(file: Path) -> None:
    raw = apsw.Connection(str(file))
    raw.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}").fetchall()
    raw.close()
    before = file.read_bytes()
    refused(file, f"schema {SCHEMA_VERSION + 1}")
    assert file.read_bytes() == before


def test_a_newer_schema_that_still_stands_in_the_wal_is_refused_untouched(file: Path) -> None:
    raw = apsw.Connection(str(file))
    raw.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}").fetchall()
    raw.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    raw.close()
    wal = file.with_name("podium.db-wal")
    before = (file.read_bytes(), wal.read_bytes())
    refused(file, f"schema {SCHEMA_VERSION + 1}")
    assert (file.read_bytes(), wal.read_bytes()) == before


@pytest.mark.parametrize("content", [b"hello, I am a text\n" * 300, b"\0" * 8192, b"short"])
def test_a_file_that_is_no_database_is_refused_untouched(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    refused(path, "not an SQLite database")
    assert path.read_bytes() == content


def test_somebody_elses_database_is_refused_untouched(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    raw = apsw.Connection(str(path))
    raw.execute("CREATE TABLE users (name)").fetchall()
    raw.close()
    before = path.read_bytes()
    refused(path, "not one of Podium's")
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path], "nothing is left beside it"


def test_a_damaged_store_is_refused(file: Path) -> None:
    content = bytearray(file.read_bytes())
    for page in range(4096, len(content), 4096):
        content[page : page + 64] = b"\xff" * 64
    file.write_bytes(content)
    refused(file, "damaged")


def test_a_truncated_store_is_refused(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: 3 * 4096])
    refused(file, "damaged")


def test_damage_found_later_is_fatal(file: Path) -> None:
    store = SqliteStore(file)
    queue(store, *[f"n{n}" for n in range(1500)], args=b"x" * 900)  # too large now to be checked when opened
    store.close()
    store = SqliteStore(file)
    spoil = "import os, sys; f = open(sys.argv[1], 'r+b'); f.seek(4096); f.write(b'\\xff' * (1 << 21))"
    subprocess.run([sys.executable, "-c", spoil, file], check=True)
    with pytest.raises(StoreFatal, match="damaged"):
        store.load("r1")
    with pytest.raises(StoreFatal):
        store.engines()
    store.close()


def test_a_directory_is_refused(tmp_path: Path) -> None:
    refused(tmp_path, "is a directory")


@pytest.mark.parametrize("kind", ["device", "fifo"])
def test_what_is_no_regular_file_is_refused_and_not_waited_for(tmp_path: Path, kind: str) -> None:
    path = Path(os.devnull) if kind == "device" else tmp_path / "fifo"
    if kind == "fifo":
        os.mkfifo(path)
    refused(path, "no regular file")


def test_a_path_through_a_file_is_refused(file: Path) -> None:
    refused(file / "podium.db", "cannot be created")


def test_a_read_only_file_is_refused(unprivileged: Path) -> None:
    path = unprivileged / "podium.db"
    SqliteStore(path).close()
    path.chmod(0o400)
    refused(path, "cannot be written")


def test_a_store_in_a_read_only_folder_is_refused(unprivileged: Path) -> None:
    path = unprivileged / "podium.db"
    SqliteStore(path).close()
    unprivileged.chmod(0o500)
    refused(path, "cannot be written")
    refused(unprivileged / "new.db", "cannot be created")
    refused(unprivileged / "sub" / "new.db", "cannot be created")


@pytest.mark.parametrize(
    ("kind", "fine"),
    [
        ("nfs4", False),
        ("nfs", False),
        ("cifs", False),
        ("9p", False),
        ("fuse.sshfs", False),
        ("fuse.zfs", True),
    ],
)
def test_a_network_file_system_is_refused_unless_insisted_upon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, fine: bool
) -> None:
    mounts = tmp_path / "mountinfo"
    point = str(tmp_path / "my share").replace(" ", "\\040")
    mounts.write_text(
        f"22 1 8:1 / / rw - ext4 /dev/sda rw\n36 22 0:3 / {point} rw shared:1 - {kind} host:/x rw\n"
        f"37 22 0:4 / {point}-local rw - ext4 /dev/sdb rw\n"
    )
    monkeypatch.setattr(connection, "_MOUNTS", mounts)
    path = tmp_path / "my share" / "podium.db"
    SqliteStore(tmp_path / "my share-local" / "podium.db").close()
    if fine:
        SqliteStore(path).close()
        return
    refused(path, f"network file system \\({kind}\\)")
    assert not path.exists()
    SqliteStore(path, allow_network=True).close()
    monkeypatch.setenv("PODIUM_ALLOW_NETWORK", "1")
    SqliteStore(path).close()


def test_an_sqlite_with_the_wal_reset_bug_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apsw, "sqlite_lib_version", lambda: "3.51.2")
    refused(tmp_path / "podium.db", r"3\.51\.3 or later")
    monkeypatch.setattr(apsw, "sqlite_lib_version", lambda: "3.51.3")
    SqliteStore(tmp_path / "podium.db").close()


def test_a_store_that_is_not_there_and_is_not_migrated_stays_empty(tmp_path: Path) -> None:
    SqliteStore(tmp_path / "podium.db").close()
    store = SqliteStore(tmp_path / "podium.db")
    store.migrate()
    assert store.engines() == []
    store.close()


# -- urls ---------------------------------------------------------------------------------------------


def test_urls_and_paths_name_the_same_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(file.parent)
    for url in (f"sqlite:///{file}", "sqlite:///podium.db", str(file), "podium.db", file):
        store = open_store(url)
        assert row(store).id == "r1"
        store.close()


def test_memory_databases_are_shared_by_name_and_private_without(tmp_path: Path) -> None:
    one, same, other = (open_store(f"sqlite:///:memory:?{name}") for name in ("one", "one", "two"))
    private = [open_store(url) for url in (":memory:", "sqlite:///:memory:", ":memory:?one/../?#%")]
    for store in (one, other, *private):
        store.migrate()
    queue(one, "r1")
    assert row(same).id == "r1"
    assert [store.load("r1") for store in (other, *private)] == [None] * 4
    for store in (one, same, other, *private):
        store.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "url", ["mysql://h/db", "sqlite://", "sqlite:///", "sqlite://host/db", "", "http://x"]
)
def test_other_urls_are_refused(url: str) -> None:
    with pytest.raises(StoreRefused, match="no store"):
        open_store(url)


def test_the_driver_is_imported_when_a_store_is_opened() -> None:
    look = "import sys, podium.store; assert 'apsw' not in sys.modules; podium.store.open_store(':memory:')"
    subprocess.run([sys.executable, "-c", f"{look}; assert 'apsw' in sys.modules"], check=True)


# -- forks --------------------------------------------------------------------------------------------

FORK = """
import os, sys
from podium.errors import StoreRefused
from podium.store import open_store
from tests.store.words import engine, queue
path = sys.argv[1]
store = open_store(path); store.migrate(); queue(store, "parent-1")
to_child, to_parent = os.pipe(), os.pipe()
if not os.fork():
    for use in (lambda: store.load("x"), lambda: queue(store, "x"), store.checkpoint):
        try: use()
        except StoreRefused as error: assert "another process" in str(error)
        else: raise AssertionError("used after a fork")
    store.close()
    own = open_store(path); queue(own, "child-1")
    os.write(to_parent[1], b"1"); os.read(to_child[0], 1)
    queue(own, "child-2")  # after the parent has closed
    own.close()
    os._exit(0)
os.read(to_parent[0], 1)
queue(store, "parent-2")
store.close()
os.write(to_child[1], b"1")
_, status = os.wait()
assert status == 0, status
again = open_store(path)
print(*sorted(run for run in ("parent-1", "parent-2", "child-1", "child-2") if again.load(run)))
again.close()
"""


def test_a_forked_child_refuses_the_handle_and_opens_its_own_safely(tmp_path: Path) -> None:
    """Without care the child's second commit is lost: the parent's close takes the WAL away under it."""
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-c", FORK, str(tmp_path / "podium.db")]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["child-1", "child-2", "parent-1", "parent-2"]
