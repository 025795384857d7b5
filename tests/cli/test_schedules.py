"""`podium schedules`: what starts by itself, and what a person does about it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from podium import App, codec
from podium.calendar import begun, cron
from podium.cli.main import command_line
from podium.client.schedule_record import Plan, written
from podium.model import NewRun, Query, Write

DAILY = "shop:daily"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store with one schedule, whose program runs nowhere."""
    file = tmp_path / "podium.db"
    app = App(file, drives="nothing")
    schedule, now = cron("30 6 * * *", tz="Europe/Oslo"), app.env.now()
    args, digest = codec.encode_call({}, where="daily")
    given, key = codec.encode_call(
        written(Plan(DAILY, DAILY, schedule, args, digest), begun(schedule, now)), where="schedule"
    )
    new = NewRun("s1", "podium:schedule", given, key, now, due=schedule.next(now), unique_name="daily")
    app.store.commit(None, [Write(new_runs=(new,))])
    app.close()
    return file


def run(store: Path, *words: str, code: int = 0) -> Result:
    result = CliRunner().invoke(command_line, ["schedules", *words, "--store", str(store)])
    assert result.exit_code == code, result.output
    return result


def answer(store: Path, *words: str) -> dict[str, Any]:
    return json.loads(run(store, *words, "--json").stdout)


def started(store: Path) -> list[str]:
    app = App(store, drives="nothing")
    found = [row.id for row in app.find(Query(function=DAILY))]
    app.close()
    return sorted(found)


def test_a_schedule_in_words_with_its_next_instants(store: Path) -> None:
    text = run(store).stdout
    assert "shop:daily  every day at 06:30, Europe/Oslo  undriven" in text
    assert "undriven: no live process keeps it: podium worker shop" in text
    assert text.count("06:30:00 CE") == 3
    (found,) = answer(store)["schedules"]
    assert (found["name"], found["state"], found["started"], len(found["next"])) == (DAILY, "undriven", 0, 3)


def test_it_is_paused_and_resumed_by_its_short_name(store: Path) -> None:
    assert run(store, "daily", "pause").stdout == "shop:daily: paused\n"
    assert answer(store, "daily")["schedules"][0]["state"] == "paused"
    assert answer(store, "daily", "resume")["done"] == "resume"
    assert answer(store)["schedules"][0]["state"] == "undriven"


def test_it_is_fired_now(store: Path) -> None:
    fired = answer(store, "daily", "fire")["run"]
    assert started(store) == [fired]
    assert fired.startswith("shop:daily@")


def test_a_backfill_shows_what_it_would_start_before_it_does(store: Path) -> None:
    words = ("daily", "backfill", "2025-10-25", "2025-10-27")  # days of the schedule's zone, the last one too
    preview = run(store, *words, "--dry-run")
    assert "3 runs to start" in preview.stderr
    assert "Sat 2025-10-25 06:30:00 CEST" in preview.stderr
    assert "Sun 2025-10-26 06:30:00 CET" in preview.stderr
    assert started(store) == []
    assert "started 3 runs" in run(store, *words, "--yes").stdout
    assert started(store) == [f"{DAILY}@2025-10-{at}:30:00Z" for at in ("25T04", "26T05", "27T05")]
    assert answer(store, *words, "--yes")["count"] == 0, "these are there"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("weekly",), "no schedules are named 'weekly'"),
        (("daily", "stop"), "pause, resume, fire, or backfill FROM TO is needed"),
        (("daily", "backfill", "2025-10-24"), "backfill FROM TO is needed"),
        (("daily", "backfill", "soon", "now"), "'soon' is neither"),
        (("daily", "backfill", "2025-10-24", "2025-10-23"), "ends before it begins"),
    ],
    ids=["unknown", "verb", "half a range", "no time", "backwards"],
)
def test_what_cannot_be_is_said(store: Path, words: tuple[str, ...], said: str) -> None:
    result = CliRunner().invoke(command_line, ["schedules", *words, "--store", str(store)])
    assert result.exit_code != 0
    assert said in f"{result.output}{result.exception}"


def test_what_is_to_come_is_left_to_the_schedule(store: Path) -> None:
    assert answer(store, "daily", "backfill", "2d", "9998-01-01", "--dry-run")["count"] == 2


def test_a_store_without_any_says_how_one_is_made(tmp_path: Path) -> None:
    App(tmp_path / "podium.db", drives="nothing").store.close()
    result = run(tmp_path / "podium.db")
    assert "no schedules: @workflow(schedule=" in result.stderr


def test_a_schedule_s_own_run_is_told_by_its_schedule_s_name(store: Path) -> None:
    def said(*words: str) -> str:
        return CliRunner().invoke(command_line, [*words, "--store", str(store)]).output

    (line,) = [line for line in said("runs").splitlines() if line.startswith("s1")]
    assert line.endswith(DAILY)
    assert re.search(r"podium worker shop .*keeps the schedule shop:daily\n", said("why", "s1"))


def test_a_run_that_no_schedule_has_written_hides_no_schedule(store: Path) -> None:
    with App(store, drives="nothing") as app:
        args, digest = codec.encode_call({"plan": {}, "standing": {}}, where="schedule")
        new = NewRun("s2", "podium:schedule", args, digest, app.env.now(), due=app.env.now() + 86_400)
        app.store.commit(None, [Write(new_runs=(new,))])
    assert [found["name"] for found in answer(store)["schedules"]] == [DAILY]
    assert CliRunner().invoke(command_line, ["runs", "--store", str(store)]).exit_code == 0
