"""Signals that lie in an inbox until the body receives them: what they cost meanwhile, and their order."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest

import podium
from podium import App, Options, task, workflow
from podium.model import Message
from podium.store.sqlite import SqliteStore
from tests.waiting import until

QUICK = Options(poll=0.05)
begun, gate = threading.Event(), threading.Event()


@task
def works() -> None:
    begun.set()
    gate.wait(30)


@workflow
def works_then_receives(numbers: int) -> list[int]:
    works()
    return [podium.receive("number", int).result() for _ in range(numbers)]


@workflow
async def works_then_receives_both() -> list[str]:
    came: list[str] = []

    async def one(name: str) -> None:
        came.append(await podium.receive(name, str))

    await works.start()
    await asyncio.gather(one("a"), one("b"), one("a"))
    return came


def test_what_lies_there_is_not_read_again_with_each_that_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Read with each look, 500 to one run took 120 ms each, and other runs stood."""
    begun.clear()
    gate.clear()
    number, read = 60, list[str]()
    real = SqliteStore.collect

    def collect(self: SqliteStore, engine: str, *seen: Mapping[str, int]) -> list[Message]:
        found = real(self, engine, *seen)
        read.extend(message.id for message in found)
        return found

    monkeypatch.setattr(SqliteStore, "collect", collect)
    with App(tmp_path / "podium.db", options=QUICK) as app:
        run = works_then_receives.start(number)
        assert begun.wait(30)
        for n in range(number):
            run.send("number", n, id=f"n{n}")
            until(lambda n=n: f"n{n}" in read)
        assert len(read) <= 3 * number, "each once, or once more by a look that began before it was taken in"
        assert len(app.store.inbox(run.id)) == number
        gate.set()
        assert run.result(30) == list(range(number))


def test_of_several_names_what_came_first_is_received_first(tmp_path: Path) -> None:
    gate.clear()
    with App(tmp_path / "podium.db", options=QUICK) as app:
        run = works_then_receives_both.start()
        for name, value in (("c", "c1"), ("b", "b1"), ("a", "a1"), ("a", "a2")):
            run.send(name, value)
        gate.set()
        assert run.result(30) == ["b1", "a1", "a2"]
        assert [message.name for message in app.store.inbox(run.id)] == ["c"]
