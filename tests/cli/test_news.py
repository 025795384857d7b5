"""What a pipe is told of a run that goes on: a line per step, and a summary now and then."""

from __future__ import annotations

import pytest

from podium import codec
from podium.cli.follow import SUMMARY_SECONDS, PlainSurface
from podium.cli.view import View
from podium.model import Entry, Kind, State

RETRIES = 5


def failed_again(attempt: int) -> Entry:
    failure = codec.encode_failure(ValueError("boom"))
    return Entry(
        seq=attempt, kind=Kind.RETRY, at=0.0, step="/fetch#1", payload=failure, attempt=attempt, due=100.0
    )


def test_the_summary_says_what_waits_for_its_next_try(capsys: pytest.CaptureFixture[str]) -> None:
    view, surface = View("sync", 0.0), PlainSurface(0.0)
    for attempt in range(1, RETRIES + 1):
        view.recall([failed_again(attempt)], tell=True)
        view.moved(State.WAITING, 100.0)
        view.moved(State.RUNNING, None)
    surface.update(view, 1.0)
    (first,) = capsys.readouterr().err.splitlines()
    assert first == "◍ fetch try 2 in 1 min 40 s: ValueError: boom"
    surface.update(view, SUMMARY_SECONDS)
    assert capsys.readouterr().err == (
        " 00:30 fetch: 0 done · 5 retried · try 6 in 1 min 10 s after ValueError: boom\n"
    )
