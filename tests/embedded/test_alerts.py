"""Alerts: people are told what failed, waits or is late; once an hour; whatever becomes of the sink."""

from __future__ import annotations

import asyncio
import datetime
import logging
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

import podium
from podium import App, DeclarationError, Options, Retry, UsageError, alert, every, task, workflow
from podium.client import alerts as client_alerts
from podium.client import count_since
from podium.declare import alerting
from podium.engine import About, claiming, how_it_ended
from podium.engine import alerts as engine_alerts
from podium.env import RealEnv
from podium.functions import Function, registry
from podium.model import ALERT, Query, State, Write
from tests.embedded.sinks import Hook
from tests.waiting import until

DIRECT = "http://127.0.0.1:9/hooks/DIRECT-S3CRET"
gate, begun = threading.Event(), threading.Event()


@workflow(alerts=[alert.failed("ops"), alert.waiting("ops", "boss")])
def fails(n: int) -> int:
    if n % 2:
        raise ValueError(f"reading {n} of https://ann:pw@example.com failed")
    raise KeyError(n)


@workflow(alerts=[alert.failed("ops")])
async def gets_stuck() -> None:
    podium.get("x").state  # refused in a body, so the run is parked or fails


@workflow(alerts=[alert.waiting("ops")])
async def refund(order: int) -> bool:
    return await podium.ask(f"Refund {order}?", bool)


@workflow(alerts=[alert.failed(DIRECT)])
def tells_directly() -> None:
    raise ValueError("no")


@task
def opens() -> None:
    begun.set()
    gate.wait(30)


@workflow(alerts=[alert.failed("ops")])
async def waits_for_ever(first: bool) -> None:
    if not first:
        await opens.start()
    await asyncio.Event().wait()


@workflow(alerts=[alert.failed("ops")])
async def sleeps() -> None:
    await asyncio.sleep(3600)


@workflow(alerts=[alert.waiting("ops")])
async def asks(first: bool) -> bool:
    if not first:
        await opens.start()
    return await podium.ask("first?" if first else "second?", bool)


@workflow
def fails_later(first: bool) -> None:
    if not first:
        opens()
    raise ValueError(first)


@workflow(schedule=every("1s"), alerts=[alert.late("1s", "ops")])
def ticks() -> None:
    opens()


TICKS: dict[str, Function] = {ticks.name: registry.pop(ticks.name)}  # every app would keep its schedule


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hook]:
    hook = Hook()
    monkeypatch.setenv("PODIUM_CHANNEL_OPS", hook.url)
    yield hook
    hook.close()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tries follow each other at once."""
    monkeypatch.setattr(registry["podium:deliver"], "retry", Retry(times=500, wait=0.02, factor=1))


def alerts(app: App) -> list[Any]:
    return app.find(Query(function=ALERT))


def test_a_failure_is_told_once_however_often_it_comes(app: App, hook: Hook) -> None:
    for _ in range(3):
        with pytest.raises(ValueError):
            fails.options(id=None).run(1)
    with pytest.raises(KeyError):
        fails.run(2)
    until(lambda: len(hook.posts) == 2)
    other, first = sorted((each.body for each in hook.posts), key=lambda body: body["text"])  # in any order
    assert (first["kind"], first["title"], first["workflow"]) == ("failed", "fails failed", fails.name)
    assert first["text"].startswith("ValueError: reading 1 of https://ann:***@example.com failed\n")
    assert f"podium why {first['run']}" in first["text"]
    assert other["text"].startswith("KeyError: 2")
    assert len(alerts(app)) == 2, "one for each sort, in an hour"
    assert {row.state for row in alerts(app)} <= {State.WAITING, State.RUNNING}


def test_what_came_meanwhile_is_told_when_the_hour_is_over(
    app: App, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alerting, "QUIET_SECONDS", 0.5)
    for n in (1, 3, 5):
        with pytest.raises(ValueError):
            fails.run(n)
    until(lambda: len(hook.posts) == 2)
    summary = hook.posts[1].body
    assert (summary["title"], summary["more"]) == ("fails failed: 2 more in the last hour", 2)
    assert summary["text"].startswith("ValueError: reading 5"), "the newest of them"
    until(lambda: [row.state for row in alerts(app)] == [State.SUCCEEDED])
    assert len(hook.posts) == 2


@pytest.mark.parametrize(("flow", "said"), [(waits_for_ever, "E208"), (asks, "second?")])
def test_what_has_begun_before_a_notice_is_told_too(
    app: App, hook: Hook, monkeypatch: pytest.MonkeyPatch, flow: Any, said: str
) -> None:
    monkeypatch.setattr(alerting, "QUIET_SECONDS", 0.5)
    monkeypatch.setattr(engine_alerts, "SLACK_SECONDS", 0.0)
    gate.clear()
    begun.clear()
    flow.options(id="second").start(False)
    assert begun.wait(15)
    flow.options(id="first").start(True)
    until(lambda: hook.posts)
    gate.set()
    until(lambda: len(hook.posts) == 2)
    first, summary = (post.body for post in hook.posts)
    assert (first["run"], summary["run"], summary["more"]) == ("first", "second", 1)
    assert summary["text"].startswith(said)
    until(lambda: [row.state for row in alerts(app)] == [State.SUCCEEDED])
    assert len(hook.posts) == 2


class Still(RealEnv):
    """A clock that stands until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.stands_at: float | None = super().now()

    def now(self) -> float:
        return super().now() if self.stands_at is None else self.stands_at


