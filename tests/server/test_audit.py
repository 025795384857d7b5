"""Who changed what is on record, whatever became of it, and what is asked for twice is made once."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

import pytest

from podium.errors import StoreUnavailable
from podium.server import service
from podium.server.api import TABLE
from tests.server.conftest import Server, adds


def audited(server: Server) -> list[tuple[str, str, str]]:
    rows = server.ask("/api/audit").json["items"]
    return [(row["by"], row["target"], row["outcome"]) for row in rows]


def test_every_change_is_on_record_with_who_what_and_how_it_came_out(server: Server) -> None:
    adds.options(id="later", delay=3600).start()
    server.ask("/api/runs/later/cancel", "POST", {})
    server.ask("/api/runs/later/cancel", "POST", {})
    server.ask("/api/runs", "POST", {"function": adds.name, "input": {"n": 1, "password": "hunter2"}})
    assert audited(server) == [
        ("owner", "runs", "E101"),
        ("owner", "runs/later/cancel", "E303"),
        ("owner", "runs/later/cancel", "done"),
    ]
    newest = server.ask("/api/audit?limit=1").json
    assert newest["items"][0]["address"] == "127.0.0.1"
    assert "adds" in newest["items"][0]["said"]
    assert "hunter2" not in newest["items"][0]["said"]
    assert newest["next"] == newest["items"][0]["n"]


def test_no_route_of_a_change_leaves_no_row(server: Server) -> None:
    changes = [route for route in TABLE if route.is_change]
    for number, route in enumerate(changes, 1):
        server.ask(route.path.replace("{", "").replace("}", ""), route.method, _body(route.path))
        assert len(audited(server)) == number, route.path


BODIES = {
    "/api/runs": {"function": "none"},
    "/api/runs/{verb}": {"q": "id:none", "count": 0},
    "/api/runs/{run}/answer": {"value": True},
    "/api/runs/{run}/fork": {"at": "ship"},
    "/api/runs/{run}/send": {"name": "go"},
    "/api/runs/{run}/settle": {"step": "ship", "again": True},
    "/api/schedules/{name}/backfill": {"begin": "today", "end": "today", "count": 0},
}


def _body(path: str) -> Any:
    return BODIES.get(path, {})


def test_what_is_asked_for_twice_by_one_key_is_made_once(server: Server) -> None:
    start = {"function": adds.name, "input": {"n": 1}}
    answers = [server.ask("/api/runs", "POST", start, Idempotency_Key="k1").json["id"] for _ in range(2)]
    assert len(set(answers)) == 1
    assert len(server.ask("/api/runs").json["items"]) == 1
    other = server.ask("/api/runs", "POST", {**start, "tags": ["x"]}, Idempotency_Key="k1")
    assert (other.status, other.json["error"]["code"]) == (409, "E302")
    fresh = server.ask("/api/runs", "POST", start, Idempotency_Key="k2").json["id"]
    assert fresh not in answers


def test_what_failed_may_be_tried_again_by_the_same_key(server: Server) -> None:
    assert server.ask("/api/runs/later/cancel", "POST", {}, Idempotency_Key="k").status == 404
    adds.options(id="later", delay=3600).start()
    assert server.ask("/api/runs/later/cancel", "POST", {}, Idempotency_Key="k").status == 200


def test_a_change_that_is_made_is_made_once_though_its_outcome_cannot_be_put_on_record(
    server: Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(n: int, outcome: str) -> None:
        raise StoreUnavailable("disk full")

    monkeypatch.setattr(server.app.store, "audit_outcome", full)
    start = {"function": adds.name, "input": {"n": 1}}
    ids = {server.ask("/api/runs", "POST", start, Idempotency_Key="k1").json["id"] for _ in range(2)}
    assert len(ids) == 1
    assert len(server.ask("/api/runs").json["items"]) == 1
    assert "the outcome done of change 1 is not on record: disk full" in caplog.text


def test_a_commit_that_takes_too_long_is_503_and_its_key_stays_used(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit: Future[str] = Future()
    asked: list[str] = []

    def slow(run: str, by: object) -> Future[str]:
        asked.append(run)
        return commit

    monkeypatch.setattr(service, "COMMIT_SECONDS", 0.01)
    monkeypatch.setattr(server.app, "cancel", slow)
    adds.options(id="later", delay=3600).start()
    for _ in range(2):
        answer = server.ask("/api/runs/later/cancel", "POST", {}, Idempotency_Key="k")
        assert (answer.status, answer.json["error"]["code"]) == (503, "E501")
        assert "may yet be" in answer.json["error"]["message"]
    assert asked == ["later"]


def test_only_an_admin_sees_who_did_what(server: Server, tmp_path: Any) -> None:
    with open(tmp_path / "podium.db-token", "a", encoding="utf-8") as file:
        file.write(f"operator bob {'o' * 43}\n")
    assert server.ask("/api/audit", token="o" * 43).status == 403
    assert server.ask("/api/tokens", token="o" * 43).status == 403
    assert server.ask("/api/tokens").json["items"] == [
        {"name": "owner", "role": "admin"}, {"name": "bob", "role": "operator"},
    ]  # fmt: skip
