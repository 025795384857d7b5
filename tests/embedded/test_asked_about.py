"""What a question is about: shown wherever the question is, and recorded with it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import CliRunner

import podium
from podium import App, Options, PayloadTooLarge, task, workflow
from podium.cli.main import command_line
from podium.client import questions
from podium.model import Kind, State
from tests.waiting import until

QUICK = Options(poll=0.05, evict_always=True)


@dataclass
class Order:
    id: int
    total: str


@workflow
async def approves(id: int) -> bool:
    return await podium.ask("Refund?", bool, to="ops", about=Order(id, "12400.00"))


@workflow
async def asks_nothing_more() -> bool:
    return await podium.ask("Refund?", bool)


@task
async def draws() -> podium.Blob:
    return podium.Blob(b"\x00" * 100_000)


@workflow
async def shows_what_it_drew() -> bool:
    return await podium.ask("Good?", bool, about=await draws())


@workflow
async def asks_about_too_much() -> str:
    try:
        await podium.ask("All of it?", bool, about="x" * 70_000)
    except PayloadTooLarge as error:
        return str(error)
    return ""


def said(store: Path, *words: str) -> str:
    done = CliRunner().invoke(command_line, [*words, "--store", str(store)], standalone_mode=False)
    assert done.exception is None, done.exception
    return done.output


def asked(app: App, run: Any) -> Any:
    until(lambda: run.state is State.WAITING)
    return questions(app, run.id)[0]


def test_it_is_shown_wherever_the_question_is(store: Path) -> None:
    with App(store, options=QUICK) as app:
        run = approves.start(1042)
        asked(app, run)
        recorded = {"!dataclass": f"{__name__}:Order", "id": 1042, "total": "12400.00"}
        shown = "Order(id=1042, total='12400.00')"
        assert f"{run.id}  Refund? (to ops)\n  about {shown}\n" in said(store, "waiting")
        assert said(store, "waiting", "-q") == f"{run.id}\n"
        (listed,) = json.loads(said(store, "waiting", "--json"))["questions"]
        assert listed["about"] == recorded
        assert f"about {shown}" in said(store, "why", run.id)
        assert "about Order(id=1042" in getattr(run, "_repr_html_")()  # noqa: B009  as a notebook asks
        run.answer(True)
        assert run.result(30) is True
        (sent,) = (entry for entry in run.history() if entry.kind is Kind.SENT)
        assert json.loads(sent.payload) == recorded, "when the question is long gone"


def test_a_question_about_nothing_says_so(store: Path) -> None:
    with App(store, options=QUICK) as app:
        run = asks_nothing_more.start()
        asked(app, run)
        assert json.loads(said(store, "waiting", "--json"))["questions"][0]["about"] is None
        assert "  about " not in said(store, "waiting") + said(store, "why", run.id)
        run.answer(True)
        assert run.result(30) is True


def test_it_may_be_kept_by_reference_and_lives_as_long_as_its_run(store: Path) -> None:
    with App(store, options=QUICK) as app:
        run = shows_what_it_drew.start()
        about = asked(app, run).about
        assert len(about) < 1000
        assert b"!ref" in about
    with App(store, options=QUICK) as app:  # asked again in a replay, it is the same question
        run = podium.get(run.id)
        assert [row.about for row in questions(app)] == [about]
        run.answer(True)
        assert run.result(30) is True


def test_what_is_too_large_to_be_listed_is_refused_in_the_body(store: Path) -> None:
    with App(store, options=QUICK):
        assert "ask(about=)" in asks_about_too_much.run()
