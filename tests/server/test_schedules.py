"""Schedules over HTTP: seen, paused, fired, and backfilled by the count that was shown."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from podium import App, cron, workflow
from podium.functions import registry
from tests.server.conftest import Server, serving
from tests.waiting import until


@workflow(schedule=cron("0 6 1 1 *", tz="Europe/Oslo"))
def yearly() -> str:
    return "a year"


NAME = yearly.name
_OURS = registry.pop(NAME)  # every other app of this process would keep its schedule, too


@workflow(name="etl/yearly", schedule=cron("0 6 1 1 *"))
def slashed() -> str:
    return "a year"


_SLASHED = registry.pop(slashed.name)


@pytest.fixture
def planned(tmp_path: Path) -> Iterator[Server]:
    functions = {**registry, NAME: _OURS}
    with App(tmp_path / "podium.db", functions=functions) as app, serving(app, tmp_path) as server:
        yield server


def schedule(server: Server) -> Any:
    [item] = server.ask("/api/schedules").json["items"]
    return item


def test_a_schedule_is_shown_in_words_with_its_next_instants(planned: Server) -> None:
    shown = until(lambda: (found := schedule(planned))["state"] == "on time" and found)
    assert (shown["name"], shown["zone"]) == (NAME, "Europe/Oslo")
    assert [at[4:] for at in shown["next"]] == ["-01-01T06:00:00+01:00"] * 5


def test_a_month_has_what_its_days_have_come_to_and_what_is_to_come(planned: Server) -> None:
    path = f"/api/schedules/{NAME}"
    [before] = planned.ask(f"{path}/days?month=2021-01").json["days"]
    assert (before["date"], before["without"], before["runs"]) == ("2021-01-01", 1, {})
    planned.ask(f"{path}/backfill", "POST", {"begin": before["begin"], "end": before["end"], "count": 1})
    for run in planned.ask("/api/runs?q=workflow:yearly").json["items"]:
        planned.ask(f"/api/runs/{run['id']}/wait?timeout=30")
    month = planned.ask(f"{path}/days?month=2021-01").json
    assert (month["zone"], month["exact"]) == ("Europe/Oslo", True)
    assert (month["days"][0]["without"], month["days"][0]["runs"]) == (0, {"succeeded": 1})
    [ahead] = planned.ask(f"{path}/days?month=2199-01").json["days"]
    assert (ahead["to_come"], ahead["without"]) == (1, 0)
    assert planned.ask(f"{path}/days?month=2021-02").json["days"] == []
    assert planned.ask(f"{path}/days?month=2021-13").status == 400


def test_it_is_paused_and_resumed_and_fired_by_hand(planned: Server) -> None:
    assert planned.ask(f"/api/schedules/{NAME}/pause", "POST", {}).json["done"] == "paused"
    assert (schedule(planned)["state"], schedule(planned)["next"]) == ("paused", [])
    planned.ask(f"/api/schedules/{NAME}/resume", "POST", {})
    assert schedule(planned)["state"] == "on time"
    run = planned.ask(f"/api/schedules/{NAME}/fire", "POST", {}).json["run"]
    ended = planned.ask(f"/api/runs/{run}/wait?timeout=30").json
    assert ended["result"] == "a year"


def test_a_backfill_starts_what_was_shown_and_no_more(planned: Server) -> None:
    where = f"/api/schedules/{NAME}/backfill"
    shown = planned.ask(f"{where}?begin=2020-01-01&end=2023-12-31").json
    assert (shown["count"], shown["instants"][0]) == (4, "2020-01-01T06:00:00+01:00")
    asked = {"begin": "2020-01-01", "end": "2023-12-31"}
    assert planned.ask(where, "POST", {**asked, "count": 3}).status == 409
    assert planned.ask(where, "POST", {**asked, "count": 4}).json["started"] == 4
    assert planned.ask(f"{where}?begin=2020-01-01&end=2023-12-31").json["count"] == 0


@pytest.mark.parametrize(
    "query", ["begin=x&end=today", "begin=2023-01-01&end=2020-01-01", "begin=9999-12-31&end=y"]
)
def test_a_range_that_is_none_is_refused(planned: Server, query: str) -> None:
    reply = planned.ask(f"/api/schedules/{NAME}/backfill?{query}")
    assert (reply.status, reply.json["error"]["code"]) == (400, "E100")


def test_an_unknown_schedule_is_not_found(planned: Server) -> None:
    assert planned.ask("/api/schedules/nope/pause", "POST", {}).status == 404


def test_a_name_may_have_slashes(tmp_path: Path) -> None:
    functions = {**registry, slashed.name: _SLASHED}
    with App(tmp_path / "podium.db", functions=functions) as app, serving(app, tmp_path) as server:
        for name in ("etl/yearly", "etl%2Fyearly"):
            assert server.ask(f"/api/schedules/{name}/pause", "POST", {}).json["done"] == "paused"
            assert server.ask(f"/api/schedules/{name}/resume", "POST", {}).status == 200
