"""`podium.measure`: points of series, once for each time that something was done."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import signal
from pathlib import Path
from typing import Any

import pytest

import podium
from podium import App, Retry, UsageError, task, workflow
from podium.client import tag_texts
from podium.model import Query
from tests import forkserver

QUICK = Retry(times=2, wait=0.0)


@task(retries=QUICK)
def reads(machine: int) -> int:
    podium.measure("heat", machine + podium.attempt() / 10, machine=machine)
    podium.measure("heat", machine + 0.5, machine=machine)
    if podium.attempt() == 1:
        raise ValueError("again")
    return machine


@task(isolation="process")
def reads_apart(fails: bool) -> None:
    podium.measure("apart", 1.0)
    podium.measure("apart", 2.0)
    if fails:
        raise ValueError("no")


@workflow
async def monitor(machines: int) -> int:
    podium.measure("begun", 1)
    for machine in range(machines):
        podium.measure("body", reads(machine), by="step")
    await asyncio.sleep(0.01)
    podium.measure("ended", 3)
    return machines


@workflow
def apart(fails: bool) -> None:
    reads_apart(fails)


@workflow
def rounds(n: int) -> int:
    podium.measure("round", n)
    return rounds.again(n + 1) if n < 2 else n


@workflow
def fails_late(broken: bool) -> None:
    podium.measure("early", 1)
    reads(0)
    podium.measure("late", 1)
    reads_apart(broken)


def values(name: str, **given: Any) -> list[float]:
    return [point.value for point in podium.series(name, **given)]


def test_tasks_and_bodies_measure_and_failed_attempts_too(app: App) -> None:
    run = monitor.options(id="m").start(2)
    assert run.result() == 2
    assert values("heat", tags={"machine": "1"}) == [1.1, 1.5, 1.2, 1.5]
    assert len(values("heat")) == 8
    assert (values("begun"), values("body"), values("ended")) == ([1.0], [0.0, 1.0], [3.0])
    point = podium.series("heat", limit=1)[0]
    assert (point.run, point.step, point.tags) == ("m", "/reads#1", {"machine": "1"})
    assert datetime.datetime.now(datetime.UTC) - point.at < datetime.timedelta(minutes=1)
    assert values("heat", since="1h") == values("heat")
    assert values("heat", until=point.at) == values("heat")[:-1]
    assert values("nothing") == []


@pytest.mark.parametrize("fails", [False, True])
def test_a_task_in_a_process_of_its_own_measures(app: App, fails: bool) -> None:
    run = apart.start(fails)
    with pytest.raises(ValueError) if fails else contextlib.nullcontext():
        run.result()
    assert values("apart") == [1.0, 2.0]


def test_each_generation_has_its_own(app: App) -> None:
    assert rounds.run(0) == 2
    assert values("round") == [0.0, 1.0, 2.0]


def test_what_is_replayed_measures_nothing_again(store: Path) -> None:
    with App(store, options=podium.Options(evict_always=True, poll=0.05)):
        assert monitor.run(3) == 3
        assert (values("begun"), values("body"), values("ended")) == ([1.0], [0.0, 1.0, 2.0], [3.0])


def test_a_retry_measures_only_what_it_does_itself(app: App) -> None:
    run = fails_late.options(id="r").start(True)
    with pytest.raises(ValueError):
        run.result()
    again = run.retry()
    with pytest.raises(ValueError):
        again.result()
    assert (len(values("early")), len(values("late")), len(values("heat"))) == (1, 1, 4)
    assert len(values("apart")) == 4


KILLED = """
import os, signal, podium
from podium import App, task, workflow

@task
def step(n: int) -> int:
    podium.measure("steps", n)
    return n

@task
def dies(armed: str) -> None:
    podium.measure("deaths", 1)
    if not os.path.exists(armed):
        open(armed, "w").close()
        os.kill(os.getpid(), signal.SIGKILL)

@workflow
def flow(armed: str) -> None:
    podium.measure("begun", 1)
    for n in range(3):
        podium.measure("seen", step(n))
    dies(armed)
    podium.measure("ended", 1)

if __name__ == "__main__":
    flow.run({armed!r})
"""


def test_killed_in_the_middle_each_point_is_there_once(tmp_path: Path, python: list[str]) -> None:
    script, store = tmp_path / "killed.py", tmp_path / "podium.db"
    script.write_text(KILLED.replace("{armed!r}", repr(str(tmp_path / "armed"))))
    command = [*python, str(script)]
    environment = {"PODIUM_URL": str(store), "PATH": ""}
    first = forkserver.run(command, env=environment, timeout=60, check=False)
    assert first.returncode == -signal.SIGKILL
    with App(store, drives="nothing") as app:
        assert [len(podium.series(name, app=app)) for name in ("seen", "deaths")] == [3, 0]
    assert forkserver.run(command, env=environment, timeout=60, check=False).returncode == 0
    with App(store, drives="nothing") as app:
        assert len(app.find(Query())) == 1
        found = {row.name: row.count for row in app.store.series()}
    assert found == {"begun": 1, "deaths": 1, "ended": 1, "seen": 3, "steps": 3}


@task
def asks(name: Any, value: Any, tags: dict[str, Any]) -> None:
    podium.measure(name, value, **tags)


@pytest.mark.parametrize(
    ("name", "value", "tags", "said"),
    [
        ("", 1.0, {}, "the name of a series is text of 1 to 200 characters"),
        ("x" * 201, 1.0, {}, "the name of a series"),
        ("a\ud800", 1.0, {}, "the name of a series"),
        ("a", float("nan"), {}, "a finite number is needed"),
        ("a", 10**400, {}, "a finite number is needed"),
        ("a", True, {}, "a finite number is needed"),
        ("a", "1", {}, "a finite number is needed"),
        ("a", 1.0, {"tag": 1.5}, "the tag tag=1.5 is no text"),
        ("a", 1.0, {"tag": "x" * 2000}, "2,000 are the most"),
    ],
)
def test_what_is_no_point_is_refused_where_it_is_given(
    name: Any, value: Any, tags: dict[str, Any], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        asks.fn(name, value, tags)


def test_outside_of_a_run_nothing_is_recorded(app: App) -> None:
    podium.measure("heat", 1, machine=7)
    app.close()  # whatever was to be recorded is
    with App(app.url, drives="nothing") as after:
        assert after.store.series() == []


@task
def floods() -> None:
    for n in range(10_001):
        podium.measure("flood", n)


@workflow
def flooded() -> None:
    floods()


def test_one_attempt_makes_ten_thousand_points_at_most(app: App) -> None:
    with pytest.raises(UsageError, match="10,000 points in one attempt"):
        flooded.run()
    assert len(values("flood", limit=20_000)) == 10_000


@task
def measures_often() -> None:
    for n in range(200):
        podium.measure("often", n)


@workflow
def often() -> None:
    measures_often()


def test_the_time_of_a_point_finds_it_again(app: App) -> None:
    """Floats hold more than the microseconds of a datetime."""
    often.run()
    points = podium.series("often")
    assert all(values("often", since=point.at, limit=1000)[0] <= point.value for point in points)
    assert all(point.value not in values("often", until=point.at, limit=1000) for point in points[:50])


def test_tags_are_asked_for_as_they_are_kept() -> None:
    assert tag_texts({"a": 'b"c', "n": "7"}) == ('"a":"b\\"c"', '"n":"7"')
