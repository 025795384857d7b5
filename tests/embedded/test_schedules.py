"""Schedules in an app: what starts by itself, what a person may do, and how a program changes them."""

from __future__ import annotations

import dataclasses
import datetime
import threading
import time
from collections.abc import Iterator
from datetime import UTC
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import podium
from podium import App, Options, WrongState, codec, cron, every, task, workflow
from podium.calendar import begun
from podium.client import schedule_record
from podium.functions import Function, registry
from podium.model import Query, Write
from tests.waiting import until

schedules_module: Any = import_module("podium.client.schedules")  # podium has a function of that name

seen: list[datetime.datetime] = []
gate = threading.Event()


@task
def note(city: str) -> str:
    seen.append(podium.scheduled_for())
    return f"{city} {podium.scheduled_for():%H:%M %Z}"


@workflow(schedule=every("1s", args={"city": "Oslo"}))
def ticks(city: str = "Rome") -> str:
    assert podium.scheduled_for() is not None
    return note(city)


@workflow(schedule=[cron("30 6 * * *", tz="Europe/Oslo"), cron("0 18 * * FRI", catch_up="none")])
def daily() -> str:
    return note("daily")


@workflow
def part() -> str:
    return f"{podium.scheduled_for():%Y %Z}"


@workflow(schedule=cron("0 0 1 1 *", tz="Asia/Kolkata", overlap="allow"))
def yearly() -> str:
    return f"{note('yearly')}, {part()}"


@task
def wait_at_gate() -> None:
    gate.wait(30)


@workflow(schedule=every("1s"))
def held_up() -> None:
    wait_at_gate()


# Out of the registry: every other app of this process would keep these schedules, too.
FLOWS = {flow.name: registry.pop(flow.name) for flow in (ticks, daily, yearly, held_up)}


def functions(*flows: Any) -> dict[str, Function]:
    """What an app has that declares these workflows: tasks and what is built in, too."""
    there = {name: each for name, each in registry.items() if not each.schedules}
    return there | {flow.name: FLOWS[flow.name] for flow in flows}


@pytest.fixture(autouse=True)
def _afresh() -> None:
    seen.clear()


@pytest.fixture
def url(tmp_path: Path) -> Path:
    return tmp_path / "podium.db"


def opened(url: Path, *flows: Any, **given: Any) -> App:
    return App(url, options=Options(poll=0.05, grace=2), functions=functions(*flows), **given)


@pytest.fixture
def app(url: Path) -> Iterator[App]:
    with opened(url, daily, yearly) as app:
        yield app


def test_a_schedule_starts_a_run_at_each_instant_and_the_run_knows_which(url: Path) -> None:
    with opened(url, ticks):
        until(lambda: len(seen) >= 2)
        run = list(podium.runs("workflow:ticks status:succeeded"))[-1]
        at = seen[0]
        assert run.id == f"{ticks.name}@{at:%Y-%m-%dT%H:%M:%SZ}"
        assert run.result() == f"Oslo {at:%H:%M} UTC", "the schedule's own arguments"
        until(lambda: podium.schedules()[0].standing.started >= 2)
        (ours,) = podium.schedules()
        assert (ours.name, ours.words, ours.state) == (ticks.name, "every second", "on time")
        assert ours.last is not None
        assert ours.last.id.startswith(ticks.name)
    assert len(seen) == len(set(seen)), "each instant once"


def test_what_is_declared_is_on_record_in_words_with_the_next_instants(app: App) -> None:
    first, second, third = podium.schedules()
    assert [first.name, second.name, third.name] == [daily.name, f"{daily.name}.2", yearly.name]
    assert first.words == "every day at 06:30, Europe/Oslo"
    assert [(at.hour, at.minute, str(at.tzinfo)) for at in first.next(2)] == 2 * [(6, 30, "Europe/Oslo")]
    assert second.next(1)[0].strftime("%a %H:%M") == "Fri 18:00"
    assert app.load(third.run).due == third.next(1)[0].timestamp(), "its own run sleeps until then"


