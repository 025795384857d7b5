"""Hosts whose clocks differ agree on when a run is due: they go by the server's."""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path

import pytest

import podium.env
from podium import App, Options, workflow
from podium.env import RealEnv
from podium.model import State, Write
from podium.store import open_store
from tests.store.words import DONE, FUNCTIONS, engine, message, move, outcomes, own, queue

ROOT = Path(__file__).parents[2]
HOUR = 3600.0


class Clock:
    """The module `time`, on a host whose clock is wrong."""

    monotonic = staticmethod(time.monotonic)

    def __init__(self, ahead: float) -> None:
        self.ahead = ahead

    def time(self) -> float:
        return time.time() + self.ahead


@workflow
async def at_once() -> str:
    return "done"


@pytest.mark.parametrize("ahead", [HOUR, -HOUR])
def test_a_run_from_a_host_with_a_wrong_clock_begins_at_once(
    ahead: float, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    with monkeypatch.context() as wrong:
        wrong.setattr(podium.env, "time", Clock(ahead))
        with App(url, drives="nothing"):
            run = at_once.start()
    with App(url, drives="all", options=Options(poll=0.05), starter="") as app:
        assert podium.get(run.id).result(10) == "done"
        row = app.load(run.id)
    assert abs(row.created - time.time()) < 60
    assert row.started is not None
    assert row.started - row.created < 60


def test_time_never_goes_back_whatever_the_clock_says_that_is_followed() -> None:
    env = RealEnv()
    env.follow(lambda: 1000.0)
    first = env.now()
    assert 1000.0 <= first < 1001.0
    env.follow(lambda: 900.0)  # it was ahead: it stands still
    assert first <= env.now() < first + 0.5
    before = env.now()
    assert env.now() == before
    env.follow(lambda: 5000.0)
    assert 5000.0 <= env.now() < 5001.0
    env.follow(lambda: None)
    assert 5000.0 <= env.now() < 5001.0


def test_what_may_begin_at_once_is_claimed_by_an_engine_whose_clock_is_a_little_behind(url: str) -> None:
    """Two that go by one server's clock are some milliseconds apart; a notification takes less."""
    with closing(open_store(url)) as store:
        store.migrate()
        store.announce(engine("e1"))
        queue(store, "plain", at=50.005)
        queue(store, "in line", at=50.005, queue="gpu")
        own(store, "told")
        move(store, "told", State.WAITING, due=90.0)
        assert outcomes(store, Write(messages=(message(run="told", at=50.005),)), engine=None) == [DONE]
        queue(store, "delayed", at=40.0, due=50.005)
        claimed = store.claim("e1", FUNCTIONS, 10, 50.0)
        assert {run.id for run in claimed.heads} == {"plain", "in line", "told"}
        assert claimed.next_due == 50.005
        queue(store, "of another hour", at=50.5)
        assert [run.id for run in store.claim("e1", FUNCTIONS, 10, 50.2).heads] == ["delayed"]


def test_so_is_what_was_sent_something_in_line_and_what_is_claimed_by_its_name(url: str) -> None:
    with closing(open_store(url)) as store:
        store.migrate()
        store.announce(engine("e1"))
        queue(store, "told", at=1.0, queue="gpu")
        (head,) = store.claim("e1", FUNCTIONS, 10, 1.0).heads
        move(store, "told", State.WAITING, head.token, due=90.0)
        assert outcomes(store, Write(messages=(message(run="told", at=50.005),)), engine=None) == [DONE]
        queue(store, "named", at=50.005)
        queue(store, "named in line", at=50.005, queue="gpu")
        named = ["named", "named in line"]
        assert {run.id for run in store.claim("e1", FUNCTIONS, 10, 50.0, named).heads} == set(named)
        assert [run.id for run in store.claim("e1", FUNCTIONS, 10, 50.0).heads] == ["told"]
