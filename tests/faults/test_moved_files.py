"""A store's file is moved, deleted or replaced under who has it open: its log is kept for it."""

from __future__ import annotations

import logging
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from podium.errors import StoreFatal, StoreRefused
from podium.store import Finding, back_up, compact, examine
from podium.store.sqlite import SqliteStore, protection, wal
from tests import forkserver
from tests.chaos.theatre import Theatre
from tests.cli.support import podium
from tests.store.words import commit, engine, fenced, own, queue, result


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.db"


def moved(source: Path, target: Path) -> None:
    """As by another program: in a process that has the store open it is refused."""
    with protection.allowed():
        source.rename(target)


def other(path: Path) -> Path:
    """Another store, to be put in the place of the first."""
    store = SqliteStore(path)
    store.migrate()
    store.close()
    return path


def lost(path: Path, *, to: Path | None, instead: Path | None = None) -> StoreFatal:
    """A store whose file is taken away while a result stands in the log alone; what its process hears."""
    store = SqliteStore(path)
    store.migrate()
    store.announce(engine("e1"))
    own(store, "r1")
    commit(store, fenced(entries=(result(1),)))
    if to is not None:
        moved(path, to)
    else:
        with protection.allowed():
            path.unlink()
    if instead is not None:
        moved(instead, path)
    with pytest.raises(StoreFatal) as caught:
        commit(store, fenced(entries=(result(2),)))
    store.close()
    assert caught.value.unknown
    return caught.value


def kept(path: Path) -> list[int]:
    """What is on record there."""
    store = SqliteStore(path)
    try:
        store.migrate()
        return [entry.seq for entry in store.history("r1")]
    finally:
        store.close()


def refusal(path: Path) -> StoreRefused:
    """Nobody opens, copies or looks at it, and all are told the same."""
    with pytest.raises(StoreRefused) as caught:
        SqliteStore(path)
    with pytest.raises(StoreRefused) as of_backup:
        back_up(path, path.with_name("backup.db"))
    with pytest.raises(StoreRefused) as of_compact:
        compact(path)
    (finding,) = examine(path)
    assert finding == Finding("file", False, caught.value.message, caught.value.fix)
    assert of_backup.value.message == of_compact.value.message == caught.value.message
    return caught.value


def follow(fix: str) -> None:
    """Do the first command that a message names."""
    command = fix[min(fix.index(word) for word in ("mv ", "rm ") if word in fix) :].partition("  ")[0]
    for part in command.partition(";")[0].split(" && "):
        forkserver.run(shlex.split(part), check=True)


def aside(path: Path) -> list[str]:
    return sorted(file.name for file in path.parent.iterdir() if "-of-replaced" in file.name)


def test_a_file_that_is_moved_keeps_its_log_where_it_was_and_goes_on_when_it_is_put_back(path: Path) -> None:
    target = path.with_name("kept it.db")
    error = lost(path, to=target)
    assert f"a.db was moved to {target} while this process had it open" in error.message
    assert aside(path) == []
    told = refusal(path)
    assert "its log is there" in told.message
    assert told.fix in error.fix
    follow(told.fix)
    assert kept(path) == [1, 2], "even the one in doubt"


def test_or_where_it_is_when_its_log_comes_after_it(path: Path) -> None:
    target = path.with_name("kept.db")
    fix = lost(path, to=target).fix
    follow(fix.partition("where it is: ")[2])
    assert kept(target) == [1, 2]
    assert kept(other(path)) == [], "and a new one can stand there"


def test_of_a_file_that_was_deleted_it_is_said_and_its_log_is_of_no_use(path: Path) -> None:
    error = lost(path, to=None)
    assert "a.db was deleted while" in error.message
    assert error.fix.endswith(f"rm {path}-wal")
    assert refusal(path).fix.endswith(f"rm {path}-wal")
    follow(error.fix)
    assert kept(other(path)) == []


