"""In a session of our own statements are kept with their plans, which must hold when tables have grown."""

from __future__ import annotations

from contextlib import closing

import pytest

from podium.model import NO_TASKS, LogLine, State, StreamChunk, Write
from podium.store import open_store
from podium.store.postgres.binding import columns
from podium.store.postgres.claims import _AMONG, wanted_by
from podium.store.postgres.short_way import Records
from podium.store.postgres.statements import SQL, rows
from podium.store.postgres.store import PostgresStore
from tests.postgres import shared
from tests.store.words import DONE, FUNCTIONS, engine, fenced, move, new, outcomes, own, queue, result
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


def rows_read(url: str, added: int) -> int:
    """How many rows of runs have been read of a store to which so many were added."""
    (read,) = until(  # a session says what it has done as it ends
        lambda: [read for read, new in shared().execute(READ, url.rpartition("/")[2]) if new == added],
        "what the session has done",
    )
    return int(read)


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
    assert rows_read(url, MANY + 10) < MANY


def test_entries_of_a_run_are_added_without_passing_those_before_them(url: str) -> None:
    with closing(open_store(url)) as store:
        store.migrate()
        store.announce(engine("e1"))
        own(store, "r1")
        entries = tuple(result(seq) for seq in range(1, 401))
        assert outcomes(store, fenced(entries=entries)) == [DONE]
    passed = "SELECT idx_tup_read FROM pg_stat_user_indexes WHERE indexrelname = 'history_pkey'"
    added = "SELECT n_tup_ins FROM pg_stat_user_tables WHERE relname = 'history'"
    name = url.rpartition("/")[2]
    until(lambda: shared().execute(added, name) == [(400,)], "what the session has done")
    assert shared().execute(passed, name)[0][0] < 400


def test_steps_of_many_runs_are_recorded_without_comparing_each_run_with_each(url: str) -> None:
    ids = [f"r{n}" for n in range(50)]
    records = Records()
    assert all(records.add(fenced(id, entries=(result(1),))) for id in ids)
    with closing(open_store(url)) as store:
        assert isinstance(store, PostgresStore)
        store.migrate()
        store.server.is_direct = True
        with store._writing.held() as connection:
            plans = [
                rows(connection, f"EXPLAIN {text}", values) for text, values in records.statements("e1", "e1")
            ]
    assert [line for plan in plans for (line,) in plan if "Join Filter" in line] == []


def test_what_is_prepared_is_used_when_no_more_may_be(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("podium.store.postgres.statements._KEPT_MOST", 1)
    calls = "SELECT generic_plans + custom_plans FROM pg_prepared_statements WHERE name = 'podium_0'"
    with closing(open_store(url)) as store:
        assert isinstance(store, PostgresStore)
        store.migrate()
        store.server.is_direct = True
        with store._writing.held() as connection:
            for _ in range(3):
                assert rows(connection, "SELECT 41 + 1") == [(42,)]
            assert len(connection.kept) == 1
            assert connection.execute(calls).fetchall() == [(3,)]


def test_lines_and_chunks_are_numbered_without_passing_those_before_them(url: str) -> None:
    said = tuple(LogLine("s", 1, 1.0, 20, "x") for _ in range(400))
    emitted = tuple(StreamChunk("out", b"x", 1.0, "s", 1, 1, ordinal) for ordinal in range(400))
    with closing(open_store(url)) as store:
        store.migrate()
        store.announce(engine("e1"))
        own(store, "r1")
        assert outcomes(store, fenced(logs=said)) == [DONE]  # the short way
        assert outcomes(store, fenced(logs=said, chunks=emitted)) == [DONE]
        assert [line.n for line in store.logs("r1")] == list(range(1, 801))
        assert [chunk.n for chunk in store.chunks("r1", "out")] == list(range(1, 401))
    passed = "SELECT sum(idx_tup_read) FROM pg_stat_user_indexes WHERE indexrelname = '{}_pkey'"
    added = "SELECT n_tup_ins FROM pg_stat_user_tables WHERE relname = '{}'"
    name = url.rpartition("/")[2]
    for table, count in (("logs", 800), ("streams", 400)):
        until(
            lambda table=table, count=count: shared().execute(added.format(table), name) == [(count,)],
            "what the session has done",
        )
        assert shared().execute(passed.format(table), name)[0][0] < 3 * count


def test_each_run_that_is_named_is_looked_up_whatever_an_engine_can_drive(url: str) -> None:
    functions = {f"app:f{n}": "" for n in range(500)}
    with closing(open_store(url)) as store:
        assert isinstance(store, PostgresStore)
        store.migrate()
        store.server.is_direct = True
        wanted = wanted_by("e1", functions, 100, 1.0, [f"r{n}" for n in range(50)], None, None, NO_TASKS)
        with store._writing.held() as connection:
            plans = {
                name: "\n".join(line for (line,) in rows(connection, f"EXPLAIN {text}", wanted.values))
                for name, text in (
                    ("claim", _AMONG),
                    ("due", SQL["next_due_among"]),
                    ("queues", SQL["offered_among"]),
                )
            }
    for name, plan in plans.items():
        assert "runs_id_key" in plan, (name, plan)
        assert "Join Filter" not in plan, (name, plan)


def test_the_first_of_a_lane_is_found_without_sorting_the_lane(url: str) -> None:
    """Of a million runs in line a claim took 20 ms, where it takes 4 of few."""
    line = columns("queues lanes functions codes projects", [("gpu", "a", "app:flow", "v1", "")])
    with closing(open_store(url)) as store:
        assert isinstance(store, PostgresStore)
        store.migrate()
        store.server.is_direct = True
        with store._writing.held() as connection:
            values = {**line, "now": 1.0, "soon": 1.0, "quota": 1}
            plan = [line for (line,) in rows(connection, f"EXPLAIN {SQL['offered_in_lanes']}", values)]
    assert len([line for line in plan if "using runs_in_line" in line]) == 2
    assert [line for line in plan if "Sort" in line] == []
