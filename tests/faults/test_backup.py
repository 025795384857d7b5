"""A store is copied while runs go on; what was acknowledged before is in the copy, and goes on from there."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from podium import App
from podium.errors import StoreFatal, StoreRefused, UsageError
from podium.store import back_up
from podium.store.sqlite import SqliteStore, backup
from tests import forkserver
from tests.processes.support import ROOT, Host
from tests.store.words import queue

MODULE = "tests.faults.meddling"


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    monkeypatch.setenv("STORE", str(tmp_path / "podium.db"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    host = Host(tmp_path)
    yield host
    host.close()


def podium(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "podium", *map(str, words)]
    return forkserver.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_under_load_it_holds_all_that_was_acknowledged_and_its_runs_go_on(host: Host) -> None:
    worker = host.worker(MODULE)
    before = [host.start(f"{MODULE}:counts", numbers=40) for _ in range(30)]
    ran = podium("backup", host.folder / "copy.db", "--store", host.url, "--json")
    assert ran.returncode == 0, ran.stderr
    answer = json.loads(ran.stdout)
    worker.kill()
    copy = Path(answer["file"])
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert copy.stat().st_size == answer["bytes"]
    assert answer["runs"] >= len(before)
    assert [file.name for file in host.folder.glob("copy.db*")] == ["copy.db"], "nothing else is needed"
    host.app.close()
    host.url = f"sqlite:///{copy}"
    host.app = App(host.url, drives="nothing", starter="")
    assert host.app.store.engines() == []
    host.worker(MODULE)
    assert [host.ended(run) for run in before] == [sum(range(40))] * len(before)


def test_a_task_may_call_it_in_the_process_that_drives_the_store(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "a.db")
    store.migrate()
    queue(store, "r1")
    copied = back_up(tmp_path / "a.db", tmp_path / "copy.db")
    queue(store, "r2")
    store.close()
    assert copied.runs == 1
    copy = SqliteStore(copied.file)
    assert copy.load("r1") is not None
    assert copy.load("r2") is None
    copy.close()


def test_what_is_there_is_never_overwritten(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "a.db")
    store.migrate()
    store.close()
    (tmp_path / "mine").write_text("mine")
    ran = podium("backup", tmp_path / "mine", "--store", tmp_path / "a.db")
    assert ran.returncode == 2
    assert "is there already" in ran.stderr
    with pytest.raises(UsageError, match="is there already"):
        back_up(tmp_path / "a.db", tmp_path / "mine")
    assert (tmp_path / "mine").read_text() == "mine"


def test_what_cannot_be_copied_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "other").write_text("hello, I am no store\n" * 300)
    with pytest.raises((StoreRefused, StoreFatal)):
        back_up(tmp_path / "other", tmp_path / "copy.db")
    with pytest.raises(StoreRefused, match="no store to copy"):
        back_up(tmp_path / "none.db", tmp_path / "copy.db")
    with pytest.raises(StoreRefused, match="no store to copy"):
        back_up(":memory:", tmp_path / "copy.db")
    store = SqliteStore(tmp_path / "a.db")
    store.migrate()
    with pytest.raises(StoreRefused, match="cannot be written"):
        back_up(tmp_path / "a.db", tmp_path / "nowhere" / "copy.db")
    store.close()
    assert not list(tmp_path.glob("copy*"))
    assert podium("backup", tmp_path / "copy.db", "--store", tmp_path / "none.db").returncode == 3


def test_a_killed_backup_leaves_no_file_of_that_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = SqliteStore(tmp_path / "a.db")
    store.migrate()
    store.close()
    monkeypatch.setattr(backup, "_settle", lambda *_: os._exit(9))
    child = os.fork()
    if child == 0:
        back_up(tmp_path / "a.db", tmp_path / "copy.db")
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    assert not (tmp_path / "copy.db").exists()
    monkeypatch.undo()
    assert back_up(tmp_path / "a.db", tmp_path / "copy.db").runs == 0


def test_of_two_at_once_to_one_file_one_is_told(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "a.db")
    store.migrate()
    store.close()
    together, outcomes = threading.Barrier(2), []

    def copy() -> None:
        together.wait()
        try:
            outcomes.append(back_up(tmp_path / "a.db", tmp_path / "copy.db").runs)
        except UsageError:
            outcomes.append("told")

    threads = [threading.Thread(target=copy) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(str, outcomes)) == ["0", "told"]
