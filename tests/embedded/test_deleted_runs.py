"""Who waits for a run that was deleted is told so, whatever has its id by now."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

import podium
from podium import App, Options, RunCancelled, RunNotFound, task, workflow
from podium.client import forget
from podium.model import Query, State
from tests.waiting import until

DELETED = "is not in the store any more"


@task
def double(n: int) -> int:
    return 2 * n


@workflow
def rests(n: int) -> int:
    podium.sleep(3600)
    return n


@pytest.fixture(params=["drives", "asks"])
def other(request: pytest.FixtureRequest, app: App, store: Path) -> Iterator[App]:
    """A second app on the store: with an engine, and without."""
    drives = "own" if request.param == "drives" else "nothing"
    with App(store, drives=drives, options=Options(poll=0.05), starter="") as other:
        yield other


def delete(app: App, id: str) -> None:
    assert [why for _, why in forget(app, [app.load(id)])] == [""]


def awaits(run: podium.Run[Any]) -> Any:
    async def ask() -> Any:
        return await run

    return asyncio.run(asyncio.wait_for(ask(), 10))


WAYS: dict[str, Callable[[podium.Run[Any]], Any]] = {
    "result": lambda run: run.result(30),
    "await": awaits,
    "state": lambda run: run.state,
    "why": lambda run: run.why(),
    "history": lambda run: run.history(),
    "cancel": lambda run: run.cancel(),
    "terminate": lambda run: run.terminate(),
    "resume": lambda run: run.resume(),
    "retry": lambda run: run.retry(),
}


@pytest.mark.parametrize("way", ["result", "await"])
@pytest.mark.parametrize("how", ["started", "found"])
def test_waiting_for_a_deleted_run_ends_at_once(app: App, other: App, how: str, way: str) -> None:
    run = double.options(id="x").start(1)
    app.wait("x").result(10)
    run = run if how == "started" else double.get("x")
    delete(app, "x")
    with pytest.raises(RunNotFound, match=DELETED):
        WAYS[way](run)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("successor", [double, rests])
def test_another_run_that_has_its_id_by_now_is_not_taken_for_it(
    app: App, other: App, successor: Any, way: str
) -> None:
    run = double.options(id="x").start(1)
    app.wait("x").result(10)
    delete(app, "x")
    new = successor.options(id="x").start(100)
    with pytest.raises(RunNotFound, match=DELETED):
        WAYS[way](run)
    assert new.state in {State.QUEUED, State.RUNNING, State.WAITING, State.SUCCEEDED}
    if successor is double:
        assert new.result(30) == 200
    else:
        new.cancel()


def test_what_a_map_was_told_is_its_result_though_the_runs_are_deleted_then(app: App, other: App) -> None:
    runs = double.map([1, 2])
    until(lambda: len(app.find(Query(states=frozenset({State.SUCCEEDED})))) == 2)
    for row in app.find(Query()):
        app.wait(row.id).result(10)
    assert list(runs) == [2, 4]


def test_a_run_that_is_deleted_while_it_is_waited_for_is_told_as_ended_or_as_gone(
    app: App, other: App
) -> None:
    run = rests.options(id="x", delay=3600).start(1)
    told: Future[Any] = Future()
    threading.Thread(target=lambda: told.set_result(outcome(run))).start()
    app.terminate("x").result(10)
    delete(app, "x")
    assert isinstance(told.result(30), (RunCancelled, RunNotFound))


def outcome(run: podium.Run[Any]) -> Any:
    try:
        return run.result()
    except podium.PodiumError as error:
        return error
