"""A server that answers no look: how long who looks waits for it, above all on an event loop."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import closing
from typing import Any

import pytest

import podium
from podium import App, task, workflow
from podium.errors import StoreUnavailable
from podium.model import Query
from podium.process import drive_loop
from podium.store import open_store
from podium.store.postgres import PostgresStore, lines
from podium.store.postgres.rows import LOAD
from podium.store.postgres.statements import SILENCE, Connection
from tests.fleet.proxy import Proxy
from tests.postgres import shared

LOOK = LOAD.encode().split(b"%")[0]  # as it is sent, up to its first value


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    with Proxy(shared().port) as proxy:
        yield proxy


@pytest.fixture
def behind(proxy: Proxy, url: str) -> str:
    return url.replace(str(shared().port), str(proxy.port))


@pytest.fixture
def store(behind: str) -> Iterator[PostgresStore]:
    with closing(open_store(behind)) as store:
        assert isinstance(store, PostgresStore)
        store.migrate()
        yield store


def on_a_loops_thread(act: Callable[[], Any]) -> Any:
    """What it gives, or raises, on a thread that drives a loop of ours."""
    came: Future[Any] = Future()

    def run() -> None:
        drive_loop()
        try:
            came.set_result(act())
        except BaseException as error:
            came.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return came.result(30)


def test_a_look_is_given_up_as_soon_as_a_commit_and_a_search_later_but_on_a_loop(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[float] = []
    monkeypatch.setattr(
        Connection,
        "silence",
        property(lambda _: SILENCE, lambda _, value: given.append(value)),
        raising=False,
    )
    store.load("r1")
    store.find(Query())
    on_a_loops_thread(lambda: store.find(Query()))
    assert given == [SILENCE, lines.SEARCH_SILENCE, SILENCE]


def test_on_a_loop_nobody_looks_twice_at_a_server_that_says_nothing(
    store: PostgresStore, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "SILENCE", 0.2)
    store.find(Query())
    made, proxy.is_black_hole = proxy.made, True
    with pytest.raises(StoreUnavailable, match=re.escape("silent for 0.2 s")):
        on_a_loops_thread(lambda: store.find(Query()))
    assert proxy.made == made, "which a second one would have been asked for, in vain again"


def test_on_a_loop_nobody_waits_long_for_who_waits_for_the_server(
    store: PostgresStore, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "SILENCE", 0.2)
    with store._reading.held(), pytest.raises(StoreUnavailable, match="takes too long"):
        on_a_loops_thread(lambda: store.load("r1"))


# -- a program ------------------------------------------------------------------------------------------

mute = threading.Event()
ticked = threading.Event()


@task
async def who() -> str:
    """Asks which run it is of while no look is answered."""
    mute.set()
    me = podium.this()
    await me.send("hello", me.id)
    return me.id


@task
async def ticks() -> None:
    for _ in range(5):
        await asyncio.sleep(0.01)
    ticked.set()


@workflow
async def both() -> str:
    said, _ = await asyncio.gather(who(), ticks())
    assert await podium.receive("hello", str) == said
    return said


def test_which_run_a_task_is_of_is_known_though_no_look_is_answered(behind: str, proxy: Proxy) -> None:
    with App(behind, starter="") as app:
        assert app.host
        assert app.store.load("nobody") is None
        proxy.silences = lambda data: mute.is_set() and LOOK in data
        run = both.start()
        assert run.result(20) == run.id
        assert ticked.is_set()
        proxy.silences = lambda _: False