def test_what_fails_in_the_same_moment_is_told_when_the_hour_is_over(
    store: Path, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alerting, "QUIET_SECONDS", 0.5)
    clock = Still()
    with App(store, options=Options(poll=0.05, grace=0.1), env=clock):
        for _ in range(3):
            with pytest.raises(ValueError):
                fails.options(id=None).run(1)
        until(lambda: hook.posts)
        clock.stands_at = None
        until(lambda: len(hook.posts) == 2)
    assert hook.posts[1].body["more"] == 2


def test_what_comes_before_an_alert_is_driven_is_told_too(
    store: Path, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alerting, "QUIET_SECONDS", 0.5)
    others = {name: function for name, function in registry.items() if name != ALERT}
    with App(store, options=Options(poll=0.05, grace=0.1), functions=others):
        for _ in range(3):
            with pytest.raises(ValueError):
                fails.options(id=None).run(1)
    monkeypatch.setattr(engine_alerts, "SLACK_SECONDS", 0.0)
    with App(store, options=Options(poll=0.05, grace=0.1)):
        until(lambda: len(hook.posts) == 2)
    assert hook.posts[1].body["more"] == 2


@task
def counted(about: dict[str, Any], since: float) -> list[Any]:
    return count_since(podium.this().id, about, since)


def test_what_has_failed_before_hides_no_older_run_that_fails_now(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_alerts, "COUNTED_MAX", 1)
    gate.clear()
    begun.clear()
    old = fails_later.options(id="old").start(False)
    assert begun.wait(15)
    with pytest.raises(ValueError):
        fails_later.run(True)
    since = app.env.now()
    gate.set()
    with pytest.raises(ValueError):
        old.result()
    row = app.load("old")
    alike = engine_alerts.fingerprint(row.function, "failed", how_it_ended(row.state, row.payload)[0])
    about = msgspec.to_builtins(About("failed", row.function, "", "", since, alike, ()))
    assert counted.run(about, since)[:2] == [1, "old"]


