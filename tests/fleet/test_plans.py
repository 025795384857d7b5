"""In a session of our own statements are kept with their plans, which must hold when tables have grown."""

from __future__ import annotations

from contextlib import closing

from podium.model import State, Write
from podium.store import open_store
from podium.store.postgres.store import PostgresStore
from tests.postgres import shared
from tests.store.words import DONE, FUNCTIONS, engine, fenced, move, new, outcomes, queue, result
from tests.waiting import until

MANY = 4000
READ = (
    "SELECT seq_tup_read + idx_tup_fetch, n_tup_ins FROM pg_stat_user_tables "
    "WHERE schemaname = 'podium' AND relname = 'runs'"
)


def drive(store: PostgresStore, *names: str) -> None:
    """Claim these, the only ones, out of a queue and out of none; record a step of each, and its end."""
    queue(store, *[f"{name}-q" for name in names], queue="gpu")
    queue(store, *names)
    claimed = store.claim("e1", FUNCTIONS, 100, 50.0).heads
    assert {run.id for run in claimed} == {id for name in names for id in (name, f"{name}-q")}
    for run in claimed:
        assert outcomes(store, fenced(run.id, run.token, entries=(result(1),))) == [DONE]
        move(store, run.id, State.SUCCEEDED, run.token)


def test_what_was_planned_for_an_empty_store_reads_few_rows_of_a_full_one(url: str) -> None:
    with closing(open_store(url)) as store:
        assert isinstance(store, PostgresStore)
        store.migrate()
        store.server.is_direct = True
        store.announce(engine("e1"))
        drive(store, "a1", "a2")
        later = [new(f"x{n}", function="app:other", queue="cpu" if n % 2 else "") for n in range(MANY)]
        assert outcomes(store, Write(new_runs=tuple(later)), engine=None) == [DONE]
        drive(store, "b1", "b2", "b3")
    ((read, inserted),) = until(  # a session says what it has read as it ends
        lambda: [row for row in shared().execute(READ, url.rpartition("/")[2]) if row[1] > MANY],
        "what the session has read",
    )
    assert inserted == MANY + 10
    assert read < MANY, "rows of runs that have nothing to do with what was asked"
