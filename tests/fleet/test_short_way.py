"""A commit that records, starts and ends is one trip: what others do while it waits for locks is judged."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest
from msgspec.structs import replace

from podium.model import LogLine, Move, Outcome, RunRow, State, Wait, Write
from podium.store import Store, open_store
from podium.store.postgres import PostgresStore, batch
from podium.store.postgres.batch import Batch
from podium.store.postgres.short_way import commit_records
from tests.postgres import shared
from tests.store.words import DONE, engine, fenced, new, outcomes, own, result
from tests.waiting import until

ADDED = (
    "SELECT pg_advisory_xact_lock(hashtextextended('e1', 7));"
    "INSERT INTO podium.history SELECT key, 1, 'result', 0, 'other', '', '', 0, 1, NULL, '', '', NULL"
    " FROM podium.runs WHERE id = 'r1'"
)
TAKEN = "UPDATE podium.runs SET owner = 'e2', token = token + 1 WHERE id = 'r1'"
CONDEMNED = "DELETE FROM podium.engines WHERE id = 'e1'"
WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted"


@pytest.fixture(params=["our session", "anybody's session"])
def store(request: pytest.FixtureRequest, url: str) -> Iterator[Store]:
    """The engine e1 owns r1 and r2 in it."""
    with closing(open_store(url, patience=30.0)) as store:
        assert isinstance(store, PostgresStore)
        store.migrate()
        store.server.is_direct = request.param == "our session"
        store.announce(engine("e1"))
        own(store, "r1", "r2")
        yield store


@pytest.mark.parametrize("runs", [("r1",), ("r2", "r1")], ids=["one", "two"])
@pytest.mark.parametrize(
    ("meanwhile", "stays", "expected"),
    [
        (ADDED, True, [Outcome.INVALID, DONE]),
        (ADDED, False, [DONE, DONE]),
        (TAKEN, True, [Outcome.REFUSED, DONE]),
        (TAKEN, False, [DONE, DONE]),
        (CONDEMNED, True, [Outcome.REFUSED, Outcome.REFUSED]),
        (CONDEMNED, False, [DONE, DONE]),
    ],
)
def test_what_is_committed_while_it_waits_is_judged(
    store: Store, url: str, runs: tuple[str, ...], meanwhile: str, stays: bool, expected: list[Outcome]
) -> None:
    found: list[Outcome] = []
    writes = [fenced(run, entries=(result(1, step="mine"),)) for run in runs]
    committing = threading.Thread(target=lambda: found.extend(outcomes(store, *writes)))
    with psycopg.connect(url) as other:
        other.execute(meanwhile.encode())
        committing.start()
        until(lambda: shared().execute(WAITING, url.rpartition("/")[2]) != [(0,)], "it waits for a lock")
        (other.commit if stays else other.rollback)()
    committing.join(30)
    told = dict(zip(("r1", "r2"), expected, strict=True))
    assert found == [told[run] for run in runs]
    for run in runs:
        first = [entry.step for entry in store.history(run)]
        assert first == (["mine"] if told[run] is DONE else ["other"] if meanwhile is ADDED else [])


def begun_stepped_and_ended(store: Store) -> list[Outcome]:
    return outcomes(
        store,
        Write(new_runs=(new("r3", owned=True, attach=True, starter="script.py"), new("r4", owned=True))),
        fenced("r1", entries=(result(1, at=30.0),)),
        fenced("r1", move=Move(State.SUCCEEDED, payload=b"1", fingerprint="v2")),
        fenced("r2", entries=(result(1, at=20.0),), logs=(LogLine("1", 1, 19.0, 20, "said"),)),
        fenced("r2", move=Move(State.FAILED, payload=b"2", at=12.0)),
    )


def test_starts_steps_and_ends_are_one_trip_and_what_the_judge_makes_of_them(
    store: Store, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    own(store, "old")
    with monkeypatch.context() as patched:
        patched.setattr(Batch, "_commit", pytest.fail)  # the long way
        assert begun_stepped_and_ended(store) == [DONE] * 5
        assert outcomes(store, fenced("old", move=Move(State.SUCCEEDED))) == [DONE]
    short = [unnumbered(store.load(id)) for id in ("r1", "r2", "r3", "r4")]
    assert [row.ended for row in short if row is not None] == [30.0, 20.0, None, None]
    monkeypatch.setattr(Batch, "_commit_records", lambda *_: None)
    with psycopg.connect(url) as other:
        other.execute("DELETE FROM podium.runs WHERE id ~ 'r'")
    own(store, "r1", "r2")
    assert begun_stepped_and_ended(store) == [DONE] * 5
    assert [unnumbered(store.load(id)) for id in ("r1", "r2", "r3", "r4")] == short


def unnumbered(row: RunRow | None) -> RunRow | None:
    """Without its place in the table."""
    return row and replace(row, key=0)


WAITED_FOR = (
    "SELECT FROM podium.runs WHERE id = 'r1' FOR NO KEY UPDATE;"
    "INSERT INTO podium.waits SELECT key, '1', 'r1', 'outcome', '', '', '', NULL, NULL, '', '', false, ''"
    " FROM podium.runs WHERE id = 'r2'"
)
SENT = (
    "UPDATE podium.runs SET messages = 1, unread = 1 WHERE id = 'r1';"
    "INSERT INTO podium.inbox SELECT key, 1, 'm', 'outcome', 'x', '', '', '', 0, NULL, ''"
    " FROM podium.runs WHERE id = 'r1'"
)


@pytest.mark.parametrize("meanwhile", [WAITED_FOR, SENT, TAKEN, CONDEMNED])
def test_an_end_heeds_what_has_come_while_it_waited_for_its_run(
    store: Store, url: str, meanwhile: str
) -> None:
    found: list[Outcome] = []
    end = fenced("r1", move=Move(State.SUCCEEDED, payload=b"1"))
    committing = threading.Thread(target=lambda: found.extend(outcomes(store, end)))
    with psycopg.connect(url) as other:
        other.execute(meanwhile.encode())
        committing.start()
        until(lambda: shared().execute(WAITING, url.rpartition("/")[2]) != [(0,)], "it waits for a lock")
        other.commit()
    committing.join(30)
    assert found == [DONE if meanwhile in (WAITED_FOR, SENT) else Outcome.REFUSED]
    assert [message.payload for message in store.inbox("r2")] == ([b"1"] if meanwhile is WAITED_FOR else [])
    assert store.inbox("r1") == []


def test_a_start_finds_what_its_script_has_left_behind(store: Store) -> None:
    call = {"attach": True, "starter": "script.py", "owned": True}
    assert outcomes(store, Write(new_runs=(new("r3", **call),))) == [DONE]
    store.announce(engine("e2"))
    store.retire("e1")
    (verdict,) = store.commit("e2", [Write(new_runs=(new("r4", **call),))])
    assert verdict.runs == ((Outcome.ATTACHED, "r3"),)
    (verdict,) = store.commit("e2", [Write(new_runs=(new("r5", **call),))])
    assert verdict.runs == ((DONE, "r5"),)


def test_a_start_by_an_id_that_is_taken_is_told_so_and_harms_no_other(store: Store) -> None:
    taken, fresh = (Write(new_runs=(new(id, owned=True),)) for id in ("r1", "r3"))
    assert outcomes(store, fresh, taken, fenced("r2", entries=(result(1),))) == [DONE, Outcome.INVALID, DONE]


def test_after_ends_that_others_waited_for_the_long_way_is_taken_at_once(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    own(store, *[f"c{n}" for n in range(8)])
    for n in range(8):
        assert outcomes(store, fenced("r1", waits=(Wait(f"{n}", f"c{n}"),))) == [DONE]
    tried: list[int] = []
    monkeypatch.setattr(
        batch, "commit_records", lambda *of: tried.append(len(store.inbox("r1"))) or commit_records(*of)
    )
    for n in range(7):
        assert outcomes(store, fenced(f"c{n}", move=Move(State.SUCCEEDED))) == [DONE]
    assert tried == [0, 2, 6]  # of the first, the third and the seventh
    assert len(store.inbox("r1")) == 7