def test_an_alert_that_is_due_is_found_among_many_that_sleep(
    store: Path, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By an engine that leaves the runs of others alone, and so asks for alerts by name."""
    monkeypatch.setattr(claiming, "PAGE", 50)
    others = {name: function for name, function in registry.items() if name != ALERT}
    with App(store, options=Options(poll=0.05, grace=0.1), functions=others) as app:
        with pytest.raises(ValueError):
            fails.run(1)
        now = time.time()
        sleeping = [About("failed", "f", "", "", now, f"f failed {n}", ()) for n in range(101)]
        new = [each.new_run(app.env.new_id(), now) for each in sleeping]
        app.store.commit(
            None, [Write(new_runs=(msgspec.structs.replace(each, due=now + 3600),)) for each in new]
        )
    with App(store, options=Options(poll=0.05, grace=0.1), drives="own") as app:
        app.session.listen()
        until(lambda: hook.posts)


def test_a_run_that_a_person_has_paused_is_no_alert(app: App, hook: Hook) -> None:
    run = sleeps.start()
    run.pause(by="ada")
    until(lambda: app.load(run.id).state is State.PARKED)
    assert alerts(app) == []


@pytest.mark.usefixtures("quick")
def test_a_broken_sink_delays_and_shows_and_loses_nothing(
    app: App, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook.answers = [503, 500, 302]
    with pytest.raises(ValueError):
        fails.run(1)
    until(lambda: len(hook.posts) == 4)
    assert len({post.key for post in hook.posts}) == 1, "a sink can know the repeats"
    (row,) = alerts(app)
    errors = [entry for entry in app.history(row.id) if entry.kind == "retry"]
    assert len(errors) == 3
    assert b"answered 503" in errors[0].payload
    assert not [entry for entry in app.history(row.id) if b"T0KEN" in entry.payload]


@pytest.mark.usefixtures("quick")
def test_a_channel_that_is_not_configured_yet_gets_it_when_it_is(
    app: App, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PODIUM_CHANNEL_OPS")
    with pytest.raises(ValueError):
        fails.run(1)
    (row,) = until(lambda: alerts(app))
    until(lambda: [each for each in app.history(row.id) if b"PODIUM_CHANNEL_OPS" in each.payload])
    monkeypatch.setenv("PODIUM_CHANNEL_OPS", hook.url)
    until(lambda: hook.posts)


def test_a_question_is_told_with_how_to_answer_it(app: App, hook: Hook) -> None:
    run = refund.options(id="order-7").start(120)
    until(lambda: hook.posts)
    body = hook.posts[0].body
    assert (body["kind"], body["run"]) == ("waiting", "order-7")
    assert body["text"].startswith("Refund 120?\n")
    assert "podium answer order-7 VALUE" in body["text"]
    run.answer(True)
    assert run.result() is True


def test_a_run_that_is_parked_is_told_as_that(app: App, hook: Hook) -> None:
    run = gets_stuck.options(id="stuck").start()
    until(lambda: app.load("stuck").state in (State.PARKED, State.FAILED))
    until(lambda: hook.posts)
    assert hook.posts[0].body["run"] == run.id


@pytest.mark.usefixtures("quick")
def test_a_url_in_code_is_a_secret(store: Path, hook: Hook) -> None:
    with App(store, options=Options(poll=0.05, grace=0.1)) as app:
        with pytest.raises(ValueError):
            tells_directly.run()
        (row,) = until(lambda: alerts(app))
        until(lambda: [each for each in app.history(row.id) if each.kind == "retry"])
        assert b"http://127.0.0.1:9/" in row.args
    for file in filter(Path.is_file, store.parent.iterdir()):
        assert b"S3CRET" not in file.read_bytes()


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated")  # which Apprise imports
@pytest.mark.usefixtures("quick")
def test_a_channel_of_apprise_gets_it_and_its_url_is_in_no_record(
    store: Path, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where a program logs all there is, the lines of the library among it."""
    monkeypatch.setenv("PODIUM_CHANNEL_OPS", f"json://{hook.url.partition('://')[2]}")
    monkeypatch.setattr(logging.getLogger(), "level", logging.DEBUG)
    hook.answers = [503]
    with App(store, options=Options(poll=0.05, grace=0.1)) as app:
        with pytest.raises(ValueError):
            fails.run(1)
        until(lambda: len(hook.posts) == 2)
        (row,) = alerts(app)
        (told,) = [entry for entry in app.history(row.id) if entry.kind == "retry"]
        assert b"did not take it" in told.payload
    assert hook.posts[1].body["title"] == "fails failed"
    for file in filter(Path.is_file, store.parent.iterdir()):
        assert b"T0KEN" not in file.read_bytes()


def test_the_run_of_an_instant_that_has_not_ended_is_late(tmp_path: Path, hook: Hook) -> None:
    gate.clear()
    functions = {**registry, **TICKS}
    with App(tmp_path / "podium.db", options=Options(poll=0.05, grace=0.1), functions=functions) as app:
        until(lambda: hook.posts)
        body = hook.posts[0].body
        assert (body["kind"], body["title"]) == ("late", "ticks is late")
        assert f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}" in body["text"]
        assert "is running, 1 s later" in body["text"]
        assert body["run"].startswith(f"{ticks.name}@")
        gate.set()
        assert len(alerts(app)) == 1


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda: alert.failed(), "names no channel"),
        (lambda: alert.failed(7), "a channel is a name or a URL"),  # pyright: ignore[reportArgumentType]  # it is wrong
        (lambda: alert.failed("two words"), "two words.*a channel is a name or a URL"),
        (lambda: workflow(alerts=["ops"])(fails.fn), "alerts are needed"),  # pyright: ignore[reportArgumentType]  # it is wrong
        (lambda: workflow(alerts=[alert.late("1m", "ops")])(fails.fn), "is for a workflow with a schedule"),
        (
            lambda: workflow(schedule=every("1h"), alerts=[alert.late("1m", "a"), alert.late("2m", "a")])(
                fails.fn
            ),
            "one alert.late",
        ),
    ],
)
def test_what_is_no_alert_is_refused_where_it_is_declared(wrong: Callable[[], Any], said: str) -> None:
    with pytest.raises(DeclarationError, match=said):
        wrong()


