"""An answer that was accepted and that its run did not hear is its retry's: nobody is asked twice."""

from __future__ import annotations

from typing import Any

import pytest

import podium
from podium import App, RunCancelled, codec, task, workflow
from podium.model import CANCEL, Answer, Kind, Message, Write
from tests.waiting import until

begun: list[str] = []


@pytest.fixture(autouse=True)
def _nothing_begun() -> None:
    begun.clear()


@task
async def clean_up() -> None:
    begun.append("clean up")


@workflow
async def decides(cleans: bool) -> list[Any]:
    back = podium.callback(int)
    try:
        return [await podium.ask("Ship?", str), await back]
    finally:
        if cleans:
            await clean_up()


def answered_with_the_cancel(app: App, run: podium.Run[Any]) -> None:
    """Both lie in its inbox before it looks: the cancel first."""
    until(lambda: len(app.store.waits(run.id)) == 2)
    now = app.env.now()
    rows = sorted(app.store.waits(run.id), key=lambda row: row.prompt)  # a callback has none
    answers = tuple(
        Answer(row.target, now, repr(value).encode(), codec.encode(value), by="ada")
        for row, value in zip(rows, (7, "yes"), strict=True)
    )
    write = Write(messages=(Message("stop", run.id, CANCEL, now),), answers=answers)
    app.decisions.write(write).result()


@pytest.mark.parametrize("cleans", [False, True])
def test_a_retry_has_what_was_answered_as_its_run_was_cancelled(app: App, cleans: bool) -> None:
    run = decides.start(cleans)
    answered_with_the_cancel(app, run)
    with pytest.raises(RunCancelled):
        run.result(20)
    again = run.retry()
    assert again.result(20) == ["yes", 7]
    assert app.store.waits(again.id) == []
    sent = [entry for entry in again.history() if entry.kind is Kind.SENT and entry.seq > 4]
    assert sent == [], "nobody is asked"
