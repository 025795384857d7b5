"""Several processes on one file: patience, waking each other, checkpoints; and that queries stay cheap."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import pytest

from podium.errors import StoreUnavailable
from podium.model import TRANSITIONS, UNFINISHED, Claimed, Move, Query, State, Write
from podium.store.sql import migrations, queries
from podium.store.sqlite import (
    SqliteStore,
    checkpointer,
    connection,
    connections,
    entries,
    finding,
    forgetting,
)
from podium.store.sqlite import rows as records
from tests.store.words import (
    FUNCTIONS,
    commit,
    engine,
    fenced,
    message,
    move,
    new,
    own,
    queue,
    result,
    row,
)

SQL = queries("sqlite")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "podium.db"


@pytest.fixture
def store(file: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(file)
    store.migrate()
    store.announce(engine("e1", functions=FUNCTIONS))
    yield store
    store.close()


@pytest.fixture
def intruder(file: Path, store: SqliteStore) -> Iterator[apsw.Connection]:
    """Another program that holds the write lock."""
    other = apsw.Connection(str(file))
    other.execute("BEGIN IMMEDIATE")
    yield other
    other.close()


# -- patience -----------------------------------------------------------------------------------------


def test_a_lock_held_longer_than_the_patience_is_unavailable_and_reading_goes_on(
    file: Path, store: SqliteStore, intruder: apsw.Connection
) -> None:
    hasty = SqliteStore(file, patience=0.05)
    with pytest.raises(StoreUnavailable, match="lock") as caught:
        queue(hasty, "r1")
    assert not caught.value.unknown
    assert hasty.find(Query()) == []
    assert hasty.claim("e1", FUNCTIONS, 10, 1.0).heads == ()
    assert hasty.release({}, 0.0) == 0
    intruder.execute("ROLLBACK")
    queue(hasty, "r1")
    hasty.close()


def test_a_commit_waits_for_a_lock_that_is_given_back_in_time(
    store: SqliteStore, intruder: apsw.Connection
) -> None:
    waiting = threading.Thread(target=queue, args=(store, "r1"))
    waiting.start()
    waiting.join(0.05)
    assert waiting.is_alive()
    intruder.execute("ROLLBACK")
    waiting.join(30)
    assert row(store).state is State.QUEUED


# -- waking -------------------------------------------------------------------------------------------


@pytest.fixture
def other(file: Path, store: SqliteStore) -> Iterator[SqliteStore]:
    """A second process's handle, with the engine e2."""
    other = SqliteStore(file)
    other.announce(engine("e2"))
    yield other
    other.close()


def test_new_work_wakes_the_engines_of_other_processes(store: SqliteStore, other: SqliteStore) -> None:
    own(store, "r1")
    queue(store, "r2")
    assert other.wait(5.0)
    commit(store, Write(messages=(message("m1", "r1"),)))
    assert other.wait(5.0)
    commit(store, fenced(move=Move(State.PARKED)))
    commit(store, fenced(states=[State.PARKED], move=Move(State.WAITING, due=1.0)), engine=None)
    assert other.wait(5.0)
    own(store, "r3")
    store.retire("e1")
    assert other.wait(5.0)


def test_runs_of_a_dead_engine_wake_whoever_lives(store: SqliteStore, other: SqliteStore) -> None:
    own(store, "r1")
    store.release({"e1": 0}, 0.0)
    assert other.wait(5.0)


def test_many_commits_wake_once_and_ones_own_work_wakes_nobody(
    store: SqliteStore, other: SqliteStore
) -> None:
    for n in range(20):
        commit(store, Write(new_runs=(new(f"r{n}"),)))
    assert other.wait(5.0)
    assert not other.wait(0.0)
    own(store, "own")
    commit(store, fenced("own", entries=(result(1),)), fenced("own", move=Move(State.WAITING, due=9.0)))
    assert not other.wait(0.0)
    assert not store.wait(0.0)


def test_an_engine_that_left_without_a_word_hurts_nobody(store: SqliteStore, other: SqliteStore) -> None:
    other.close()
    queue(store, "r1")
    assert row(store).id == "r1"


def test_closing_wakes_whoever_waits(store: SqliteStore, other: SqliteStore) -> None:
    waiting = threading.Thread(target=other.wait, args=(60.0,))
    waiting.start()
    other.close()
    waiting.join(30)
    assert not waiting.is_alive()


# -- checkpoints --------------------------------------------------------------------------------------


