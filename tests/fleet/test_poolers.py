"""Behind PgBouncer that hands out a connection for a transaction at a time; and by a role that may little."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from podium import App, Options, StoreRefused, task, workflow
from podium.model import Write
from podium.store import open_store
from podium.store.postgres import PostgresStore
from podium.store.postgres.lines import Server
from podium.store.postgres.statements import rows, trip
from tests.postgres import pgbouncer, shared
from tests.store.words import DONE, new, outcomes

ROOT = Path(__file__).parents[2]
QUICK = Options(poll=0.1)
# What docs/postgres.md says that a role needs once the schema is there.
GRANTS = """
GRANT USAGE ON SCHEMA podium TO lesser;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA podium TO lesser;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA podium TO lesser;
"""


@task
def doubled(number: int) -> int:
    return 2 * number


@workflow
async def sums(count: int) -> int:
    return sum(await doubled.map(range(count)))


@pytest.fixture(autouse=True)
def in_a_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


@pytest.fixture
def pooled(url: str) -> Iterator[str]:
    """The test's database behind PgBouncer with few connections."""
    with pgbouncer(shared()) as place:
        yield f"{place}/{url.rpartition('/')[2]}"


def test_runs_go_through_a_pooler_and_two_engines_share_them(pooled: str) -> None:
    with App(pooled, options=QUICK, starter="") as one, App(pooled, options=QUICK, starter="") as other:
        assert one.host.id != other.host.id
        runs = [sums.start(20) for _ in range(10)]
        assert [run.result(30) for run in runs] == [380] * 10


def test_behind_a_pooler_engines_poll_and_doctor_says_so(pooled: str) -> None:
    with closing(open_store(pooled)) as store:
        store.migrate()
    ran = subprocess.run(
        ["podium", "doctor", "--store", pooled], capture_output=True, text=True, check=False, timeout=60
    )
    assert "engines poll each second" in ran.stdout + ran.stderr


def test_behind_a_pooler_who_has_no_engine_prepares_nothing(pooled: str) -> None:
    """And does not spend the second in which a notification would have to arrive."""
    with closing(open_store(pooled)) as store:
        assert isinstance(store, PostgresStore)
        store.migrate()
        for number in range(8):
            assert outcomes(store, Write(new_runs=(new(f"r{number}"),)), engine=None) == [DONE]
        assert store.doorbell.is_tried
        assert store.doorbell.hears is None, "it did not listen"
        assert not store.server.is_direct


def test_nothing_is_compiled_and_a_shared_session_stays_as_it_was(url: str) -> None:
    """The estimates of a claim by an engine of many functions made the server compile it: 3 s for each."""
    jit = "SELECT current_setting('jit')"
    with closing(Server(url).connect()) as connection:
        connection.execute("SET jit = on")
        assert rows(connection, jit) == [("off",)]
        assert connection.execute("SHOW jit").fetchone() == ("on",)
        trip(connection, [("BEGIN", {}), (jit, {})])
        with pytest.raises(psycopg.errors.UndefinedTable):
            rows(connection, "SELECT * FROM nothing")
        rows(connection, "ROLLBACK")
        connection.keep_statements()
        assert trip(connection, [("SELECT 1", {}), (jit, {})]) == [[(1,)], [("off",)]]
        assert connection.execute("SHOW jit").fetchone() == ("off",)
        assert rows(connection, jit) == [("off",)]


def test_a_lesser_role_drives_runs_and_makes_nothing(url: str) -> None:
    name = url.rpartition("/")[2]
    lesser = url.replace("podium@", "lesser@")
    shared().execute(
        "DO $$ BEGIN IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'lesser') "
        "THEN CREATE ROLE lesser LOGIN; END IF; END $$"
    )
    with closing(open_store(lesser)) as store, pytest.raises(StoreRefused, match="may not create"):
        store.migrate()
    with closing(open_store(url)) as store:
        store.migrate()
    with closing(open_store(lesser)) as store, pytest.raises(StoreRefused, match="permission denied"):
        store.migrate()
    shared().execute(GRANTS, name)
    with App(lesser, options=QUICK, starter=""):
        assert sums.run(5) == 20
