"""Which threads touch the store: the one that drives runs reads nothing, and commits where that is quick."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from podium import App, Options, Retry, attempt, task, workflow
from podium.client import StartOptions
from podium.model import State
from podium.store.sqlite.connections import Connections
from podium.store.sqlite.store import SqliteStore

DRIVING = "podium-engine"
OPTIONS = Options(poll=0.05, evict_always=True)


@task(retries=Retry(times=1, wait=0.0))
async def second_try(n: int) -> int:
    if attempt() == 1:
        raise ValueError(n)
    return n


@task
def fails() -> None:
    raise ValueError("it fails")


@workflow
async def busy(n: int) -> int:
    found = await second_try.map(range(n))
    await asyncio.sleep(0.01)
    return sum(found)


@workflow
def fails_in_the_end() -> None:
    fails()


@pytest.fixture
def touched(monkeypatch: pytest.MonkeyPatch) -> dict[str, set[str]]:
    """By `reading` and `writing` the names of the threads that did."""
    seen: dict[str, set[str]] = {"reading": set(), "writing": set()}
    for name, what in (("reading", "reading"), ("writing", "writing"), ("committing", "writing")):
        real = getattr(Connections, name)

        def noted(self: Any, what: str = what, real: Any = real) -> Any:
            seen[what].add(threading.current_thread().name)
            return real(self)

        monkeypatch.setattr(Connections, name, noted)
    return seen


def live(url: Path) -> None:
    """What engines are asked to do: drive runs, drop and replay them, look at those of others, retry."""
    with App(url, options=OPTIONS) as other, App(url, options=OPTIONS) as app:
        ids = [app.start(busy._function, (n,), {}, StartOptions()).id.result(30) for n in range(4)]
        ids.append(app.start(fails_in_the_end._function, (), {}, StartOptions()).id.result(30))
        ends = [other.wait(id).result(20).state for id in ids]
        assert ends == [State.SUCCEEDED] * 4 + [State.FAILED]
        assert app.wait(app.retry(ids[-1]).id.result(30)).result(20).state is State.FAILED


@pytest.mark.parametrize("is_near", [True, False], ids=["near", "far"])
def test_the_driving_thread_reads_nothing_and_commits_only_to_a_store_that_is_near(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, touched: dict[str, set[str]], is_near: bool
) -> None:
    monkeypatch.setattr(SqliteStore, "near", is_near)
    live(tmp_path / "podium.db")
    assert DRIVING not in touched["reading"]
    assert {"podium-reader", "podium-writer"} & touched["reading"], "else this saw nothing"
    assert (DRIVING in touched["writing"]) is is_near
