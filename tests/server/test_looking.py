"""What the API shows of runs."""

from __future__ import annotations

from typing import Any

import pytest

import podium
from podium import TaskFailed, workflow
from tests.server.conftest import Server, adds, breaks, speaks


def test_who_asks_is_told_who_that_is_and_of_which_store(server: Server) -> None:
    me = server.ask("/api/me").json
    assert (me["name"], me["role"], me["release"]) == ("owner", "admin", "1.2.3")
    assert me["store"] == server.app.url
    assert me["badges"] == {"parked": 0, "failures": 0, "waiting": 0}


def test_runs_come_newest_first_by_pages(server: Server) -> None:
    for n in range(5):
        adds.options(id=f"run-{n}").run(n)
    first = server.ask("/api/runs?limit=3").json
    assert [run["id"] for run in first["items"]] == ["run-4", "run-3", "run-2"]
    second = server.ask(f"/api/runs?limit=3&after={first['next']}").json
    assert [run["id"] for run in second["items"]] == ["run-1", "run-0"]
    assert second["next"] is None


def test_a_query_narrows_down_a_list_and_its_counts(server: Server) -> None:
    adds.run(2)
    with pytest.raises((ValueError, TaskFailed)):
        breaks.run("so")
    listed = server.ask("/api/runs?q=status:failed").json["items"]
    assert [(run["name"], run["call"], run["says"]) for run in listed] == [
        ("breaks", "text='so'", "ValueError: so")
    ]
    facets = server.ask("/api/runs/facets?q=workflow:adds").json
    assert facets["status"]["succeeded"] == facets["total"] == 1
    assert facets["exact"] is True


def test_a_run_says_what_it_did_how_it_ended_and_what_can_be_done(server: Server) -> None:
    adds.options(id="good").run(3)
    good = server.ask("/api/runs/good").json
    assert (good["state"], good["steps"], good["result"], good["actions"]) == ("succeeded", 3, 6, [])
    assert [(group["function"], group["done"]) for group in good["groups"]] == [("double", 3)]
    with pytest.raises(ValueError, match="so"):
        breaks.options(id="bad").run("so")
    bad = server.ask("/api/runs/bad").json
    assert bad["error"]["type"] == "builtins:ValueError"
    assert "breaks" in bad["error"]["traceback"]
    assert [action["verb"] for action in bad["actions"]] == ["retry"]
    assert bad["cause"]["fix"].endswith("podium retry bad")


def test_now_says_how_many_runs_stand_how(server: Server) -> None:
    adds.run(1)
    adds.options(id="later", delay=3600).start(1)
    now = server.ask("/api/now").json
    assert (now["figures"]["succeeded"], now["figures"]["queued"]) == (1, 1)
    assert [run["id"] for run in now["next"]] == ["later"]


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/api/runs/none", 404, "E301"),
        ("/api/runs?q=stauts:failed", 400, "E100"),
        ("/api/runs?limit=0", 400, "E100"),
        ("/api/runs?limit=x", 400, "E100"),
        ("/api/runs?size=7", 400, "E100"),
        ("/api/runs?limit=1&limit=2", 400, "E100"),
        ("/api/runs?after=none", 404, "E301"),
        ("/api/events?topics=run,rum", 400, "E100"),
        ("/api/nothing", 404, "E100"),
    ],
)
def test_an_error_says_what_is_wrong(server: Server, path: str, status: int, code: str) -> None:
    reply = server.ask(path)
    assert (reply.status, reply.json["error"]["code"]) == (status, code)


def test_a_state_that_no_step_has_is_refused_with_those_there_are(server: Server) -> None:
    adds.options(id="good").run(5)
    reply = server.ask("/api/runs/good/steps?state=nosuch")
    assert (reply.status, reply.json["error"]["fix"]) == (400, "state: succeeded, failed, retrying, begun")
    assert server.ask("/api/runs/good/steps?state=&limit=1").json["items"]


def test_the_record_of_a_run_is_read_by_pages(server: Server) -> None:
    adds.options(id="good").run(5)
    first = server.ask("/api/runs/good/history?limit=3").json
    assert [entry["seq"] for entry in first["items"]] == [1, 2, 3]
    rest = server.ask(f"/api/runs/good/history?after={first['next']}").json
    assert [entry["seq"] for entry in rest["items"]] == [4, 5]
    assert rest["next"] is None
    steps = server.ask("/api/runs/good/steps?q=double&limit=2").json
    assert [(step["n"], step["state"], step["says"]) for step in steps["items"]] == [
        (1, "succeeded", "0"), (2, "succeeded", "2"),
    ]  # fmt: skip
    assert steps["next"] == 2


def test_what_a_run_said_is_found_by_a_piece_of_it(server: Server) -> None:
    speaks.options(id="loud").run(4)
    lines = server.ask("/api/runs/loud/logs?q=number%202").json
    assert [(line["source"], line["text"]) for line in lines["items"]] == [("stdout", "number 2")]
    page = server.ask("/api/runs/loud/logs?limit=3").json
    assert len(page["items"]) == 3
    assert len(server.ask(f"/api/runs/loud/logs?after={page['next']}").json["items"]) == 1


def test_what_went_in_and_came_out_can_be_kept_as_files(server: Server) -> None:
    adds.options(id="good").run(3)
    data = server.ask("/api/runs/good/data").json
    assert (data["input"]["value"], data["result"]["value"]) == ({"n": 3}, 6)
    kept = server.ask(data["result"]["href"])
    assert kept.body == b"6"
    assert kept.headers["content-disposition"] == 'attachment; filename="good-result.json"'


