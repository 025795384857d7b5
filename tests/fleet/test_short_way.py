"""A commit that only records is one statement: what others do while it waits for its locks is judged."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest

from podium.model import Outcome
from podium.store import Store, open_store
from podium.store.postgres import PostgresStore
from tests.postgres import shared
from tests.store.words import DONE, engine, fenced, outcomes, own, result
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