def test_where_another_store_stands_the_log_lies_aside_and_who_opens_is_told_the_way_back(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    target = path.with_name("kept.db")
    error = lost(path, to=target, instead=other(path.with_name("other.db")))
    assert f"a.db was moved to {target} and replaced while" in error.message
    assert aside(path) == ["a.db-wal-of-replaced"]
    (finding,) = [one for one in examine(path) if not one.is_well]
    assert finding.name == "log aside"
    assert "another one than before" in finding.text
    wal._told.clear()
    with caplog.at_level(logging.WARNING, "podium"):
        assert kept(path) == []
        assert kept(path) == []
    (said,) = [one.getMessage() for one in caplog.records]
    assert finding.text in said
    assert finding.fix in said
    assert finding.fix in error.fix
    follow(finding.fix)
    assert kept(target) == [1, 2]
    assert all(one.is_well for one in examine(path))


def test_a_file_that_is_put_back_while_its_log_lies_aside_is_refused_until_that_is_back(path: Path) -> None:
    target = path.with_name("kept.db")
    lost(path, to=target, instead=other(path.with_name("other.db")))
    path.rename(path.with_name("other.db"))
    target.rename(path)
    told = refusal(path)
    assert "lies aside" in told.message
    follow(told.fix)
    assert kept(path) == [1, 2]
    assert not list(path.parent.glob("a.db-locks/log-*")), "what was noted is forgotten"


@pytest.mark.parametrize("is_replaced", [False, True])
def test_a_log_is_not_played_into_its_file_after_that_was_written_to_without_it(
    path: Path, is_replaced: bool
) -> None:
    target = path.with_name("kept.db")
    lost(path, to=target, instead=other(path.with_name("other.db")) if is_replaced else None)
    store = SqliteStore(target)
    queue(store, "later")
    store.close()
    if is_replaced:
        path.unlink()
    assert "written to since" in wal.logs_aside(path)[0][1] if is_replaced else refusal(path).fix
    target.rename(path)
    told = refusal(path)
    follow(told.fix.partition("go on without it: ")[2])
    assert kept(path) == []


def test_who_knows_that_nobody_wrote_to_it_takes_the_log_back(path: Path) -> None:
    target = path.with_name("kept.db")
    lost(path, to=target, instead=other(path.with_name("other.db")))
    path.unlink()
    target.rename(path)
    path.touch()
    follow(refusal(path).fix)
    assert kept(path) == [1, 2]


@pytest.mark.parametrize("how", ["mv", "cp"])
def test_another_file_is_not_opened_beside_the_log_of_one_that_was_moved(path: Path, how: str) -> None:
    target, new = path.with_name("kept.db"), other(path.with_name("other.db"))
    content = new.read_bytes()
    lost(path, to=target)
    forkserver.run([how, str(new), str(path)], check=True)
    told = refusal(path)
    assert "is the log of another file" in told.message
    assert path.read_bytes() == content
    follow(told.fix)
    assert kept(target) == [1, 2]
    assert kept(path) == []


def test_nor_where_it_is_put_there_before_the_process_ends(path: Path) -> None:
    store = SqliteStore(path)
    store.migrate()
    store.announce(engine("e1"))
    own(store, "r1")
    moved(path, path.with_name("kept.db"))
    with pytest.raises(StoreFatal):
        commit(store, fenced(entries=(result(1),)))
    moved(other(path.with_name("other.db")), path)
    store.close()
    assert aside(path) == ["a.db-wal-of-replaced"]
    assert kept(path) == []


def test_a_copy_of_the_file_is_not_opened_while_the_log_lies_aside(path: Path) -> None:
    target = path.with_name("kept.db")
    lost(path, to=target, instead=other(path.with_name("other.db")))
    path.unlink()
    shutil.copyfile(target, path)
    with pytest.raises(StoreRefused, match="is a copy of a file whose log") as caught:
        kept(path)
    target.unlink()
    follow(caught.value.fix)
    assert kept(path) == [1, 2]


def test_a_log_that_lies_aside_is_not_written_over_by_the_next_one(path: Path) -> None:
    folder = path.parent
    lost(path, to=folder / "1.db", instead=other(folder / "other.db"))
    path.rename(folder / "other.db")
    lost(path, to=folder / "2.db", instead=folder / "other.db")
    assert len(aside(path)) == 2
    for _, fix in wal.logs_aside(path):
        follow(fix)
    assert kept(folder / "1.db") == kept(folder / "2.db") == [1, 2]


def test_a_folder_that_is_moved_takes_its_log_along(path: Path) -> None:
    folder = path.parent / "folder"
    folder.mkdir()
    target = path.parent / "moved"
    store = SqliteStore(folder / "a.db")
    store.migrate()
    store.announce(engine("e1"))
    own(store, "r1")
    folder.rename(target)
    with pytest.raises(StoreFatal, match=f"was moved to {target / 'a.db'} while") as caught:
        commit(store, fenced(entries=(result(1),)))
    store.close()
    assert f"--store {target / 'a.db'}" in caught.value.fix
    assert kept(target / "a.db") == [1]


def test_where_the_system_does_not_tell_the_way_back_is_told_all_the_same(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wal, "_OPEN_FILES", "/nowhere")
    (path.parent / "far").mkdir()
    target = path.parent / "far" / "kept.db"
    error = lost(path, to=target)
    assert "a.db was moved away or deleted while" in error.message
    assert f"mv {path}-wal NEWNAME-wal" in refusal(path).fix
    target.rename(path)
    assert kept(path) == [1, 2]


def test_a_program_whose_file_is_moved_away_goes_on_by_what_it_is_told(theatre: Theatre) -> None:
    process = theatre.start("a")
    run = theatre.at_the_gate(process, "a")
    target = theatre.folder / "kept.db"
    theatre.store.rename(target)
    theatre.open("a")
    code, out, err = theatre.ends(process)
    assert (code, out) == (1, "")
    assert f"a.db was moved to {target} while this process had it open" in err
    for command in ("runs", "doctor"):
        told = podium(command, PODIUM_URL=str(theatre.store))
        assert told.returncode != 0
        assert f"mv {target} {theatre.store}" in told.stdout + told.stderr
    subprocess.run(["mv", target, theatre.store], check=True)
    again = theatre.start("a")
    code, out, _ = theatre.ends(again)
    assert code == 0
    assert out.split()[0] == f"{process.pid}-a-first", "it was in the log alone"
    assert theatre.results(run) == out.split()
