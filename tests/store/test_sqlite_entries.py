"""Where entries of long runs that take turns go first, and that nobody who reads notices."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from podium.model import Entry, Move, State, Write
from podium.store import back_up
from podium.store.sqlite import SqliteStore, entries
from tests.store.words import DONE, INVALID, commit, engine, fenced, new, outcomes, own, result, row

RUNS = tuple(f"r{n}" for n in range(entries.MANY))
LONG = entries.LONG


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "a.db"


@pytest.fixture
def store(file: Path) -> Iterator[SqliteStore]:
    """Runs that have just become long."""
    with closing(SqliteStore(file)) as store:
        store.migrate()
        store.announce(engine("e1"))
        own(store, *RUNS)
        commit(store, *(fenced(run, entries=tuple(said(run, n + 1) for n in range(LONG))) for run in RUNS))
        yield store


def said(run: str, seq: int, payload: bytes = b"") -> Entry:
    return result(seq, payload=payload or f"{run} says {seq}".encode())


def take_turns(store: SqliteStore, first: int, last: int) -> None:
    """Each run adds the entries of these numbers, one entry of each run in a commit."""
    for seq in range(first, last + 1):
        assert set(outcomes(store, *(fenced(run, entries=(said(run, seq),)) for run in RUNS))) == {DONE}


def count(file: Path, table: str) -> int:
    with closing(apsw.Connection(str(file))) as raw:
        return next(raw.execute(f"SELECT count(*) FROM {table}"))[0]


def assert_all_read(store: SqliteStore, last: int) -> None:
    """Every reader sees every entry, once and in order."""
    for run in RUNS:
        assert store.history(run, limit=10_000) == [said(run, n) for n in range(1, last + 1)]
        assert store.history(run, after=LONG - 1, limit=2) == [said(run, LONG), said(run, LONG + 1)]
        assert row(store, run).entries == last


def test_entries_of_long_runs_that_take_turns_go_where_they_share_pages(
    store: SqliteStore, file: Path
) -> None:
    take_turns(store, LONG + 1, LONG + 3)
    assert count(file, "recent_history") == 3 * len(RUNS)
    assert_all_read(store, LONG + 3)


def test_they_are_moved_when_there_are_enough(
    store: SqliteStore, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entries, "RECENT_MAX", 3 * len(RUNS))
    take_turns(store, LONG + 1, LONG + 3)
    assert count(file, "recent_history") == 0
    assert_all_read(store, LONG + 3)
    take_turns(store, LONG + 4, LONG + 5)
    assert count(file, "recent_history") == 2 * len(RUNS)
    assert_all_read(store, LONG + 5)


def test_entries_are_read_in_order_wherever_they_are(store: SqliteStore) -> None:
    take_turns(store, LONG + 1, LONG + 1)
    for run in RUNS:  # alone, each goes to the history itself, past what is still to be moved there
        assert outcomes(store, fenced(run, entries=(said(run, LONG + 2),))) == [DONE]
    take_turns(store, LONG + 3, LONG + 3)
    assert_all_read(store, LONG + 3)


def test_a_gap_is_seen_wherever_the_last_entry_is(store: SqliteStore) -> None:
    take_turns(store, LONG + 1, LONG + 1)
    alone = [outcomes(store, fenced("r0", entries=(said("r0", LONG + n),)))[0] for n in (1, 3, 2)]
    assert alone == [INVALID, INVALID, DONE]
    together = [fenced(run, entries=(said(run, LONG + 2),)) for run in RUNS]
    assert outcomes(store, *together) == [INVALID] + [DONE] * (len(RUNS) - 1)


def test_long_payloads_stay_out(store: SqliteStore, file: Path) -> None:
    big = b"x" * (entries.SHORT + 1)
    commit(store, *(fenced(run, entries=(said(run, LONG + 1, big),)) for run in RUNS))
    assert count(file, "recent_history") == 0


def test_a_run_ends_after_its_last_entry_and_is_copied_with_it(store: SqliteStore) -> None:
    take_turns(store, LONG + 1, LONG + 2)
    assert outcomes(store, fenced("r0", move=Move(State.FAILED, at=0.0))) == [DONE]
    assert row(store, "r0").ended == said("r0", LONG + 2).at
    retry = new("again", copy_from=("r0", LONG + 2))
    assert outcomes(store, Write(new_runs=(retry,))) == [DONE]
    assert store.history("again", limit=10_000) == store.history("r0", limit=10_000)
    too_much = new("more", copy_from=("r0", LONG + 3))
    assert outcomes(store, Write(new_runs=(too_much,))) == [INVALID]


def test_a_run_is_forgotten_with_what_was_to_be_moved(store: SqliteStore, file: Path) -> None:
    take_turns(store, LONG + 1, LONG + 1)
    commit(store, fenced("r0", move=Move(State.SUCCEEDED)))
    forget = fenced("r0", states=(State.SUCCEEDED,), forget=True)
    assert outcomes(store, forget, engine=None) == [DONE]
    assert count(file, "entries") == (LONG + 1) * (len(RUNS) - 1)


def test_a_backup_holds_what_was_to_be_moved(store: SqliteStore, file: Path, tmp_path: Path) -> None:
    take_turns(store, LONG + 1, LONG + 1)
    back_up(f"sqlite:///{file}", tmp_path / "copy.db")
    with closing(SqliteStore(tmp_path / "copy.db")) as copy:
        assert_all_read(copy, LONG + 1)
