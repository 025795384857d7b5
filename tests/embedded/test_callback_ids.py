"""Ids of callbacks and questions: the same in every replay, and not to be computed from the run's id."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from click.testing import CliRunner

import podium
from podium import App, Options, task, workflow
from podium.cli.main import command_line
from podium.executors import current_attempt
from podium.machine.outside import derived_id
from podium.model import Kind, RunRow, secret_of
from tests.waiting import until

EVICTING = Options(poll=0.05, evict_always=True)


@task
async def hands_over(callback: str) -> str:
    attempt = current_attempt.get()
    assert attempt is not None
    return attempt.headers


@workflow
async def calls_back() -> tuple[str, int, str]:
    done = podium.callback(int)
    return await hands_over(done.id), await done, done.id


@workflow
async def has_a_child() -> Any:
    return await calls_back()


def waited_for(app: App) -> Any:
    """The callback that something waits for, once its id has been handed over."""
    return next((wait for wait in app.store.open_waits() if wait.kind == "answer"), None)


def chance(id: str) -> str:
    """What is not time in it."""
    return id[9:]


def guessed(row: RunRow, step: str, id: str) -> bool:
    return chance(derived_id(row.seed, step, 0.0)) == chance(id)


def test_an_id_is_kept_through_replays_and_cannot_be_computed_from_the_runs(store: Path) -> None:
    with App(store, options=EVICTING) as app:
        run = calls_back.options(id="known").start()
        asked = until(lambda: waited_for(app))
        until(lambda: any(entry.kind is Kind.RESULT for entry in run.history()))
    with App(store, options=EVICTING) as app:
        row = app.load("known")
        secret = secret_of(row.context)
        assert not guessed(row, asked.step, asked.target)
        assert derived_id(row.seed, asked.step, row.began or row.created, secret) == asked.target
        for words in (["show", "known", "--json"], ["show", "known"], ["why", "known"], ["runs", "--json"]):
            said = CliRunner().invoke(command_line, [*words, "--store", str(store)]).output
            assert "known" in said
            assert secret not in said
        podium.complete(asked.target, 7)
        headers, answer, id = podium.get("known").result(10)
    assert (headers, answer, id) == ("", 7, asked.target)


def test_a_child_has_the_secret_of_its_family_and_an_id_of_its_own(store: Path) -> None:
    with App(store, options=EVICTING) as app:
        run = has_a_child.start()
        asked = until(lambda: waited_for(app))
        child, parent = app.load(asked.run), app.load(run.id)
        assert secret_of(child.context) == secret_of(parent.context) != ""
        assert not guessed(child, asked.step, asked.target)
        podium.complete(asked.target, 7)
        assert run.result(30)[1:] == (7, asked.target)


def test_two_runs_draw_secrets_of_their_own(store: Path) -> None:
    with App(store, drives="nothing") as app:
        runs = [calls_back.start() for _ in range(2)]
        one, other = (secret_of(app.load(run.id).context) for run in runs)
    assert len(one) == len(other) == 24
    assert one != other


def test_a_run_from_before_there_were_secrets_keeps_the_ids_that_it_handed_out() -> None:
    assert secret_of("") == secret_of('{"module":"flows"}') == ""
    assert derived_id("run", "callback#1", 1_800_000_000.0) == "1mcc5rm00y0qxxayx8"