def test_a_paused_schedule_starts_nothing_until_it_is_resumed(url: Path) -> None:
    with opened(url, ticks):
        until(lambda: seen)
        podium.schedules()[0].pause()
        (ours,) = podium.schedules()
        assert (ours.state, ours.next()) == ("paused", [])
        until(lambda: not podium.runs("workflow:ticks status:running"))
        count = len(seen)
        time.sleep(1.2)  # an instant passes
        assert len(seen) == count
    with opened(url, ticks):
        assert podium.schedules()[0].state == "paused", "whoever declares it again"
        podium.schedules()[0].resume()
        until(lambda: len(seen) > count)
        assert podium.schedules()[0].standing.missed == 0, "what passes meanwhile was not missed"


def test_it_can_be_fired_beside_what_is_scheduled(app: App) -> None:
    ours = podium.schedules()[0]
    assert ours.fire().result(timeout=15).startswith("daily")
    assert ours.fire().result(timeout=15).startswith("daily"), "as often as one likes"
    assert podium.schedules()[0].standing.started == 0


def test_who_steers_a_schedule_is_on_record_once(app: App) -> None:
    ours = podium.schedules()[0]
    ours.pause(by="ann")
    podium.schedules()[0].resume(by="bob")
    run = ours.fire(by="ann")
    (at,) = ours.backfill(
        datetime.datetime(2025, 3, 1, tzinfo=UTC), datetime.datetime(2025, 3, 2, tzinfo=UTC), by="ann"
    )
    schedules_module.schedules(app, is_recorded=True)[0].pause()  # over HTTP: the server has a row of it
    acts = [(act.verb, act.by, act.target, act.run) for act in reversed(app.store.audited())]
    filled = f"{ours.name}@{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    assert acts == [
        ("pause", "ann", ours.name, ""), ("resume", "bob", ours.name, ""), ("fire", "ann", run.id, run.id),
        ("backfill", "ann", filled, filled),
    ]  # fmt: skip
    assert [act.said for act in app.store.audited(run=run.id)] == [f"of schedule {ours.name}"]


def test_a_range_is_backfilled_once(app: App) -> None:
    ours = podium.schedules()[0]
    begin = datetime.datetime(2025, 10, 25, tzinfo=UTC)
    end = begin + datetime.timedelta(days=3)
    preview = ours.backfill(begin, end, dry_run=True)
    assert [f"{at:%d %H:%M %Z}" for at in preview] == ["25 06:30 CEST", "26 06:30 CET", "27 06:30 CET"]
    assert not podium.runs("workflow:daily")
    assert ours.backfill(begin, end) == preview
    until(lambda: len(seen) == 3)
    assert sorted(seen) == preview
    assert ours.backfill(begin, end) == [], "these are there"
    with pytest.raises(podium.UsageError, match="ends before it begins"):
        ours.backfill(end, begin)
    with pytest.raises(podium.UsageError, match="two times with zones"):
        ours.backfill(begin.replace(tzinfo=None), end)


def test_an_instant_that_was_backfilled_is_not_counted_as_skipped_any_more(url: Path) -> None:
    gate.clear()
    with opened(url, held_up):
        until(lambda: podium.schedules()[0].standing.skipped >= 2)
        ours = podium.schedules()[0]
        ours.pause()
        gate.set()
        (ours,) = podium.schedules()
        counted, listed = ours.standing.skipped + ours.standing.missed, ours.missed_at
        assert counted == len(listed) >= 2
        ours.backfill(listed[0], listed[0])
        (ours,) = podium.schedules()
        assert ours.missed_at == listed[1:]
        assert ours.standing.skipped + ours.standing.missed == counted - 1


@pytest.mark.parametrize(("listed", "new"), [(50, 3), (49, 3), (48, 20), (0, 60)])
def test_what_was_backfilled_is_not_missed_again_where_newer_instants_take_its_place_in_the_list(
    url: Path, listed: int, new: int
) -> None:
    gate.set()
    with opened(url) as app:
        args, digest = codec.encode_call({}, where="slow")
        plan = schedule_record.Plan("slow", slow.name, every("1m"), args, digest)
        until(lambda: schedules_module._is_offered(app.store, plan))
        now = app.env.now()
        instants = plan.schedule.first(now - 60.0 * (listed + new), listed + new)
        filled, outage = instants[:listed], instants[listed:]
        runs = [plan.new_run(at, now, app.env.secret()) for at in filled]
        app.store.commit(None, [Write(new_runs=(run,)) for run in runs])
        before = begun(plan.schedule, instants[0] - 1.0).replace(
            handled=outage[0] - 1.0, missed=listed, missed_at=tuple(filled)
        )
        after = schedules_module._started(app.session, plan, before, now)
        shown = schedules_module.without_made_up(app.store, plan, after)
    assert (shown.started, shown.missed) == (1, new - 1), "the latest is made up for"
    assert shown.missed_at == tuple(outage[:-1][-50:])


