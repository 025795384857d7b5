"""A paused run begins nothing new, lets end what has begun, and waits with the words of who paused it."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import podium
from podium import App, Options, Run, RunParked, WrongState, task, workflow
from podium.model import Kind, State
from tests.waiting import until

begun, go_on = threading.Event(), threading.Event()


@pytest.fixture(autouse=True)
def _fresh() -> None:
    begun.clear()
    go_on.clear()


@task
def first() -> str:
    begun.set()
    assert go_on.wait(20)
    return "first"


@task
def second() -> str:
    return "second"


@workflow
def two() -> list[str]:
    return [first(), second()]


def results(run: Run[Any]) -> list[str]:
    return [entry.step for entry in run.history() if entry.kind is Kind.RESULT]


def parked(run: Run[Any]) -> None:
    with pytest.raises(RunParked, match=r"paused by ada at 20\d\d-\d\d-\d\d \d\d:\d\d:\d\d UTC"):
        run.result(timeout=20)


def test_what_has_begun_ends_and_nothing_begins_until_it_is_resumed(app: App) -> None:
    run = two.start()
    assert begun.wait(20)
    run.pause(by="ada")
    run.pause(by="ada")
    go_on.set()
    parked(run)
    assert results(run) == ["/first"]
    assert "paused by ada" in run.why()
    run.pause(by="bob")
    parked(run)
    run.resume()
    assert run.result(timeout=20) == ["first", "second"]
    assert results(run) == ["/first", "/second"]
    with pytest.raises(WrongState, match="has ended"):
        run.pause()


@workflow
async def wide() -> list[str]:
    return await asyncio.gather(*(waits(n) for n in range(4)))


ran: list[int] = []


@task
async def waits(n: int) -> str:
    ran.append(n)
    begun.set()
    while not go_on.is_set():
        await asyncio.sleep(0.002)
    return f"{n}"


@task
async def pauses_its_run() -> str:
    await podium.this().pause(by="ada")
    return "last"


@workflow
async def pauses(more: bool) -> list[str]:
    return [await pauses_its_run(), *([second()] if more else [])]


def test_one_that_pauses_itself_in_its_last_step_ends_as_what_has_begun_does(app: App) -> None:
    assert pauses.run(False) == ["last"]
    run = pauses.start(True)
    parked(run)
    run.resume()
    assert run.result(timeout=20) == ["last", "second"]


def test_what_is_in_line_for_a_slot_does_not_begin(store: Path) -> None:
    ran.clear()
    with App(store, options=Options(poll=0.05, loop_slots=1)):
        run = wide.start()
        assert begun.wait(20)
        run.pause(by="ada")
        time.sleep(0.1)
        go_on.set()
        parked(run)
        assert ran == [0]
        run.resume()
        assert run.result(timeout=20) == ["0", "1", "2", "3"]
        assert ran == [0, 1, 2, 3]


@workflow
async def rests() -> str:
    await asyncio.sleep(2)  # longer than the way from a start to a pause takes on a busy machine
    return "rested"


def test_a_sleep_waits_too(app: App) -> None:
    run = rests.start()
    run.pause(by="ada")
    parked(run)
    time.sleep(2.1)
    assert run.state is State.PARKED
    run.resume()
    assert run.result(timeout=20) == "rested"


def test_one_that_nobody_drives_is_parked_at_once(store: Path) -> None:
    with App(store, drives="nothing"):
        run = two.start()
        run.pause(by="ada")
        assert run.state is State.PARKED
    go_on.set()
    with App(store, options=Options(poll=0.05)):
        podium.get(run.id).resume()
        assert podium.get(run.id).result(timeout=20) == ["first", "second"]


def test_one_that_is_to_begin_later_is_resumed_and_waits_for_its_instant(app: App) -> None:
    run = rests.options(delay=3600).start()
    due = app.load(run.id).due
    run.pause(by="ada")
    parked(run)
    run.resume()
    assert app.load(run.id).due == due
    assert "it was told to begin in " in run.why()
    run.pause(by="ada")
    parked(run)
    run.resume()
    assert app.load(run.id).due == due
    run.cancel()


def test_one_that_was_to_begin_while_it_was_paused_begins_when_it_is_resumed(app: App) -> None:
    run = rests.options(delay=1).start()
    run.pause(by="ada")
    parked(run)
    time.sleep(1.1)
    run.resume()
    assert run.result(timeout=20) == "rested"


def test_a_paused_run_is_cancelled(app: App) -> None:
    run = rests.start()
    run.pause(by="ada")
    parked(run)
    run.cancel()
    assert run.state is State.CANCELLED


@workflow
async def rests_long() -> None:
    await asyncio.sleep(3600)


def test_a_cancel_in_the_moment_of_a_pause_ends_the_run(app: App) -> None:
    runs = [rests_long.start() for _ in range(40)]

    def pause(run: Run[Any]) -> None:
        with contextlib.suppress(WrongState):  # the cancel was first
            run.pause(by="ada")

    with ThreadPoolExecutor(2) as pool:
        for run in runs:
            for asked in [pool.submit(pause, run), pool.submit(run.cancel)]:
                asked.result()
    until(lambda: {run.state for run in runs} == {State.CANCELLED})


@task
def knows_itself() -> tuple[str, str]:
    podium.this().send("from-task", 1)
    return podium.this().id, str(podium.this().state)


@workflow
def itself() -> list[Any]:
    podium.this().send("own", 2).result()
    told = knows_itself()
    return [
        podium.this().id,
        *told,
        podium.receive("own", int).result(),
        podium.receive("from-task").result(),
    ]


def test_this_is_the_run_in_a_body_and_in_a_task(app: App) -> None:
    run = itself.start()
    assert run.result(timeout=20) == [run.id, run.id, "running", 2, 1]


@workflow
def reads_itself() -> None:
    _ = podium.this().state


def test_a_body_does_not_read_itself(app: App) -> None:
    with pytest.raises(podium.UsageError, match=r"test_pausing.py:\d+: run.state\(...\) in the body"):
        reads_itself.run()
    with pytest.raises(podium.UsageError, match="this"):
        podium.this()
