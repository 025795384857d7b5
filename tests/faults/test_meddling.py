"""Code in an engine's own process opens and closes the store's files: nothing acknowledged is lost.

The system drops this process's locks then. What Python announces is refused; for what it does
not see there are locks that such a close does not drop.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from podium import App
from podium.errors import StoreFatal, StoreInUse
from podium.model import State
from podium.store.sqlite import SqliteStore, protection
from podium.store.sqlite.statements import transaction
from tests import forkserver
from tests.faults.meddling import DENIED, SEEN, UNSEEN, lose_the_locks
from tests.processes.support import ROOT, Host
from tests.store.words import commit, engine, fenced, own, result, row
from tests.waiting import until

MODULE = "tests.faults.meddling"
STARTS = 20
STRANGER = """
import os, sqlite3, sys
while not os.path.exists(sys.argv[2]):
    connection = sqlite3.connect(sys.argv[1], timeout=10)
    connection.execute("SELECT count(*) FROM runs").fetchall()
    connection.close()
"""


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    monkeypatch.setenv("STORE", str(tmp_path / "podium.db"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    host = Host(tmp_path)
    host.app.close()  # so that the processes of the test are all there are
    yield host
    host.close()


def act(*words: object) -> list[str]:
    """The ids that a process acknowledged."""
    command = [sys.executable, "-m", MODULE, *map(str, words)]
    ran = forkserver.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.split()


def look(host: Host) -> None:
    """Open the store again, and see that it is whole."""
    host.app = App(host.url, drives="nothing", starter="")
    with closing(apsw.Connection(str(host.folder / "podium.db"))) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


@pytest.mark.parametrize("kind", [*SEEN, *UNSEEN, *DENIED])
def test_no_acknowledged_start_is_lost_whatever_a_task_does_to_the_files(host: Host, kind: str) -> None:
    host.worker(MODULE)
    end = host.folder / "until"
    (meddler,) = act("meddles", 1, kind, end)
    started = act("counts", STARTS, 5)
    end.touch()
    look(host)
    assert [run for run in started if host.app.store.load(run) is None] == []
    assert [host.ended(run) for run in started] == [10] * STARTS
    told = host.ended(meddler)
    if kind in UNSEEN:
        assert told == "did it"
    elif kind in DENIED:
        assert told == "DatabaseError: not authorized"
    else:
        assert told.startswith("StoreInUse: ")
        assert "tests/faults/meddling.py:" in told, "the user's line"
        assert "podium backup" in told


@pytest.mark.parametrize("kind", ["copies", *UNSEEN])
def test_nor_of_an_app_that_does_so_itself(host: Host, kind: str) -> None:
    end = host.folder / "until"
    ids: list[str] = []
    app = threading.Thread(target=lambda: ids.extend(act("drive", STARTS, kind, end)))
    app.start()
    until((host.folder / "podium.db").exists)
    ids += act("counts", STARTS, 5)
    end.touch()
    app.join(60)
    look(host)
    assert len(ids) == 2 * STARTS
    assert [run for run in ids if host.app.store.load(run) is None] == []


def test_a_stranger_does_not_take_the_log_away_from_an_engine_that_has_lost_its_locks(host: Host) -> None:
    """Another program that closes the store believes itself the last one that has it open."""
    worker = host.worker(MODULE)
    end = host.folder / "until"
    act("meddles", 1, "closes_unseen", end)
    command = [sys.executable, "-c", STRANGER, str(host.folder / "podium.db"), str(end)]
    with forkserver.Popen(command) as stranger:
        started = act("counts", STARTS, 5)
        end.touch()
        assert stranger.wait(30) == 0
    look(host)
    assert [host.ended(run) for run in started] == [10] * STARTS
    assert worker.process.poll() is None


# -- what is refused, and what is not -------------------------------------------------------------------


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(tmp_path / "a.db")
    store.migrate()
    store.announce(engine("e1"))
    own(store, "r1")
    yield store
    store.close()


def through_a_link(file: Path) -> None:
    link = file.with_name("link")
    link.symlink_to(file)
    link.open("rb").close()


def connects_to(uri: str) -> Callable[[Path], None]:
    def connects(file: Path) -> None:
        sqlite3.connect(uri.format(file.with_suffix("")), uri=True).close()

    return connects


def within_its_folder(file: Path) -> None:
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.close(os.open(file.name, os.O_RDONLY, dir_fd=folder))
    finally:
        os.close(folder)


OPENINGS: dict[str, Callable[[Path], object]] = {
    "name in an open folder": within_its_folder,
    "bytes": lambda file: os.close(os.open(os.fsencode(file), os.O_RDONLY)),
    "log": lambda file: Path(f"{file}-wal").read_bytes(),
    "index": lambda file: Path(f"{file}-shm").read_bytes(),
    "link": through_a_link,
    "truncate": lambda file: os.truncate(file, 0),
    "uri": connects_to("file:{}.db?mode=ro"),
    "uri of a host": connects_to("file://localhost{}.db"),
    "uri with escapes": connects_to("file://{}%2Edb#end"),
}


@pytest.mark.parametrize("how", OPENINGS)
def test_an_open_store_is_opened_by_nobody_else_in_its_process(
    store: SqliteStore, tmp_path: Path, how: str
) -> None:
    with pytest.raises(StoreInUse, match=r"test_meddling\.py:\d+") as caught:
        OPENINGS[how](tmp_path / "a.db")
    assert "podium backup" in caught.value.fix
    assert isinstance(caught.value, OSError), "who walks through a folder goes on with the next file"
    commit(store, fenced(entries=(result(1),)))


def moves_with_shutil(file: Path) -> None:
    shutil.move(file, file.with_name("moved"))


def in_an_open_folder(file: Path) -> None:
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.rename(file.name, "moved", src_dir_fd=folder, dst_dir_fd=folder)
    finally:
        os.close(folder)


def puts_another_there(file: Path) -> None:
    other = file.with_name("other")
    other.write_text("x")
    os.replace(other, file)


MOVES: dict[str, Callable[[Path], object]] = {
    "rename": lambda file: os.rename(file, f"{file}-moved"),
    "replace": lambda file: file.replace(f"{file}-moved"),
    "another in its place": puts_another_there,
    "in an open folder": in_an_open_folder,
    "shutil": moves_with_shutil,
    "remove": os.remove,
    "unlink": lambda file: file.unlink(),
    "log": lambda file: os.rename(f"{file}-wal", f"{file}-old"),
    "index": lambda file: os.unlink(os.fsencode(f"{file}-shm")),
}


@pytest.mark.parametrize("how", MOVES)
def test_nor_moved_or_removed(store: SqliteStore, tmp_path: Path, how: str) -> None:
    with pytest.raises(StoreInUse, match=r"test_meddling\.py:\d+") as caught:
        MOVES[how](tmp_path / "a.db")
    assert "podium backup" in caught.value.fix
    commit(store, fenced(entries=(result(1),)))


def test_a_link_to_it_may_be_moved_and_removed_and_so_may_its_files_once_it_is_closed(
    store: SqliteStore, tmp_path: Path
) -> None:
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "a.db")
    link.rename(tmp_path / "other")
    (tmp_path / "other").unlink()
    commit(store, fenced(entries=(result(1),)))
    store.close()
    (tmp_path / "a.db").rename(tmp_path / "b.db")
    (tmp_path / "b.db").unlink()


def test_a_folder_that_is_thrown_away_goes_with_its_store(store: SqliteStore, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path)
    assert not tmp_path.exists()


ATTACHED = ("{}", "file:{}?mode=ro", "file://localhost{}", "{}-wal")


@pytest.mark.parametrize("name", ATTACHED)
def test_nor_attached_to_another_database(
    store: SqliteStore, tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    with closing(sqlite3.connect(":memory:", uri=True)) as connection:
        with pytest.raises(sqlite3.DatabaseError, match="not authorized"):
            connection.execute(f"ATTACH '{name.format(tmp_path / 'a.db')}' AS x")
        assert "is in use as a store by this process" in caplog.text
        assert "test_meddling.py:" in caplog.text
        connection.execute(f"ATTACH '{tmp_path / 'other.db'}' AS y")
        connection.execute("CREATE TABLE y.mine (n)")
        connection.execute("PRAGMA y.wal_checkpoint")
    commit(store, fenced(entries=(result(1),)))


def test_what_is_attached_by_a_bound_name_makes_no_checkpoint(
    store: SqliteStore,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with closing(sqlite3.dbapi2.connect(tmp_path / "other.db")) as connection:
        connection.execute("ATTACH ? AS x", (str(tmp_path / "a.db"),))
        assert connection.execute("SELECT count(*) FROM x.runs").fetchone() == (1,)
        for pragma in ("x.wal_checkpoint(TRUNCATE)", "wal_checkpoint"):
            with pytest.raises(sqlite3.DatabaseError, match="not authorized"):
                connection.execute(f"PRAGMA {pragma}")
        assert caplog.text.count("write the name into the text of the ATTACH") == 2
        store.close()
        monkeypatch.setattr(protection, "_protected", set())  # other tests' stores may be open
        connection.execute("PRAGMA wal_checkpoint")


def test_it_may_be_opened_once_the_last_handle_is_closed(store: SqliteStore, tmp_path: Path) -> None:
    second = SqliteStore(tmp_path / "a.db")
    store.close()
    with pytest.raises(StoreInUse):
        (tmp_path / "a.db").read_bytes()
    second.close()
    assert (tmp_path / "a.db").read_bytes()


def test_a_name_is_looked_for_in_the_folder_that_was_given(
    store: SqliteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "a.db").write_text("x")
    monkeypatch.chdir(tmp_path)
    within_its_folder(other / "a.db")
    assert os.open in os.supports_dir_fd, "who asks before he removes a tree must not be told otherwise"
    with pytest.raises(StoreInUse):
        os.open("a.db", os.O_RDONLY)


def test_a_forked_child_may_read_it_and_other_files_may_be_read_by_anybody(
    store: SqliteStore, tmp_path: Path
) -> None:
    (tmp_path / "other").write_text("x")
    assert (tmp_path / "other").read_text() == "x"
    child = os.fork()
    if child == 0:
        try:
            os._exit(0 if (tmp_path / "a.db").read_bytes() else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


# -- locks, and the look after the fact -----------------------------------------------------------------


LATE = """
import sys
from podium.store.sqlite import SqliteStore
from tests.store.words import queue
queue(SqliteStore(sys.argv[1], patience=0.2), "late")
"""


def test_who_lost_its_locks_in_the_middle_of_a_commit_is_waited_for_all_the_same(
    store: SqliteStore, tmp_path: Path
) -> None:
    file = tmp_path / "a.db"

    def late() -> str:
        command = [sys.executable, "-c", LATE, str(file)]
        return forkserver.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stderr

    with store._connections.writing() as connection, transaction(connection):
        closes(file)
        assert "StoreUnavailable" in late()
    assert store.load("late") is None
    assert late() == ""
    assert row(store, "late").state is State.QUEUED


def test_a_commit_that_was_written_over_is_noticed_before_the_next_one_is_told(
    store: SqliteStore, tmp_path: Path
) -> None:
    """By a process on another host, say, whose locks do not reach here."""
    commit(store, fenced(entries=(result(1),)))
    frames = store._connections._checkpointer.wal_pages
    checksum = 32 + (frames - 1) * (4096 + 24) + 16
    spoil = f"import sys; f = open(sys.argv[1], 'r+b'); f.seek({checksum}); f.write(b'another.')"
    forkserver.run([sys.executable, "-c", spoil, f"{tmp_path}/a.db-wal"], check=True)
    with pytest.raises(StoreFatal, match="written over") as caught:
        commit(store, fenced(entries=(result(2),)))
    assert caught.value.unknown


def test_a_log_that_is_begun_anew_is_no_such_thing(store: SqliteStore) -> None:
    for seq in range(1, 6):
        commit(store, fenced(entries=(result(seq),)))
        store.checkpoint()
    assert row(store).entries == 5


def closes(file: Path) -> None:
    """Descriptors, as an extension does, and with them every lock of this process."""
    for suffix in ("", "-shm"):
        lose_the_locks(Path(f"{file}{suffix}"))
