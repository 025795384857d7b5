"""Somebody holds the write lock for many leases: runs wait, nobody is blamed, and all say for whom."""

from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path

import apsw
import pytest

from podium import App, task, workflow
from podium.errors import StoreUnavailable
from podium.opening import opened
from podium.store import open_store
from tests.chaos.theatre import Theatre
from tests.chaos.witness import View
from tests.store.words import engine, queue


def hold(store: Path) -> apsw.Connection:
    connection = apsw.Connection(str(store))
    connection.set_busy_timeout(10_000)
    connection.execute("BEGIN IMMEDIATE")
    return connection


def test_runs_wait_for_a_lock_and_nothing_counts_as_a_failure(theatre: Theatre) -> None:
    one, two = theatre.start("a", lease=0.4), theatre.start("a", lease=0.4)
    runs = [theatre.at_the_gate(process, "a") for process in (one, two)]
    intruder = hold(theatre.store)
    theatre.open("a")
    me = f"process {os.getpid()} ("
    for process in (one, two):
        theatre.hears(process, "runs wait for the store: " + me)
    assert len(theatre.noted("-through")) == 2, "their tasks ended, only the record waits"
    late = theatre.start("a", lease=0.4)
    theatre.hears(late, "podium: waiting for the store: " + me)
    intruder.close()
    for process in (one, two, late):
        code, out, err = theatre.ends(process)
        assert (code, len(out.split())) == (0, 3)
        assert "lost" not in err
    view = View(theatre.store)
    for run in runs:
        state, token, lost, _ = view.runs[run]
        assert (state, token, lost) == ("succeeded", 1, 0), "nobody was taken for dead"
        assert [kind for _, kind, *_ in view.histories[run]] == ["result"] * 3
    assert len(theatre.noted("begins")) == 3


def test_a_refused_commit_names_the_process_that_holds_the_lock(tmp_path: Path) -> None:
    store = open_store(tmp_path / "a.db", patience=0.05)
    store.migrate()
    store.announce(engine("e1"))
    intruder = hold(tmp_path / "a.db")
    with pytest.raises(StoreUnavailable, match=rf"process {os.getpid()} \(.*a\.db for too long"):
        queue(store, "r1")
    intruder.close()
    queue(store, "r1")
    store.close()


begun = threading.Semaphore(0)


@task(timeout=1.0)
async def takes_half_its_time() -> str:
    begun.release()
    await asyncio.sleep(0.5)
    return "in time"


@task
async def ends_at_once() -> None:
    await asyncio.sleep(0.1)
    begun.release()


@workflow
async def both() -> str:
    in_time, _ = await asyncio.gather(takes_half_its_time(), ends_at_once())
    return in_time


def test_a_task_is_not_blamed_for_the_time_that_the_engine_waits_for_a_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opened, "CALL_PATIENCE", 0.1)
    with App(tmp_path / "a.db") as app:
        run = both.start()
        assert begun.acquire(timeout=30)
        intruder = hold(tmp_path / "a.db")
        assert begun.acquire(timeout=30)  # from now on the engine wants to commit, and cannot
        threading.Event().wait(1.5)  # longer than the other task may take
        intruder.close()
        assert run.result(30) == "in time"
        assert [entry.kind.value for entry in app.history(run.id)] == ["result"] * 2


tries: list[str] = []


@task(retries=0)
def asks_its_store(elsewhere: bool) -> int:
    """The first time it is locked for too long."""
    tries.append("")
    if len(tries) == 1:
        error = StoreUnavailable("locked")
        error.elsewhere = elsewhere
        raise error
    return len(tries)


@workflow
def asks(elsewhere: bool) -> int:
    return asks_its_store(elsewhere)


def test_the_trouble_of_its_store_is_no_outcome_of_a_task(tmp_path: Path) -> None:
    """As of the one that starts what a schedule has due: it failed, and the schedule with it."""
    tries.clear()
    with App(tmp_path / "a.db") as app:
        run = asks.start(False)
        assert run.result(30) == 2
        assert [entry.kind.value for entry in app.history(run.id)] == ["result"]
        tries.clear()
        with pytest.raises(StoreUnavailable):
            asks.run(True)