def test_late_needs_a_length_of_time() -> None:
    with pytest.raises(UsageError):
        alert.late("soon", "ops")


FAILING = """
import sys
import podium
from podium import alert, workflow


@workflow(alerts=[alert.failed("ops")])
def fails(n: int) -> None:
    raise ValueError(n)


@workflow
def goes_well() -> None:
    pass


if __name__ == "__main__":
    fails.run(int(sys.argv[1])) if len(sys.argv) > 1 else goes_well.run()
"""


def test_a_script_that_ends_by_its_failure_tells_of_it(tmp_path: Path, hook: Hook, python: list[str]) -> None:
    script, url = tmp_path / "failing.py", tmp_path / "podium.db"
    script.write_text(FAILING)
    environment = {"PODIUM_URL": str(url), "PODIUM_CHANNEL_OPS": hook.url, "PATH": ""}

    def run(*words: str) -> str:
        command = [*python, str(script), *words]
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=60, check=False
        ).stderr

    assert "stopped run" not in run("1"), "an alert is nobody's to resume"
    assert [post.body["kind"] for post in hook.posts] == ["failed"]
    assert "nothing drives" not in run("2"), "nor is it told as left behind"
    assert len(hook.posts) == 1


def test_an_alert_that_a_script_has_left_is_the_next_ones_to_deliver(
    store: Path, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alerting, "QUIET_SECONDS", 1.0)
    with App(store, options=Options(poll=0.05, grace=2), drives="own"):
        for n in (1, 3):
            with pytest.raises(ValueError):
                fails.run(n)
        until(lambda: hook.posts)
    with App(store, options=Options(poll=0.05, grace=2), drives="own") as app:
        app.session.listen()
        until(lambda: len(hook.posts) == 2)
        assert hook.posts[1].body["more"] == 1
        until(lambda: [row.state for row in alerts(app)] == [State.SUCCEEDED])