def test_a_range_of_too_many_instants_is_refused(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_module("podium.client.schedules"), "BACKFILL_MAX", 2)
    ours, begin = podium.schedules()[0], datetime.datetime(2025, 10, 25, tzinfo=UTC)
    assert len(ours.backfill(begin, begin + datetime.timedelta(days=2), dry_run=True)) == 2
    with pytest.raises(podium.UsageError, match="more than 2 instants"):
        ours.backfill(begin, begin + datetime.timedelta(days=3), dry_run=True)


def test_what_is_declared_last_holds(url: Path) -> None:
    with opened(url, daily, yearly):
        before = {each.name: each.run for each in podium.schedules()}
    with opened(url, daily, yearly):
        assert {each.name: each.run for each in podium.schedules()} == before, "the same go on"
    other = FLOWS[daily.name].schedules
    FLOWS[daily.name].schedules = (every("1h"),)
    try:
        with opened(url, daily):
            found = {each.name: each for each in podium.schedules()}
            assert found.keys() == {daily.name, yearly.name}, "another program's stay"
            assert found[daily.name].words == "every hour"
    finally:
        FLOWS[daily.name].schedules = other


@pytest.mark.parametrize("left", [(every("1h", args={"city": "Bonn"}),), ()])
def test_what_was_declared_before_starts_nothing_more_though_it_is_due(
    url: Path, left: tuple[Any, ...], capfd: pytest.CaptureFixture[str]
) -> None:
    with opened(url, ticks) as app:
        app.session.listen()
        due = podium.schedules()[0].next(1)[0]
    until(lambda: datetime.datetime.now(UTC) > due)
    seen.clear()
    given = functions(ticks)
    given[ticks.name] = dataclasses.replace(given[ticks.name], schedules=left)
    with App(url, options=Options(poll=0.05, grace=2), functions=given) as app:
        app.session.listen()
        assert [each.words for each in podium.schedules()] == ["every hour"] * len(left)
        time.sleep(1.2)  # nothing is to come
    assert seen == []
    assert "podium:" not in capfd.readouterr().err.replace("podium: new store", "")


def test_a_script_that_drives_its_own_keeps_no_schedule_and_says_so(url: Path) -> None:
    said: list[str] = []
    with opened(url, daily, drives="own", notice=said.append) as app:
        app.session.listen()
        assert podium.schedules() == []
    assert any("a script that ends keeps no schedule: that of daily" in line for line in said)


def test_a_schedule_whose_code_is_gone_is_held_and_says_so(url: Path) -> None:
    with opened(url, ticks):
        until(lambda: seen)
    count = len(seen)
    with opened(url, yearly):
        held = until(lambda: next((each for each in podium.schedules() if each.standing.held), None))
        assert held.standing.held == f"no live engine offers {ticks.name}"
        assert held.state == "held"
        assert len(seen) == count
    with opened(url, ticks):
        until(lambda: len(seen) > count)
        until(lambda: podium.schedules()[0].state == "on time")
    assert len(seen) == len(set(seen))


def test_a_schedule_whose_code_is_gone_is_not_on_time_until_its_next_instant(url: Path) -> None:
    """A workflow was renamed, and its next instant is next year: nobody has looked yet."""
    with opened(url, yearly):
        pass
    with opened(url, daily):
        gone = until(lambda: next((each for each in podium.schedules() if each.state == "held"), None))
        assert (gone.function, gone.standing.held) == (yearly.name, "")
        assert gone.held.startswith(f"no live engine offers {yearly.name}: podium worker ")
        assert gone.held.endswith(f"if it is gone: podium terminate {gone.run}")
    with opened(url, yearly):
        until(lambda: {each.function: each.state for each in podium.schedules()}[yearly.name] == "on time")


def test_the_next_instants_begin_behind_what_a_clock_that_was_ahead_has_started(url: Path) -> None:
    with opened(url, daily):
        pass
    with opened(url, daily, drives="nothing"):
        found = podium.schedules()[0]
        ahead = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=30)
        assert found.next(1)[0] < ahead
        found._change(lambda plan, standing, now: standing.replace(handled=ahead.timestamp()), ())
        assert podium.schedules()[0].next(1)[0] > ahead


