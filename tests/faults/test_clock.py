"""Somebody sets the clock: no sleep is stuck, none ends twice, no duration is negative, no run is left."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from podium import App, Options, env, sleep, task, workflow
from podium.model import Kind
from podium.store.sqlite import SqliteStore
from tests.store.words import FUNCTIONS, engine, own
from tests.waiting import until

HOUR = 3600.0


class WallClock:
    """What `time.time` says to Podium."""

    def __init__(self) -> None:
        self.offset = 0.0

    def time(self) -> float:
        return time.time() + self.offset


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[WallClock]:
    clock = WallClock()
    monkeypatch.setattr(env, "time", SimpleNamespace(time=clock.time, monotonic=time.monotonic))
    return clock


@task
def note() -> None:
    pass


@workflow
async def naps(count: int, seconds: float) -> int:
    for _ in range(count):
        note()
        await asyncio.sleep(seconds)
    return count


@workflow
def nap(seconds: float) -> str:
    note()
    sleep(seconds)
    return "awake"


released = threading.Event()


@task
async def hold() -> None:
    while not released.is_set():
        await asyncio.sleep(0.005)


@workflow
async def held() -> None:
    note()
    await hold()


def falls_asleep(app: App, run: str) -> None:
    """Wait until its first task is on record, after which it sleeps."""
    until(lambda: app.load(run).entries)


@pytest.mark.parametrize("evict", [False, True], ids=["in memory", "in the store"])
@pytest.mark.parametrize("jump", [-2 * HOUR, 24 * HOUR], ids=["back", "forward"])
def test_sleeps_end_once_each_whatever_the_clock_does(
    tmp_path: Path, clock: WallClock, jump: float, evict: bool
) -> None:
    with App(tmp_path / "a.db", options=Options(evict_always=evict, poll=0.05)) as app:
        run = naps.start(4, 0.15)
        falls_asleep(app, run.id)
        clock.offset = jump
        assert run.result(30) == 4
        row, history = app.load(run.id), app.history(run.id)
    assert [entry.kind for entry in history].count(Kind.TICK) == 4
    times = [row.created, row.started, *[entry.at for entry in history], row.ended]
    assert times == sorted(times)
    assert all(entry.began <= entry.at for entry in history)


def test_a_sleep_that_became_due_by_a_jump_ends_soon(tmp_path: Path, clock: WallClock) -> None:
    with App(tmp_path / "a.db", options=Options(poll=0.05)) as app:
        run = nap.start(HOUR)
        falls_asleep(app, run.id)
        clock.offset = 2 * HOUR
        assert run.result(30) == "awake"


@workflow
async def holds_for(seconds: float) -> str:
    note()
    try:
        async with asyncio.timeout(seconds):
            await hold()
    except TimeoutError:
        return "given up"
    return "held"


def test_what_waits_in_memory_follows_a_jump_as_well(tmp_path: Path, clock: WallClock) -> None:
    """As after a laptop's sleep, which the monotonic clock does not count."""
    released.clear()
    with App(tmp_path / "a.db", options=Options(poll=0.05)) as app:
        run = holds_for.start(HOUR)
        falls_asleep(app, run.id)
        clock.offset = 2 * HOUR
        assert run.result(30) == "given up"


def test_a_process_that_starts_after_the_clock_was_set_back_takes_up_what_was_left_at_once(
    tmp_path: Path, clock: WallClock
) -> None:
    clock.offset = 2 * HOUR
    released.clear()
    with App(tmp_path / "a.db", options=Options(grace=0.0)) as app:
        run = held.start()
        falls_asleep(app, run.id)
        begun = app.load(run.id)
    clock.offset = 0.0
    released.set()
    with App(tmp_path / "a.db", options=Options(poll=0.05)) as app:
        assert app.wait(run.id).result(30).state.value == "succeeded"
        row, history = app.load(run.id), app.history(run.id)
    times = [begun.created, begun.started, *[entry.at for entry in history], row.ended]
    assert times == sorted(times)


def test_a_run_freed_before_the_clock_was_set_back_is_claimed_at_once(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "a.db")
    store.migrate()
    store.announce(engine("e1"))
    own(store, "r1")
    store.announce(engine("e2"))
    store.release({"e1": 0}, 0.0)
    claimed = store.claim("e2", FUNCTIONS, 10, 10.0).heads
    store.close()
    assert [head.id for head in claimed] == ["r1"]