def test_a_long_wal_makes_a_checkpoint_due_and_the_checkpoint_settles_it(
    store: SqliteStore, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.checkpoint()  # of what making the store has written
    monkeypatch.setattr(checkpointer, "CHECKPOINT_PAGES", 50)
    assert not store.checkpoint_due()
    size = file.stat().st_size
    for n in range(100):
        queue(store, f"r{n}", args=b"x" * 900)
    assert store.checkpoint_due()
    assert file.stat().st_size == size, "commits never checkpoint by themselves"
    store.checkpoint()
    assert not store.checkpoint_due()
    assert file.stat().st_size > size


def test_a_wal_starts_anew_although_commits_never_pause(
    store: SqliteStore, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(30):
        queue(store, f"r{n}")
    # A first pass that does not catch up: here an old snapshot holds it back, in life commits outrun it.
    snapshot = apsw.Connection(str(file))
    snapshot.execute("BEGIN")
    snapshot.execute("SELECT * FROM runs").fetchall()
    queue(store, "meanwhile")
    copy = store._connections._checkpointer._copy

    def copy_then_let_go() -> None:
        copy()
        snapshot.close()

    monkeypatch.setattr(store._connections._checkpointer, "_copy", copy_then_let_go)
    store.checkpoint()
    wal = file.with_name("podium.db-wal")
    size = wal.stat().st_size
    queue(store, "after")
    assert wal.stat().st_size == size, "it is written over from its beginning"


def test_a_wal_that_was_held_back_is_cut_back_when_it_starts_anew(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "WAL_BYTES_MAX", 100_000)
    with closing(SqliteStore(file)) as store:
        store.migrate()
        reader = apsw.Connection(str(file))
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM runs").fetchall()
        for n in range(30):
            queue(store, f"r{n}", args=b"x" * 10_000)
        store.checkpoint()
        wal = file.with_name("podium.db-wal")
        assert wal.stat().st_size > 300_000
        reader.close()
        store.checkpoint()
        queue(store, "after")
        assert wal.stat().st_size <= 100_000


# -- blobs --------------------------------------------------------------------------------------------


def test_blobs_go_with_the_row_that_named_them(store: SqliteStore, file: Path) -> None:
    big = b"x" * 300_000
    own(store, "r1")
    commit(store, Write(messages=(message("m1", payload=big),)))
    commit(store, fenced(consumed=("m1",)))
    move(store, "r1", State.PARKED, payload=big)
    commit(store, fenced(states=[State.PARKED], move=Move(State.WAITING, due=1.0)), engine=None)
    raw = apsw.Connection(str(file))
    assert raw.execute("SELECT count(*) FROM blobs").fetchall() == [(0,)]
    raw.close()


# -- the SQL ------------------------------------------------------------------------------------------


def test_partial_indexes_name_the_states_that_the_model_means() -> None:
    claimable = [state.value for state in State if State.RUNNING in TRANSITIONS[state]]
    unfinished = [state.value for state in State if state in UNFINISHED]
    listed = "state IN ('{}')".format
    (schema,) = [script for script in migrations("sqlite") if "CREATE TABLE run_tags" in script]
    assert schema.count(listed("', '".join(claimable))) == 4  # three indexes, and what lies in an old inbox
    assert schema.count(listed("', '".join(unfinished))) == 2  # attachable, unique
    in_queues = (
        "queues_in_line",
        "lanes_in_line",
        "offered_in_lanes",
        "offered_past_limits",
        "offered_among",
    )
    for name in ("takable", "claimable", "next_due", *in_queues):
        assert listed("', '".join(claimable)) in SQL[name]
    for name in ("orphans", "unique_holder"):
        assert listed("', '".join(unfinished)) in SQL[name]


def test_every_table_that_names_a_run_is_emptied_when_the_run_is_forgotten(
    store: SqliteStore, file: Path
) -> None:
    with closing(apsw.Connection(str(file))) as raw:
        columns = "SELECT m.name FROM sqlite_schema AS m, pragma_table_info(m.name) AS c WHERE c.name = 'run'"
        tables = {name for (name,) in raw.execute(f"{columns} AND m.type = 'table'")}
    forgets = (*entries.FORGET, *forgetting.FORGET, SQL["forget_value_names"])
    deletes = {statement.split()[2] for statement in forgets if " run = " in statement}
    assert tables - deletes == {"measures", "audit"}, "points go by age, what people decided stays"
    assert deletes <= tables


def test_every_statement_is_used() -> None:
    sources = "".join(path.read_text() for path in Path(connections.__file__).parent.glob("*.py"))
    assert [name for name in SQL if f'"{name}"' not in sources] == []


@pytest.mark.parametrize(
    "name",
    [
        "runs",
        "calls",
        "messages",
        "last_times",
        "takable",
        "claimable",
        "next_due",
        "any_orphan",
        "attachable",
        "orphans",
        "attach",
        "measures",
        "measure_bins",
        "old_series",
        "forget_measures",
        "history",
        "logs",
        "logs_of_step",
        "inbox",
        "collect",
        "take",
        "unheard",
        "waits",
        "waiting_for",
        "waits_of_run",
        "waits_for_target",
        "expire",
        "any_expired",
        "tell",
        "unique_holder",
        "free_blob",
        "move",
    ],
)
def test_no_statement_reads_a_whole_table_of_runs_or_history(
    store: SqliteStore, file: Path, name: str
) -> None:
    plan = _plan(file, SQL[name])
    assert not _whole_tables(plan)
    assert name == "orphans" or not [step for step in plan if "TEMP B-TREE" in step and "runs" in step]
    assert not name.startswith("logs") or not [step for step in plan if "TEMP B-TREE" in step]


_NARROWED: list[tuple[str, ...]] = [
    (),
    ("ids_with_prefix",),
    ("tagged",),
    ("left_by",),
    ("unowned",),
    ("has_tag",),
    ("noticed",),
    ("ended_within",),
    ("of_function",),
    ("in_family",),
]


@pytest.mark.parametrize(
    "statement",
    [records.LOAD, *(finding.statement(records.COLUMNS, finding.NEWEST, pieces) for pieces in _NARROWED)],
)
def test_no_look_at_runs_reads_a_whole_table(store: SqliteStore, file: Path, statement: str) -> None:
    assert not _whole_tables(_plan(file, statement))


def test_an_idle_claim_costs_by_what_waits_and_not_by_how_much_is_declared(file: Path) -> None:
    """At 3 us for each function, a look of an engine with two thousand of them took 8 ms."""
    steps: list[int] = []

    def count(ran: dict[str, Any]) -> None:
        steps.append(ran["stmt_status"]["SQLITE_STMTSTATUS_VM_STEP"])

    def hook(raw: apsw.Connection) -> None:
        raw.trace_v2(apsw.SQLITE_TRACE_PROFILE, count)

    apsw.connection_hooks.append(hook)
    try:
        with closing(SqliteStore(file)) as store:
            store.migrate()
            many = {f"app:flow{n}": "v1" for n in range(3000)}
            projects = dict.fromkeys(many, "shop")
            store.announce(engine("e1", functions=many))
            queue(store, "later", "elsewhere", function="app:flow7", due=100.0)
            store.claim("e1", many, 10, 1.0, projects=projects)
            for runs in (None, ["later"]):
                steps.clear()
                assert store.claim("e1", many, 10, 2.0, runs, projects) == Claimed((), 100.0)
                assert 50 < sum(steps) < 1000
    finally:
        apsw.connection_hooks.remove(hook)


@pytest.mark.parametrize("name", ["claimable_among", "offered_among", "next_due_among"])
def test_named_runs_are_not_compared_with_each_function(store: SqliteStore, file: Path, name: str) -> None:
    """Two thousand runs of a thousand functions took 0.2 s of each claim."""
    plan = _plan(file, SQL[name])
    assert [step for step in plan if step.startswith("SCAN wanted")] == []
    assert any(step.startswith("SEARCH wanted") for step in plan)


def _whole_tables(plan: list[str]) -> list[str]:
    tables = ("SCAN runs", "SCAN history", "SCAN logs", "SCAN inbox", "SCAN measures")
    few = "USING INDEX runs_claimable"  # a partial index: it has only what lies there for anybody to take
    return [step for step in plan if step.startswith(tables) and few not in step]


def _plan(file: Path, statement: str) -> list[str]:
    raw = apsw.Connection(str(file))
    parameters = len(set(re.findall(r"\?\d", statement))) or statement.count("?")
    values = ("[]",) * parameters or _Anything()
    plan = [str(step[3]) for step in raw.execute(f"EXPLAIN QUERY PLAN {statement}", values)]
    raw.close()
    assert plan
    return plan


class _Anything(dict[str, object]):
    """A value for every parameter."""

    def __missing__(self, key: str) -> object:
        return None


@pytest.mark.parametrize("begun", [False, True])
def test_a_ctrl_c_that_leaves_the_writer_locked_holds_up_nobody(tmp_path: Path, begun: bool) -> None:
    """It may strike before the first line of what sees to the end of a `with` block."""
    store = SqliteStore(tmp_path / "a.db")
    store.migrate()
    store.announce(engine("e1"))
    done: list[str] = []

    def interrupted_program() -> None:
        connection: Any = store._connections.writing().__enter__()
        if begun:
            connection.execute("BEGIN IMMEDIATE")
        own(store, "r1")
        done.append("the same thread")
        other = threading.Thread(target=lambda: (own(store, "r2"), done.append("another one")), daemon=True)
        other.start()
        other.join(10)
        store._connections.writing().__enter__()
        store.close()
        done.append("closed")

    program = threading.Thread(target=interrupted_program, daemon=True)
    program.start()
    program.join(20)
    assert done == ["the same thread", "another one", "closed"]
    again = SqliteStore(tmp_path / "a.db")
    assert {again.load(run) is not None for run in ("r1", "r2")} == {True}
    again.close()
