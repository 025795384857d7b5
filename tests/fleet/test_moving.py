"""Moving a store between a file and PostgreSQL, in either direction, and killed in the middle of it."""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from podium import App, StoreRefused
from podium.client import move
from podium.store import open_store, side_of_move
from podium.store.moving import STAYING, TABLES
from tests.embedded.moved import RESULTS, check_move, contents, finished, in_every_state, sums
from tests.embedded.moved_project import check_project_moves, project
from tests.postgres import shared

ROOT = Path(__file__).parents[2]

# The process ends, without a word, when it does this for the nth time.
KILLED = """
import os, sys
from podium.client import move
from podium.store.postgres import Side as Database
from podium.store.sqlite import Side as File

kind, method, left = {"Database": Database, "File": File}[sys.argv[1]], sys.argv[2], int(sys.argv[3])
before = getattr(kind, method)

def deadly(*words):
    global left
    left -= 1
    if not left:
        os._exit(9)
    return before(*words)

setattr(kind, method, deadly)
move(sys.argv[4], sys.argv[5])
"""


@pytest.fixture(autouse=True)
def in_a_project(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whose name runs on a server have: the one that this code is of."""
    monkeypatch.chdir(ROOT)


@pytest.fixture
def file(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'podium.db'}"


def test_from_a_file_to_a_server(file: str, url: str, tmp_path: Path) -> None:
    check_move(file, url, tmp_path / "ledger")


def test_from_a_server_to_a_file(file: str, url: str, tmp_path: Path) -> None:
    check_move(url, file, tmp_path / "ledger")


def test_a_project_goes_on_on_a_server(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with project(tmp_path / "shop", monkeypatch) as shop:
        check_project_moves(shop, shop.own_store, url, monkeypatch)


def test_a_project_comes_back_from_a_server(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with project(tmp_path / "shop", monkeypatch) as shop:
        check_project_moves(shop, url, shop.own_store, monkeypatch)


def test_a_server_that_moved_takes_nothing_any_more(file: str, url: str) -> None:
    with App(url, drives="nothing"):
        run = sums.start("later")
        move(url, file)
        with pytest.raises(StoreRefused, match=f"was moved to {file}"):
            sums.start("too late")
        with pytest.raises(StoreRefused, match=f"was moved to {file}"):
            run.cancel()
    with closing(open_store(url)) as store, pytest.raises(StoreRefused, match=f"was moved to {file}"):
        store.migrate()


# Before anything, with half of the rows, with all of them, and when the source has left.
@pytest.mark.parametrize(
    "moment", ["Database receiving 1", "Database add 4", "File replace_fence 1", "Database open_up 1"]
)
def test_killed_in_the_middle_the_same_command_goes_on(
    moment: str, file: str, url: str, tmp_path: Path
) -> None:
    ids = in_every_state(file, tmp_path / "ledger")
    before = contents(file)
    killed = subprocess.run([sys.executable, "-c", KILLED, *moment.split(), file, url], cwd=ROOT, check=False)
    assert killed.returncode == 9
    with closing(open_store(file)) as store, pytest.raises(StoreRefused, match=r"moved to"):
        store.migrate()
    assert move(file, url).runs == len(ids)
    assert contents(url) == before
    assert finished(url, ids) == RESULTS


def test_every_table_either_moves_or_stays(file: str, url: str) -> None:
    known = {*TABLES, *STAYING}
    with closing(side_of_move(file)) as old, closing(side_of_move(url)) as new:
        for table in TABLES:
            assert set(old.columns(table)) == set(new.columns(table)), table
    found = shared().execute(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'podium'", url.rpartition("/")[2]
    )
    assert {table for (table,) in found} <= known
