"""Questions over HTTP: seen with their schema, answered once, by whoever shows a token."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

import podium
from podium import workflow
from tests.server.conftest import Server


@workflow
async def asks() -> bool:
    return await podium.ask("Go on?", bool, to="ops", about={"id": 1042, "total": "12400.00"})


def question(server: Server, run: str) -> Any:
    """What the run asks, when it does."""
    assert server.ask(f"/api/runs/{run}").json["id"] == run
    for _ in range(200):
        found = [item for item in server.ask("/api/asks").json["items"] if item["run"] == run]
        if found:
            return found[0]
        server.ask(f"/api/runs/{run}/wait?timeout=0.05")
    raise AssertionError(f"{run} asks nothing")


def test_a_question_is_answered_once_and_by_its_type(server: Server) -> None:
    run = asks.options(id="asking").start()
    found = question(server, "asking")
    assert (found["prompt"], found["to"], found["schema"]) == ("Go on?", "ops", {"type": "boolean"})
    assert found["about"] == {"id": 1042, "total": "12400.00"}
    path, ask = "/api/runs/asking/answer", found["id"]
    assert server.ask(path, "POST", {"value": "perhaps", "ask": ask}).status == 400
    assert server.ask(path, "POST", {"value": True, "ask": ask}).json == {
        "run": "asking", "by": "owner", "version": 1,
    }  # fmt: skip
    assert run.result(timeout=30) is True
    assert server.ask(path, "POST", {"value": False, "ask": ask}).status == 409
    assert server.ask("/api/asks").json["items"] == []


def test_who_asks_nothing_is_told_so(server: Server) -> None:
    assert server.ask("/api/runs/nobody/answer", "POST", {"value": 1}).status == 404


@pytest.mark.parametrize("text", ["a\0b", "\ud800", "x" * 100_000], ids=lambda text: ascii(text)[:9])
def test_a_name_that_a_store_cannot_hold_is_the_callers_fault(server: Server, text: str) -> None:
    asks.options(id="named").start()
    question(server, "named")
    for body in ({"name": text}, {"name": "paid", "id": text}):
        assert server.ask("/api/runs/named/send", "POST", body).status == 400
    if text == "\ud800":  # in a path it is another sign by the time it is read
        return
    path = quote(text)[:1000]
    assert server.ask(f"/api/callbacks/{path}/complete", "POST", {"value": 1}).status == 400
    assert server.ask(f"/api/runs/{path}/send", "POST", {"name": "paid"}).status == 404
