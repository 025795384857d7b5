"""A child that is parked is asked to stop like any other: it ends at once, whoever has its code, unless it
has something to undo, or a step of which only a person can know."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import podium
from podium import App, Options, Run, RunCancelled, RunParked, task, workflow
from podium.cli.story import tree
from podium.inspect import RunProgress
from podium.model import Fence, State, Write, read_name
from tests.waiting import until

seen: list[str] = []


@pytest.fixture(autouse=True)
def _nothing_seen() -> None:
    seen.clear()
    edited.clear()


@pytest.fixture
def app(store: Path) -> Iterator[App]:
    """One whose looks are rare, so that what happens is not their doing."""
    with App(store, options=Options(poll=30, grace=2)) as app:
        yield app


@workflow
async def stuck() -> None:
    await asyncio.Event().wait()


@workflow
async def asks() -> bool:
    return await podium.ask("Well?", bool)


@task
async def unbook(what: str, order: str) -> None:
    seen.append(f"unbook {order}")


@task(undo=unbook)
async def book(order: str) -> str:
    return "booked"


@task(once=True, timeout=0.05)
async def ship(order: str) -> str:
    await asyncio.sleep(1000)
    return "shipped"


edited: list[str] = []


@workflow
async def books() -> None:
    for order in edited:
        await ship(order)
    await book("7")
    await asyncio.Event().wait()


@workflow
async def ships() -> None:
    await ship("7")


CHILDREN: dict[str, Any] = {"stuck": stuck, "asks": asks, "books": books, "ships": ships}


@workflow
async def fails(child: str) -> None:
    CHILDREN[child].options(id="child").start()
    await podium.receive("go")
    raise ValueError("no")


@workflow
async def lets_go(child: str) -> str:
    started = CHILDREN[child].options(id="child").start()
    await podium.receive("go")
    started.cancel()
    await podium.receive("end")
    return "ended"


@workflow
async def leaves_it_in_line() -> None:
    stuck.options(id="child", delay=3600).start()
    await podium.receive("go")
    raise ValueError("no")


@workflow
async def waits(child: str) -> None:
    await CHILDREN[child].options(id="child").start()


def park(app: App, child: str) -> Run[Any]:
    until(lambda: app.store.load("child"))
    run: Run[Any] = CHILDREN[child].get("child")
    if child == "asks":
        until(lambda: run.history(), "it has asked")
        run.pause(by="ada")
    until(lambda: run.state is State.PARKED)
    return run


def stop(parent: Run[Any], body: Any) -> None:
    if body is waits:
        parent.cancel()
    else:
        parent.send("go")


@pytest.mark.parametrize("child", ["stuck", "asks"])
@pytest.mark.parametrize("body", [fails, lets_go, waits])
def test_one_with_nothing_to_undo_ends_at_once(app: App, body: Any, child: str) -> None:
    parent = body.start(child)
    run = park(app, child)
    stop(parent, body)
    until(lambda: run.state is State.CANCELLED, seconds=1.0)
    assert read_name(run.history()[-1].name)[0] == "cancel", "on record"
    if body is lets_go:
        parent.send("end")


@pytest.mark.parametrize("body", [fails, waits])
def test_one_whose_code_nobody_has_ends_as_well(app: App, body: Any) -> None:
    parent = body.start("stuck")
    run = park(app, "stuck")
    fence = Fence("child", app.load("child").token, frozenset({State.PARKED}))
    app.store.commit(None, [Write(fence, rename="gone:flow")])
    stop(parent, body)
    until(lambda: app.load(run.id).state is State.CANCELLED, seconds=1.0)


def test_one_that_is_in_line_for_code_that_nobody_has_ends_too(app: App) -> None:
    parent = leaves_it_in_line.start()
    until(lambda: app.store.load("child"))
    app.store.commit(None, [Write(Fence("child", 0, frozenset({State.QUEUED})), rename="gone:flow")])
    parent.send("go")
    until(lambda: app.load("child").state is State.CANCELLED, seconds=1.0)


def test_what_can_neither_go_on_nor_be_forgotten_says_that_it_is_to_stop(app: App) -> None:
    parent = waits.start("books")
    run = park(app, "books")
    edited.append("8")
    parent.cancel()
    until(lambda: "E204" in run.why())
    assert "its parent has asked it to stop, " in run.why()
    assert "ago, and it does when it goes on" in run.why()
    assert seen == []
    edited.clear()
    run.resume()
    until(lambda: run.state is State.CANCELLED)
    assert seen == ["unbook 7"]


def test_who_has_asked_it_to_stop_is_the_person_where_it_was_one(app: App) -> None:
    waits.start("books")
    run = park(app, "books")
    edited.append("8")
    run.cancel(by="ada")
    until(lambda: "E204" in run.why())
    assert "ada has asked it to stop, " in run.why()
    assert "parent" not in run.why()


def test_what_it_has_done_is_undone_first(app: App) -> None:
    parent = waits.start("books")
    run = park(app, "books")
    parent.cancel()
    until(lambda: run.state is State.CANCELLED)
    assert seen == ["unbook 7"]


def test_a_step_in_doubt_stays_a_persons_and_why_says_that_it_ends_then(app: App) -> None:
    parent = waits.start("ships")
    run = park(app, "ships")
    assert "asked to stop" not in run.why()
    parent.cancel()
    until(lambda: "the run was asked to stop, and ends when that is settled" in run.why())
    assert run.state is State.PARKED
    assert f"podium settle {run.id} /ship" in run.why()
    run.settle("ship", happened="it is out")
    with pytest.raises(RunCancelled):
        run.result(20)


def test_show_of_its_parent_speaks_of_no_try(app: App) -> None:
    parent = waits.start("stuck")
    park(app, "stuck")
    lines = tree(RunProgress(parent.history(), branches=True), app.load(parent.id), 0.0)
    assert [line for line in lines if "began" in line]
    assert not [line for line in lines if "try" in line]


def test_a_retry_that_is_still_in_line_undoes_what_it_has_copied(store: Path) -> None:
    with App(store):
        run = books.start()
        until(lambda: run.state is State.PARKED)
        run.terminate()
    with App(store, drives="nothing"):
        again = books.get(run.id).retry()
        again.cancel()
        assert seen == []
    with App(store) as app:
        until(lambda: app.load(again.id).state is State.CANCELLED)
    assert seen == ["unbook 7"]


def test_with_a_parked_parent_it_ends_without_any_engine(store: Path) -> None:
    with App(store) as app:
        parent = waits.start("stuck")
        park(app, "stuck")
        parent.pause(by="ada")
        with pytest.raises(RunParked):
            parent.result(20)
    with App(store, drives="nothing") as app:
        waits.get(parent.id).cancel()
        assert [app.load(run).state for run in (parent.id, "child")] == [State.CANCELLED] * 2
