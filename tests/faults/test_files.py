"""The store's files are deleted, exchanged or damaged under processes that have them open."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import threading
import time
from pathlib import Path

import apsw
import pytest

from podium import App, task, workflow
from podium.errors import EngineStopped, StoreFatal, StoreRefused
from podium.model import Query
from podium.store import back_up, examine, open_store
from podium.store.sqlite import SqliteStore, files, protection
from podium.store.sqlite.wal import lone_log
from tests.chaos.fleet import Fleet
from tests.chaos.serving import gated
from tests.chaos.theatre import Theatre
from tests.chaos.witness import View
from tests.cli.support import podium
from tests.store.words import commit, engine, fenced, own, queue, result, row
from tests.waiting import until


@task
def plus_one(number: int) -> int:
    return number + 1


@workflow
async def little(number: int) -> int:
    return plus_one(number)


def removed(file: Path) -> None:
    """As by another program: in a process that has the store open it is refused."""
    with protection.allowed():
        file.unlink()


@pytest.fixture
def store(tmp_path: Path) -> SqliteStore:
    return opened(tmp_path / "a.db")


@pytest.mark.parametrize("quiet", [False, True], ids=["busy", "quiet"])
@pytest.mark.parametrize("gone", [["-wal"], ["-shm"], ["-wal", "-shm"]], ids="+".join)
def test_after_a_side_file_is_deleted_nothing_is_acknowledged_and_nothing_acknowledged_is_lost(
    store: SqliteStore, tmp_path: Path, gone: list[str], quiet: bool
) -> None:
    commit(store, fenced(entries=(result(1),)))
    if quiet:  # in a directory that has not changed for a while one look tells that
        time.sleep(0.2)
    commit(store, fenced(entries=(result(2),)))
    for suffix in gone:
        removed(tmp_path / f"a.db{suffix}")
    acknowledged = 2
    with pytest.raises(StoreFatal, match=f"a.db{gone[0]} was deleted") as caught:
        for seq in range(3, 13):
            commit(store, fenced(entries=(result(seq),)))
            acknowledged = seq
    assert acknowledged == 2 or "-wal" not in gone, "of a deleted log nothing is acknowledged any more"
    assert caught.value.unknown
    with pytest.raises(StoreFatal):
        store.load("r1")
    store.close()
    again = SqliteStore(tmp_path / "a.db")
    kept = [entry.seq for entry in again.history("r1")]
    assert kept == list(range(1, acknowledged + 2)), "even the one in doubt was rescued"
    again.close()


@pytest.mark.parametrize("grain", [20, 1000, 2000])
def test_a_deletion_at_the_very_time_of_another_change_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, grain: int
) -> None:
    """File systems tell times in steps of milliseconds, or of seconds: two changes may have one time."""
    step = grain * 1_000_000
    monkeypatch.setattr(files, "_changed", lambda found: found.st_ctime_ns // step * step)
    for turn in range(20):
        store = opened(tmp_path / f"{turn}" / "a.db")
        (tmp_path / f"{turn}" / "other").touch()
        commit(store, fenced(entries=(result(1),)))
        removed(tmp_path / f"{turn}" / "a.db-wal")
        with pytest.raises(StoreFatal, match=r"a\.db-wal was deleted"):
            commit(store, fenced(entries=(result(2),)))
        store.close()


def test_a_copy_put_in_the_stores_place_is_noticed_though_the_directorys_time_is_put_back(
    store: SqliteStore, tmp_path: Path
) -> None:
    """As rsync, tar and cp -a do, when they have written what was in it."""
    subprocess.run(["cp", tmp_path / "a.db", tmp_path / "copy.db"], check=True)
    commit(store, fenced(entries=(result(1),)))
    time.sleep(0.1)
    commit(store, fenced(entries=(result(2),)))
    before = os.stat(tmp_path)
    with protection.allowed():
        os.rename(tmp_path / "copy.db", tmp_path / "a.db")
    os.utime(tmp_path, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(StoreFatal, match=r"a\.db was"):
        commit(store, fenced(entries=(result(3),)))
    store.close()


@pytest.mark.parametrize("commits", [True, False])
def test_who_closes_before_it_was_noticed_is_told_as_it_closes(tmp_path: Path, commits: bool) -> None:
    opened(tmp_path / "a.db").close()
    store = SqliteStore(tmp_path / "a.db")
    if commits:
        commit(store, fenced(entries=(result(1),)))
    subprocess.run(["cp", tmp_path / "a.db", tmp_path / "copy.db"], check=True)
    with protection.allowed():
        os.rename(tmp_path / "copy.db", tmp_path / "a.db")
    if commits:
        with pytest.raises(StoreFatal, match=r"a\.db was"):
            store.close()
    store.close()


def opened(file: Path) -> SqliteStore:
    file.parent.mkdir(exist_ok=True)
    store = SqliteStore(file)
    store.migrate()
    store.announce(engine("e1"))
    own(store, "r1")
    return store


def test_a_reader_notices_too(store: SqliteStore, tmp_path: Path) -> None:
    reader = SqliteStore(tmp_path / "a.db")
    removed(tmp_path / "a.db-wal")
    with pytest.raises(StoreFatal, match="was deleted"):
        for _ in range(10):
            reader.load("r1")
    reader.close()
    store.close()


def test_damage_is_told_as_such_although_another_connection_is_at_work(tmp_path: Path) -> None:
    """SQLite refuses to be told anything by a second thread, which once took the place of the error."""
    file = tmp_path / "a.db"
    store = SqliteStore(file)
    store.migrate()
    began, may_end = threading.Event(), threading.Event()

    def read_slowly() -> None:
        with store._connections.reading() as connection:
            connection.create_scalar_function("slowly", lambda: began.set() or (may_end.wait(30) and None))
            connection.execute("SELECT slowly()").fetchall()

    reader = threading.Thread(target=read_slowly)
    reader.start()
    assert began.wait(30)
    removed(file)
    with pytest.raises(StoreFatal, match="was deleted"):
        queue(store, "r1")
    may_end.set()
    reader.join(30)
    store.close()


def test_a_process_whose_log_is_deleted_says_so_and_stops_and_the_next_one_goes_on(theatre: Theatre) -> None:
    process = theatre.start("a")
    run = theatre.at_the_gate(process, "a")
    theatre.store.with_name("a.db-wal").unlink()
    theatre.open("a")
    code, out, err = theatre.ends(process)
    assert (code, out) == (1, "")
    assert "a.db-wal was deleted while this process had it open" in err
    assert err.count("Traceback") == 1, "one fact, one traceback, and that of the caller's line"
    assert "/src/podium/" not in err
    again = theatre.start("a")
    code, out, _ = theatre.ends(again)
    assert code == 0
    assert out.split()[:2] == [f"{process.pid}-a-first", f"{process.pid}-a-through"], "both were rescued"
    assert theatre.results(run) == out.split()


def test_a_process_whose_store_is_replaced_stops_and_leaves_the_new_one_alone(theatre: Theatre) -> None:
    backup = theatre.folder / "backup.db"
    with App(backup, starter="") as app:
        little.run(1)
        (kept,) = app.find(Query())
    process = theatre.start("a")
    theatre.at_the_gate(process, "a")
    shutil.copy(backup, theatre.folder / "copy.db")
    os.replace(theatre.folder / "copy.db", theatre.store)
    theatre.open("a")
    code, _, err = theatre.ends(process)
    assert code == 1
    assert "a.db was replaced while this process had it open" in err
    assert theatre.store.read_bytes() == backup.read_bytes()
    again = theatre.start("a")
    assert theatre.ends(again)[0] == 0
    view = View(theatre.store)
    assert view.complaints == [], "the old log was not played into the new file"
    assert kept.id in view.runs


def test_a_log_whose_file_was_moved_away_after_a_kill_is_kept_for_it(theatre: Theatre) -> None:
    process = theatre.start("a")
    run = theatre.at_the_gate(process, "a")
    process.kill()
    process.communicate()
    log, kept = theatre.store.with_name("a.db-wal"), theatre.store.with_name("kept.db")
    theatre.store.rename(kept)
    content = log.read_bytes()
    theatre.open("a")
    code, out, err = theatre.ends(theatre.start("a"))
    assert (code, out) == (1, "")
    assert "StoreRefused" in err
    assert f"mv {log} NEWNAME-wal" in err
    assert not theatre.store.exists(), "no new store is made over it"
    (finding,) = examine(theatre.store)
    assert not finding.is_well
    with pytest.raises(StoreRefused, match="its log is there"):
        back_up(theatre.store, theatre.folder / "backup.db")
    for command in ("runs", "show @last", "doctor", f"move {theatre.store} {theatre.folder / 'to.db'}"):
        told = podium(*command.split(), PODIUM_URL=str(theatre.store))
        assert told.returncode != 0
        assert "its log is there" in told.stdout + told.stderr, command
    assert log.read_bytes() == content
    log.rename(f"{kept}-wal")
    assert View(kept).runs[run][0] == "running", "it was in the log alone"


def test_no_more_is_said_of_a_log_whose_file_is_made_at_that_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process makes both between two looks of ours."""
    path = tmp_path / "a.db"
    (tmp_path / "a.db-wal").write_bytes(b"x")
    assert lone_log(path)[0]
    looks = iter([False, True])
    monkeypatch.setattr(Path, "exists", lambda _: next(looks))
    assert lone_log(path) == ("", "")


