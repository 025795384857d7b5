"""Moving a store to another place: file to file here, a server's side in tests/fleet."""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path

import apsw
import pytest

import podium
from podium import App, StoreRefused, UsageError, WrongState, codec
from podium.client import give_up_move, move
from podium.client.moved_rows import RowsOfMove
from podium.functions import registry
from podium.model import SCHEDULE, SCHEDULE_TASK, UNFINISHED, Query
from podium.store import open_store, side_of_move
from podium.store.moving import STAYING, TABLES, MoveFence
from tests.embedded import references
from tests.embedded.moved import check_move, sums
from tests.embedded.moved_project import check_project_moves, project


def opened(url: str) -> None:
    """Open a store as everybody does."""
    with closing(open_store(url)) as store:
        store.migrate()


def fence(source: str, target: str) -> MoveFence:
    side = side_of_move(target)
    try:
        return MoveFence("m1", "leaving", target, side.id, 1.0)
    finally:
        side.close()


@pytest.fixture
def urls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    monkeypatch.setenv("LEDGER", str(tmp_path / "ledger"))
    return f"sqlite:///{tmp_path / 'old.db'}", f"sqlite:///{tmp_path / 'new.db'}"


def test_runs_in_every_state_go_on_in_the_new_place(urls: tuple[str, str], tmp_path: Path) -> None:
    check_move(*urls, tmp_path / "ledger")


def test_a_store_that_moved_says_where_it_is_and_takes_nothing(urls: tuple[str, str]) -> None:
    old, new = urls
    with App(old, drives="nothing") as open_before:
        run = sums.start("later")
        move(old, new)
        with pytest.raises(StoreRefused, match=f"was moved to {new}"):
            sums.start("too late")
        with pytest.raises(StoreRefused, match=f"was moved to {new}"):
            run.cancel()
        assert open_before.load(run.id).token == 0  # looking is harmless
    with pytest.raises(StoreRefused, match=f"was moved to {new}"):
        opened(old)


def test_a_store_in_use_is_not_moved(urls: tuple[str, str]) -> None:
    old, new = urls
    with App(old, drives="all", starter="") as app:
        assert app.host
        with pytest.raises(WrongState, match="is in use by process"):
            move(old, new)
        assert sums.run("goes on") == 7
    assert move(old, new).runs == 1


def test_a_move_fills_a_store_and_mixes_none(urls: tuple[str, str]) -> None:
    old, new = urls
    for url in urls:
        with App(url, drives="nothing"):
            sums.start("one")
    with pytest.raises(StoreRefused, match="is not empty"):
        move(old, new)
    opened(old)  # as it was
    with pytest.raises(UsageError, match="one and the same"):
        move(old, old)


def test_it_may_move_back_to_where_it_came_from(urls: tuple[str, str]) -> None:
    old, new = urls
    with App(old, drives="nothing"):
        sums.start("there and back")
    move(old, new)
    with App(new, drives="nothing"):
        sums.start("new")
    assert move(new, old).runs == 2
    with pytest.raises(StoreRefused, match=f"was moved to {old}"):
        opened(new)


def test_a_move_that_was_begun_is_gone_on_with_or_given_up(urls: tuple[str, str]) -> None:
    old, new = urls
    with App(old, drives="nothing"):
        sums.start("one")
    side = side_of_move(old)
    assert side.close_off(fence(*urls))
    side.close()
    with pytest.raises(StoreRefused, match="is being moved to"):
        opened(old)
    with pytest.raises(StoreRefused, match="is being moved to"):
        move(old, f"{new}-other")
    give_up_move(old)
    opened(old)
    assert move(old, new).runs == 1
    with pytest.raises(WrongState, match="go on there"):
        give_up_move(old)


def test_what_fails_leaves_the_source_as_it_was(
    urls: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = urls
    with App(old, drives="nothing"):
        run = sums.start("one")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    side = type(side_of_move(new))
    monkeypatch.setattr(side, "add", full)
    with pytest.raises(OSError, match="No space left"):
        move(old, new)
    monkeypatch.undo()
    with App(old, drives="nothing") as app:
        assert app.load(run.id).id == run.id
    assert move(old, new).runs == 1


def test_values_by_reference_go_along(urls: tuple[str, str], tmp_path: Path) -> None:
    old, new = urls
    with App(old, drives="all", starter=""):
        table = references.five_steps.options(id="made").run(1000)
    move(old, new)
    shutil.rmtree(tmp_path / "old.db-values")
    with App(new, drives="nothing"):
        assert (podium.get("made").result() == table).all()


def test_every_table_of_a_file_either_moves_or_stays(urls: tuple[str, str], tmp_path: Path) -> None:
    opened(urls[0])
    with closing(apsw.Connection(str(tmp_path / "old.db"))) as connection:
        found = {
            name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
        }
    assert found <= {*TABLES, *STAYING}


def test_a_project_goes_on_in_a_file_elsewhere_and_back_in_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with project(tmp_path / "shop", monkeypatch) as shop:
        elsewhere = f"sqlite:///{tmp_path / 'elsewhere.db'}"
        check_project_moves(shop, shop.own_store, elsewhere, monkeypatch)
    with project(tmp_path / "other", monkeypatch) as shop:
        check_project_moves(shop, f"sqlite:///{tmp_path / 'another.db'}", shop.own_store, monkeypatch)


def test_a_look_at_a_schedule_that_is_under_way_is_the_same_call_in_the_new_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its history names the call by a digest, and a replay with another one would be a mismatch."""
    with project(tmp_path / "shop", monkeypatch) as shop:
        with App(shop.own_store, drives="all", starter="", functions=shop.functions) as app:
            (look, _) = app.find(Query(function=SCHEDULE, states=UNFINISHED))

        def digest(args: bytes) -> bytes:
            given, task = codec.decode(args), registry[SCHEDULE_TASK]
            return task.encode(task.bind((), given), 0)[1]

        rows = RowsOfMove(shop.own_store, f"sqlite:///{tmp_path / 'elsewhere.db'}")
        columns = ("id", "function", "project", "unique_name", "context", "args", "digest")
        run = (look.id, SCHEDULE, "", look.unique_name, "", look.args, look.digest)
        *_, args, _ = rows.row("runs", columns, run)
        assert codec.decode(args)["plan"]["project"] == "shop"
        before, after = digest(look.args), digest(args)
        assert before != after
        at = ("run", "seq", "digest")
        assert rows.row("history", at, (look.id, 1, before)) == (look.id, 1, after)
        assert rows.row("history", at, ("another", 1, before)) == ("another", 1, before)
