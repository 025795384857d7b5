"""What a task asks of Podium goes to the app that runs it, whatever else is open in the process."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import podium
from podium import App, Run, task, workflow
from podium.client import current_app

go = threading.Event()


@pytest.fixture(autouse=True)
def closed_gate() -> Iterator[None]:
    go.clear()
    yield
    go.set()


@workflow
def echo(text: str) -> str:
    return text


@task
def speaks(text: str) -> str:
    assert go.wait(15)
    podium.this().send("said", text)
    return echo.options(id="echo").run(text)


@task
async def speaks_too(text: str) -> str:
    while not go.is_set():
        await asyncio.sleep(0.005)
    await podium.this().send("said", text)
    return await echo.options(id="echo").start(text)


@workflow
def plain(text: str) -> list[str]:
    return [speaks(text), podium.receive("said", str, timeout=5).result()]


@workflow
async def asynchronous(text: str) -> list[str]:
    return [await speaks_too(text), await podium.receive("said", str, timeout=5)]


@pytest.mark.parametrize("flow", [plain, asynchronous], ids=["plain", "async"])
def test_two_stores_have_a_run_of_one_id_and_each_ones_task_speaks_to_its_own(
    tmp_path: Path, flow: podium.Workflow[[str], list[str]]
) -> None:
    with App(tmp_path / "a.db") as a:
        mine: Run[list[str]] = flow.options(id="K").start("of a")
        with App(tmp_path / "b.db") as b:
            theirs = flow.options(id="K").start("of b")
            go.set()
            assert mine.result(timeout=15) == ["of a", "of a"]
            assert theirs.result(timeout=15) == ["of b", "of b"]
            assert a.load("echo").digest != b.load("echo").digest


@task
def finds_its_app(other: str) -> list[str]:
    home = current_app()
    with App(other, drives="nothing") as inner:
        inside = current_app() is inner
    return [home.url, str(inside), current_app().url]


@workflow
def asks_where(other: str) -> list[str]:
    return finds_its_app(other)


def test_a_task_that_opens_another_app_means_that_one_and_nobody_else_does(tmp_path: Path) -> None:
    with App(tmp_path / "a.db") as a:
        other = str(tmp_path / "b.db")
        assert asks_where.run(other) == [a.url, "True", a.url]
        assert current_app() is a


@task
def opens_for_a_while(other: str) -> str:
    with App(other, drives="nothing"):
        opened.set()
        assert go.wait(15)
    return other


@workflow
def opens(other: str) -> str:
    return opens_for_a_while(other)


opened = threading.Event()


def test_an_app_that_a_task_has_opened_is_not_meant_outside_of_it(tmp_path: Path) -> None:
    opened.clear()
    with App(tmp_path / "a.db") as a:
        run = opens.start(str(tmp_path / "b.db"))
        assert opened.wait(15)
        assert current_app() is a
        go.set()
        run.result(timeout=15)


def test_a_task_that_is_taken_up_as_its_app_opens_means_that_app(tmp_path: Path) -> None:
    """It may run before the `with` block has begun, and before the app's own engine is known to it."""
    with App(tmp_path / "a.db", drives="nothing"):
        run = asks_where.options(id="left").start(str(tmp_path / "b.db"))
    told: list[str] = []

    def late(self: App) -> None:
        if self.drives == "all":
            told.extend(self.wait(run.id).result(15).payload.decode().split('"'))
        enter(self)

    enter = App.enter
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(App, "enter", late)
        with App(tmp_path / "a.db") as a:
            pass
    assert told.count(a.url) == 2


@pytest.mark.parametrize("first", ["outer", "inner"])
def test_apps_may_be_left_in_any_order(tmp_path: Path, first: str) -> None:
    with App(tmp_path / "around.db", drives="nothing") as around:
        outer, inner = App(tmp_path / "a.db"), App(tmp_path / "b.db")
        outer.__enter__()
        inner.__enter__()
        left, stays = (outer, inner) if first == "outer" else (inner, outer)
        left.__exit__(None, None, None)
        assert current_app() is stays
        assert echo.run("x") == "x"
        stays.__exit__(None, None, None)
        assert current_app() is around
