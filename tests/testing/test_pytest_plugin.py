"""The fixture `podium_app`: a store in memory, a clock that jumps, stubs for tasks."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise

import pytest

import podium
from podium import Retry, UsageError, task, workflow
from podium.client import current_app
from podium.functions import registry
from podium.testing import VirtualApp
from tests.waiting import until


@task(retries=Retry(times=3, wait=3600, max_wait=86_400, jitter=False))
async def charge(order: str) -> str:
    raise ConnectionError("no test pays for real")


@task
def ship(order: str) -> str:
    raise ConnectionError("nor ships")


@workflow
async def buy(order: str) -> str:
    paid = await charge(order)
    await asyncio.sleep(14 * 86_400)
    return f"{paid}, {ship(order)}"


@workflow
async def asks() -> str:
    try:
        return await podium.receive("answer", str, timeout=30 * 86_400)
    except TimeoutError:
        return "nobody"


@task
def reads() -> float:
    podium.measure("clocks", 2)
    return podium.now().timestamp()


@workflow
async def measures() -> float:
    podium.measure("clocks", 1)
    await asyncio.sleep(86_400)
    return reads()


def hourly() -> str:
    return ship(str(podium.scheduled_for().hour))


@pytest.fixture
def _scheduled() -> Iterator[None]:
    """For one test only: every app of this process would keep the schedule."""
    declared = workflow(schedule=podium.every("1h"))(hourly)
    yield
    del registry[declared.name]


def test_fourteen_days_take_no_time(podium_app: VirtualApp) -> None:
    charged = podium_app.stub(charge, returns="paid")
    podium_app.stub(ship, lambda order: f"{order} shipped")
    began = time.monotonic()
    run = buy.start("7")
    assert run.result() == "paid, 7 shipped"
    assert time.monotonic() - began < 30
    assert charged.calls == [{"order": "7"}]
    row = podium_app.load(run.id)
    assert row.started is not None
    assert row.ended is not None
    assert timedelta(seconds=row.ended - row.started) >= timedelta(days=14)


def test_tasks_see_the_clock_that_jumps(podium_app: VirtualApp) -> None:
    began = time.time()
    seen = measures.run()
    body, in_task = podium.series("clocks", app=podium_app)
    assert body.at.timestamp() - began < 3600
    assert in_task.at.timestamp() - began >= 86_400
    assert seen - began >= 86_400


def test_backoffs_are_jumped_over_too(podium_app: VirtualApp) -> None:
    failing = podium_app.stub(charge, raises=ConnectionError("down"))
    with pytest.raises(ConnectionError, match="down"):
        buy.run("7")
    assert len(failing.calls) == 4


def test_a_stub_is_called_as_the_task_is_and_goes_with_the_test(podium_app: VirtualApp) -> None:
    seen: list[str] = []

    async def pay(order: str) -> str:
        seen.append(order)
        await asyncio.sleep(0)
        if len(seen) == 1:
            raise ConnectionError("once")
        return "paid"

    podium_app.stub(charge, pay)
    podium_app.stub(ship, returns="shipped")
    assert buy.run("7") == "paid, shipped"
    assert seen == ["7", "7"]
    with pytest.raises(UsageError, match="one of a function, returns= and raises="):
        podium_app.stub(ship)
    with pytest.raises(UsageError, match="buy is a workflow"):
        podium_app.stub(buy, returns=1)
    with pytest.raises(UsageError, match="a sync task is stubbed by a sync function"):
        podium_app.stub(ship, pay)


def test_the_stubs_of_another_test_are_gone() -> None:
    with pytest.raises(ConnectionError, match="nor ships"):
        ship("x")


def test_time_stands_where_nobody_waits_so_a_signal_comes_in_time(podium_app: VirtualApp) -> None:
    run = asks.start()
    time.sleep(0.1)  # time for a clock that jumped by itself to do so
    run.send("answer", "here")
    assert run.result() == "here"
    assert asks.run() == "nobody"


@pytest.mark.usefixtures("_scheduled")
def test_a_day_of_a_schedule(podium_app: VirtualApp) -> None:
    shipped = podium_app.stub(ship, returns="sent")
    podium_app.advance("1d")
    assert 23 <= len(shipped.calls) <= 25
    hours = [int(call["order"]) for call in shipped.calls]
    assert all((after - before) % 24 == 1 for before, after in pairwise(hours))


def test_async_tests_wait_likewise(podium_app: VirtualApp) -> None:
    podium_app.stub(charge, returns="paid")
    podium_app.stub(ship, returns="shipped")

    async def main() -> str:
        return await buy.start("7")

    assert asyncio.run(main()) == "paid, shipped"


def test_the_plugin_costs_nothing_until_it_is_used() -> None:
    program = (
        "import sys, pytest\n"
        "import podium.pytest_plugin\n"
        "print([name for name in sys.modules if name.startswith('podium.')])"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout == "['podium.pytest_plugin']\n"


@workflow(alerts=[podium.alert.waiting("boss", "http://127.0.0.1:9/hooks/T0KEN"), podium.alert.failed("ops")])
async def asks_a_person() -> None:
    await podium.ask("Go on?", bool)
    raise ValueError("no")


def test_alerts_are_kept_and_sent_to_nobody(podium_app: VirtualApp) -> None:
    run = asks_a_person.start()
    podium_app.advance("1s")
    run.answer(True)
    with pytest.raises(ValueError, match="no"):
        run.result()
    podium_app.advance("1s")
    told = {(channel.partition("#")[0], notice.kind, notice.run) for channel, notice in podium_app.alerts}
    assert told == {
        ("boss", "waiting", run.id),
        ("http://127.0.0.1:9/…", "waiting", run.id),
        ("ops", "failed", run.id),
    }


def test_calls_of_a_test_without_an_app_keep_their_alerts() -> None:
    run = asks_a_person.start()
    kept = current_app().profile.kept_notices
    assert kept is not None
    until(lambda: len([notice for _, notice in kept if notice.run == run.id]) == 2)
    run.answer(True)
    with pytest.raises(ValueError, match="no"):
        run.result()