def test_a_run_is_kept_as_one_file_that_no_page_of_this_origin_becomes(server: Server) -> None:
    adds.options(id="good").run(3)
    kept = server.ask("/api/runs/good/export")
    assert (kept.status, kept.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert kept.headers["content-disposition"] == 'attachment; filename="good.html"'
    assert kept.headers["x-content-type-options"] == "nosniff"
    assert b"good" in kept.body
    assert b"<script" not in kept.body
    assert server.ask("/api/runs/none/export").status == 404


def test_why_says_what_the_command_line_says(server: Server) -> None:
    adds.options(id="later", delay=3600).start()
    why = server.ask("/api/runs/later/why").json
    assert why["kind"] == "delayed"
    assert [action["verb"] for action in why["actions"]] == ["pause", "cancel", "terminate"]
    [held] = [check["name"] for check in why["checks"] if check["verdict"] == "holds"]
    assert held == "No timer is still to come"
    assert server.ask("/api/runs/later").json["checks"] == why["checks"]


def test_the_last_hour_is_counted_by_minutes_and_what_is_over_once(server: Server) -> None:
    adds.run(1)
    with pytest.raises(ValueError, match="so"):
        breaks.run("so")
    asked = list[Any]()
    store = server.app.store
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(store, "tally", lambda query, real=store.tally: asked.append(query) or real(query))
        first, again = (server.ask("/api/now").json["hour"] for _ in range(2))
    assert len(first) == len(again) == 60
    assert [minute["at"] % 60 for minute in again] == [0] * 60
    assert [sum(minute[name] for minute in again) for name in ("succeeded", "failed")] == [1, 1]
    assert len(asked) <= 60 + 3  # at the second look the last two, or three where a minute has passed


def test_engines_settings_and_health_are_shown(server: Server) -> None:
    adds.run(1)  # by then the engine has said what it offers
    [engine] = server.ask("/api/engines").json["items"]
    assert (engine["alive"], engine["owned"], adds.name in engine["functions"]) == (True, 0, True)
    config = server.ask("/api/config").json
    assert "PODIUM_URL" in [setting["name"] for setting in config["settings"]]
    assert server.access.token not in str(config)
    assert server.ask("/api/doctor").json["findings"]


def test_a_run_over_time_is_drawn_in_parts(server: Server) -> None:
    adds.options(id="good").run(5)
    drawn = server.ask("/api/runs/good/timeline?bins=10").json
    [group] = drawn["groups"]
    assert (group["function"], group["attempts"], len(group["bins"])) == ("double", 5, 10)
    assert max(group["bins"]) >= 1
    for wrong in ("begin=-inf", "begin=nan", "bins=0", "begin=5&end=4"):
        assert server.ask(f"/api/runs/good/timeline?{wrong}").status == 400, wrong


def test_a_grid_has_the_newest_runs_of_each_workflow_with_their_steps(server: Server) -> None:
    for n in range(3):
        adds.options(id=f"run-{n}").run(n + 1)
    with pytest.raises(ValueError, match="so"):
        breaks.options(id="bad").run("so")
    grids = {grid["workflow"].rpartition(":")[2]: grid for grid in server.ask("/api/runs/grid").json["items"]}
    assert set(grids) == {"adds"}  # the other one has no steps
    assert grids["adds"]["rows"] == [{"function": "double", "most": 3}]
    assert [(run["id"], run["cells"][0]["done"]) for run in grids["adds"]["runs"]] == [
        ("run-0", 1), ("run-1", 2), ("run-2", 3),
    ]  # fmt: skip
    few = server.ask("/api/runs/grid?q=workflow:adds&runs=2").json["items"]
    assert [run["id"] for run in few[0]["runs"]] == ["run-1", "run-2"]


def test_a_graph_has_boxes_in_their_places(server: Server) -> None:
    adds.options(id="good").run(3)
    (node,) = server.ask("/api/runs/good/graph").json["nodes"]
    assert (node["function"], node["n"], node["state"], node["column"]) == ("double", 3, "succeeded", 0)


@workflow
def tells(many: int) -> int:
    podium.publish("stage", "telling")
    for n in range(many):
        podium.emit("numbers", n)
    return many


def test_what_a_run_has_published_and_streamed_is_read_by_pages(server: Server) -> None:
    tells.options(id="told").run(5)
    data = server.ask("/api/runs/told/data").json
    assert [(value["name"], value["value"]) for value in data["values"]] == [("stage", "telling")]
    assert data["streams"] == {"numbers": 5}
    first = server.ask("/api/runs/told/streams/numbers?limit=3").json
    assert ([chunk["value"] for chunk in first["items"]], first["next"]) == ([0, 1, 2], 3)
    rest = server.ask(f"/api/runs/told/streams/numbers?after={first['next']}").json
    assert ([chunk["n"] for chunk in rest["items"]], rest["next"]) == ([4, 5], None)
    assert server.ask("/api/runs/told/streams/none").json["items"] == []


def test_a_run_says_what_its_function_takes_as_a_rule(server: Server) -> None:
    for n in range(3):
        adds.options(id=f"r{n}").run(n)
        run = server.ask(f"/api/runs/r{n}").json
        assert (run["median"] is not None, run["median_of"]) == (n == 2, 3 if n == 2 else 0)