@task
def holds() -> None:
    gate.wait(30)


@workflow
def slow() -> None:
    holds()


@pytest.mark.parametrize("is_looked_for", [True, False])
def test_runs_do_not_overlap_though_a_look_was_lost_after_it_had_started_one(
    url: Path, is_looked_for: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process dies between the start and its record, or a zombie starts one between look and start."""
    gate.clear()
    with opened(url) as app:
        args, digest = codec.encode_call({}, where="slow")
        plan = schedule_record.Plan("slow", slow.name, every("1s"), args, digest)
        before = begun(plan.schedule, app.env.now())
        until(lambda: app.env.now() > before.due)
        first = schedules_module._start_due(app.session, plan, before)  # the task's body
        assert first.started == 1
        until(lambda: app.env.now() > first.due)
        if not is_looked_for:
            monkeypatch.setattr(schedules_module, "begun_already", lambda *_: [])
        again = schedules_module._start_due(app.session, plan, before)
        assert len(app.find(Query(function=slow.name))) == 1, "the first has not ended"
        if is_looked_for:
            assert (again.started, again.missed, again.last_run) == (1, 0, first.last_run)
        gate.set()


def test_what_is_made_up_for_comes_as_fast_as_runs_end(url: Path) -> None:
    with opened(url) as app:
        args, digest = codec.encode_call({}, where="slow")
        gate.set()
        plan = schedule_record.Plan("slow", slow.name, every("1m", catch_up="all"), args, digest)
        now = app.env.now()
        standing = begun(plan.schedule, now - 1200.0)
        app.store.commit(None, [Write(new_runs=(schedule_record._run_of(plan, standing, "s", now),))])
        until(lambda: len(app.find(Query(function=slow.name))) >= 20)
        began = {row.id for row in app.find(Query(function=slow.name))}
    assert began >= {schedule_record.run_id(plan.name, at) for at in plan.schedule.between(now - 1200.0, now)}


def test_the_child_of_a_scheduled_run_knows_the_instant(app: App) -> None:
    ours = podium.schedules()[2]
    begin = datetime.datetime(2020, 1, 1, tzinfo=UTC) - datetime.timedelta(days=1)
    assert len(ours.backfill(begin, begin + datetime.timedelta(days=2))) == 1
    run = podium.get(f"{yearly.name}@2019-12-31T18:30:00Z")
    assert run.result(timeout=15) == "yearly 00:00 IST, 2020 IST"
    assert [child.result() for child in podium.runs("workflow:part")] == ["2020 IST"]


def test_a_run_by_hand_is_scheduled_for_its_start(app: App) -> None:
    run = yearly.start()
    run.result(timeout=15)
    assert seen[0].timestamp() == pytest.approx(app.load(run.id).started, abs=1e-3)


def test_wrong_arguments_are_refused_where_they_are_declared() -> None:
    with pytest.raises(podium.ArgumentError, match="unexpected keyword argument 'town'"):
        workflow(ticks.fn, name="wrong", schedule=every("1h", args={"town": "Oslo"}))
    with pytest.raises(podium.DeclarationError, match="a schedule is needed"):
        workflow(ticks.fn, name="wrong", schedule="0 9 * * *")  # wrong


def test_scheduled_for_works_inside_alone() -> None:
    with pytest.raises(podium.UsageError, match="works inside a workflow"):
        podium.scheduled_for()


def test_a_definition_that_cannot_change_now_keeps_no_worker_from_beginning(
    url: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """As where an engine that died has just looked at the schedule."""
    with opened(url, daily):
        pass

    def busy(*_: object) -> None:
        raise WrongState("schedule daily has changed meanwhile")

    monkeypatch.setattr(schedule_record, "replace", busy)
    given = functions(daily, yearly)
    given[daily.name] = dataclasses.replace(given[daily.name], schedules=(every("1h"),))
    with App(url, options=Options(poll=0.05, grace=2), functions=given):
        assert yearly.name in [schedule.name for schedule in podium.schedules()]
    said = "schedule daily has changed meanwhile: it stays as it was until the next start"
    assert said in capfd.readouterr().err
