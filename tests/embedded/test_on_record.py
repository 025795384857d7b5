"""Who decided what about a run is on record: from Python, a task, the command line; once for each."""

from __future__ import annotations

import getpass
import json
from pathlib import Path

import pytest

import podium
from podium import App, RunCancelled, WrongState, task, workflow
from tests.cli.support import podium as command
from tests.waiting import until


@workflow
async def fails() -> None:
    raise ValueError("no")


@workflow
async def asks() -> bool:
    return await podium.ask("go on?", bool)


@task
def cancels(run: str) -> None:
    podium.get(run).cancel()


def acts(app: App, run: str) -> list[tuple[str, str, str]]:
    return [(act.verb, act.by, act.said) for act in reversed(app.store.audited(run=run))]


def test_what_is_decided_in_python_is_on_record_with_who_and_when(app: App) -> None:
    run = asks.options(id="later", delay=3600).start()
    before = app.env.now()
    run.pause(by="ann")
    run.pause(by="ann")  # it is paused: nothing happens
    run.resume()
    podium.runs("id:later").pause(by="bob").result()
    until(lambda: run.state == "parked")
    run.cancel(by="ann")
    with pytest.raises(RunCancelled):
        run.result()
    run.cancel(by="bob")  # too late
    me = getpass.getuser()
    assert acts(app, "later") == [
        ("pause", "ann", ""), ("resume", me, ""), ("pause", "bob", ""), ("cancel", "ann", ""),
    ]  # fmt: skip
    assert all(before <= act.at <= app.env.now() for act in app.store.audited(run="later"))


def test_a_retry_and_a_fork_are_on_record_of_the_run_that_they_are_of(app: App) -> None:
    run = fails.start()
    with pytest.raises(ValueError, match="no"):
        run.result()
    new = run.retry(by="ann")
    assert acts(app, run.id) == [("retry", "ann", f"as {new.id}")]
    assert acts(app, new.id) == []


def test_a_task_that_decides_is_named_by_its_run(app: App) -> None:
    run = asks.options(delay=3600).start()
    deciding = cancels.start(run.id)
    deciding.result()
    with pytest.raises(RunCancelled):
        run.result()
    assert acts(app, run.id) == [("cancel", f"run {deciding.id}", "")]


def test_an_answer_is_on_record_and_a_second_one_is_not(app: App) -> None:
    run = asks.start()
    until(lambda: app.store.waits(run.id))
    run.answer(True, by="ann")
    assert run.result() is True
    with pytest.raises(WrongState):
        run.answer(False, by="bob")
    assert acts(app, run.id) == [("answer", "ann", "go on?")]


def test_the_command_line_records_and_show_tells(app: App, store: Path) -> None:
    run = asks.options(id="later", delay=3600).start()
    where = ("later", "--store", str(store))
    assert command("pause", *where, "--by", "ann").returncode == 0
    assert command("cancel", *where).returncode == 0
    assert acts(app, run.id) == [("pause", "ann", ""), ("cancel", getpass.getuser(), "")]
    shown = command("show", *where).stdout
    assert "pause by ann, " in shown
    told = json.loads(command("show", *where, "--json").stdout)["acts"]
    assert [(act["verb"], act["by"], act["outcome"]) for act in told] == [
        ("cancel", getpass.getuser(), "done"), ("pause", "ann", "done"),
    ]  # fmt: skip