def damaged(path: Path) -> None:
    """Runs enough that it is not checked whole when opened, then pages of noise."""
    store = SqliteStore(path)
    store.migrate()
    store.close()
    whole = path.stat().st_size  # the schema lies in here, and is read when the store is opened
    store = SqliteStore(path)
    queue(store, *[f"n{n}" for n in range(1500)], args=b"x" * 900)
    store.close()
    content = bytearray(path.read_bytes())
    content[whole:] = os.urandom(len(content) - whole)
    path.write_bytes(content)


def test_a_damaged_page_that_is_met_later_ends_the_engine_and_names_the_way_back(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    damaged(path)
    with pytest.raises((EngineStopped, StoreFatal)) as caught, App(path) as app:
        little.run(1)
        for number in range(1500):
            app.load(f"n{number}")
    error = caught.value
    fatal = error if isinstance(error, StoreFatal) else error.__cause__ or error.__context__
    assert isinstance(fatal, StoreFatal)
    assert str(path) in fatal.message
    assert "restore it from a backup" in fatal.fix
    assert f"sqlite3 {path} .recover" in fatal.fix


def test_a_small_damaged_store_is_refused_at_once_and_names_the_way_back(
    store: SqliteStore, tmp_path: Path
) -> None:
    path = tmp_path / "a.db"
    store.close()
    content = bytearray(path.read_bytes())
    for page in range(4096, len(content), 4096):
        content[page : page + 64] = b"\xff" * 64
    path.write_bytes(content)
    with pytest.raises(StoreRefused, match="damaged") as caught:
        open_store(path)
    assert f"sqlite3 {path} .recover" in caught.value.fix


def test_what_is_only_copied_beside_disturbs_nobody(store: SqliteStore, tmp_path: Path) -> None:
    """A hot backup by SQLite's own means, and a checkpoint of somebody else."""
    other = apsw.Connection(str(tmp_path / "a.db"))
    other.execute("VACUUM INTO ?", (str(tmp_path / "backup.db"),))
    other.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    other.close()
    commit(store, fenced(entries=(result(1),)))
    assert row(store).entries == 1
    store.close()


def test_a_worker_whose_log_is_deleted_ends_and_says_why_and_the_next_one_goes_on(tmp_path: Path) -> None:
    with Fleet(tmp_path, size=1, slots=2, lease=1.0) as fleet:
        with App(fleet.store, drives="nothing", starter="") as app:
            run = gated.start(str(tmp_path / "gate"))
            (worker,) = fleet.members
            until(lambda: fleet.ledger.new())
            removed(tmp_path / "podium.db-wal")
            assert worker.process.wait(30) not in (0, -9)
            assert "podium.db-wal was deleted while this process had it open" in worker.said()
        (tmp_path / "gate").touch()
        worker.revive()
        with App(fleet.store, drives="nothing", starter="") as app:
            until(lambda: app.load(run.id).state.is_final)
            assert app.load(run.id).state.value == "succeeded"


def test_an_app_whose_directory_became_read_only_is_closed_without_a_word_of_pythons(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(path: Path, missing_ok: bool = False) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))

    with App(tmp_path / "a.db"):
        assert little.run(1) == 2
        monkeypatch.setattr(Path, "unlink", refused)
    monkeypatch.undo()
    with App(tmp_path / "a.db"):
        assert little.run(2) == 3
