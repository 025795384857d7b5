"""What the API does to runs, and that it says before what it will do."""

from __future__ import annotations

import pytest

import podium
from podium import RunCancelled, RunParked, TaskFailed
from podium.model import SCHEDULE
from tests.server.conftest import Server, adds, breaks

ADDS, BREAKS = adds.name, breaks.name


def test_a_workflow_is_started_with_arguments_of_its_types(server: Server) -> None:
    start = {"function": ADDS, "input": {"n": 4}, "id": "mine", "tags": ["x"]}
    reply = server.ask("/api/runs", "POST", start)
    assert (reply.status, reply.json["id"]) == (200, "mine")
    assert adds.get("mine").result(timeout=30) == 12
    again = server.ask("/api/runs", "POST", {"function": ADDS, "input": {"n": 4}, "id": "mine"})
    assert (again.status, again.json["state"]) == (200, "succeeded")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"function": ADDS, "input": {"n": "four"}}, 400, "E101"),
        ({"function": ADDS, "input": {"m": 4}}, 400, "E101"),
        ({"function": BREAKS}, 400, "E101"),
        ({"function": "nowhere:nothing"}, 404, "E301"),
        ({"function": SCHEDULE, "input": {"plan": {}, "standing": {}}, "delay": 9}, 404, "E301"),
        ({"function": ADDS, "id": "no blanks"}, 400, "E100"),
        ({"function": ADDS, "delay": -1}, 400, "E100"),
        ({"function": ADDS, "tags": ["a b"]}, 400, "E100"),
        ({"function": ADDS, "retries": 3}, 400, "E100"),
        ({}, 400, "E100"),
        ([], 400, "E100"),
        (b"{", 415, "E100"),
    ],
)
def test_a_start_that_cannot_be_stores_nothing(server: Server, body: object, status: int, code: str) -> None:
    reply = server.ask("/api/runs", "POST", body)
    assert (reply.status, reply.json["error"]["code"]) == (status, code)
    assert server.ask("/api/runs").json["items"] == []


def test_workflows_are_listed_with_the_schema_of_their_arguments(server: Server) -> None:
    listed = {item["name"]: item for item in server.ask("/api/workflows").json["items"]}
    assert not [name for name in listed if name.startswith("podium:")], "what is built in, nobody starts"
    [parameter] = listed[ADDS]["parameters"]
    assert parameter == {
        "name": "n", "annotation": "int", "required": False, "schema": {"type": "integer"}, "default": 3,
    }  # fmt: skip
    assert listed[BREAKS]["schema"]["required"] == ["text"]
    assert listed[ADDS]["where"].partition(":")[0].endswith("conftest.py")


def test_a_run_is_cancelled_once(server: Server) -> None:
    run = adds.options(id="later", delay=3600).start()
    assert server.ask("/api/runs/later/cancel", "POST", {}).json["outcome"] == "ended"
    with pytest.raises(RunCancelled):
        run.result(timeout=30)
    again = server.ask("/api/runs/later/cancel", "POST", {})
    assert (again.status, again.json["error"]["code"]) == (409, "E303")


def test_a_run_is_paused_in_the_name_of_the_token_and_resumed(server: Server) -> None:
    run = adds.options(id="later", delay=3600).start()
    assert server.ask("/api/runs/later/pause", "POST", {}).json["outcome"] == "asked"
    name = server.ask("/api/me").json["name"]
    with pytest.raises(RunParked, match=f"paused by {name}"):
        run.result(timeout=30)
    assert server.ask("/api/runs/later/resume", "POST", {}).json["outcome"] == "in line"


def test_a_failed_run_is_retried_as_a_new_one(server: Server) -> None:
    with pytest.raises((ValueError, TaskFailed)):
        breaks.options(id="bad").run("so")
    assert server.ask("/api/runs/bad/resume", "POST", {}).status == 409
    retried = server.ask("/api/runs/bad/retry", "POST", {}).json
    assert retried["of"] == "bad"
    assert server.ask(f"/api/runs/{retried['id']}").json["origin"] == "bad"


def test_a_fork_goes_its_own_way_from_a_step_on(server: Server) -> None:
    assert adds.options(id="whole").run(3) == 6
    forked = server.ask("/api/runs/whole/fork", "POST", {"at": "double#2", "value": 100}).json
    assert forked["of"] == "whole"
    assert podium.get(forked["id"]).result(timeout=30) == 102
    again = server.ask("/api/runs/whole/fork", "POST", {"at": 3}).json
    assert podium.get(again["id"]).result(timeout=30) == 6
    refused = server.ask("/api/runs/whole/fork", "POST", {"at": "double#2", "value": "much"})
    assert (refused.status, refused.json["error"]["code"]) == (400, "E100")
    assert "the value for /double#2: 'much' is no integer" in refused.json["error"]["message"]
    assert server.ask("/api/runs/whole/fork", "POST", {"at": "triple"}).status == 400


def test_what_matches_is_done_to_all_unless_more_match_by_now(server: Server) -> None:
    for n in range(3):
        adds.options(id=f"later-{n}", delay=3600).start(n)
    shown = server.ask("/api/runs/preview?verb=cancel&q=workflow:adds").json
    assert (shown["count"], shown["command"]) == (3, "podium cancel workflow:adds")
    adds.options(id="later-4", delay=3600).start(4)
    refused = server.ask("/api/runs/cancel", "POST", {"q": "workflow:adds", "count": 3})
    assert refused.status == 409
    assert "4 runs match by now" in refused.json["error"]["message"]
    assert server.ask("/api/runs?q=status:cancelled").json["items"] == []
    assert server.ask("/api/runs/cancel", "POST", {"q": "workflow:adds", "count": 4}).json["done"] == 4


def test_a_body_that_is_no_json_is_refused(server: Server) -> None:
    reply = server.ask("/api/runs/x/cancel", "POST", b"{}", Content_Type="text/plain")
    assert reply.status == 415


def test_what_a_change_does_not_know_is_refused_and_nothing_is_done(server: Server) -> None:
    server.ask("/api/runs", "POST", {"function": ADDS, "input": {"n": 1}, "id": "mine", "delay": 60})
    refused = server.ask("/api/runs/mine/cancel?dry_run=1", "POST", {})
    assert (refused.status, server.ask("/api/runs/mine").json["state"]) == (400, "queued")


def test_a_key_is_compared_whole(server: Server) -> None:
    body = {"function": ADDS, "input": {"n": 1}}
    first = server.ask("/api/runs", "POST", body, Idempotency_Key="k" * 199 + "1")
    second = server.ask("/api/runs", "POST", body, Idempotency_Key="k" * 199 + "2")
    assert first.json["id"] != second.json["id"]
    assert server.ask("/api/runs", "POST", body, Idempotency_Key="k" * 201).status == 400
