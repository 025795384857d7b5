"""Several workers keep one schedule, some of them die: each instant is started once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import pytest

from podium import codec
from podium.client.schedules import schedules
from podium.model import Query, RunRow, State
from tests.processes.support import Host
from tests.waiting import until

BEATS = """
import podium
from podium import task, workflow

@task
def at() -> str:
    return podium.scheduled_for().isoformat()

@workflow(schedule=podium.every(1, catch_up="all", overlap="allow"))
def beat() -> str:
    return at()
"""


def instants(host: Host) -> list[str]:
    rows = host.app.find(Query(function="beats:beat", states=frozenset({State.SUCCEEDED}), limit=1000))
    return sorted(codec.decode(row.payload) for row in rows)


def test_three_workers_of_which_each_is_killed_once_start_each_instant_once(host: Host) -> None:
    host.write("beats", BEATS)
    for _ in range(3):
        host.worker("beats")
    for victim in list(host.workers):
        known = len(instants(host))
        until(lambda known=known: len(instants(host)) > known + 1)
        victim.kill()
        host.worker("beats")
    known = len(instants(host))
    until(lambda: len(instants(host)) > known)
    (ours,) = schedules(host.app)
    ours.pause()
    (ours,) = schedules(host.app)
    due = {f"beats:beat@{at[:19]}Z" for at in instants(host)}
    begun = host.app.find(Query(function="beats:beat", limit=1000))
    assert {row.id for row in begun} >= due
    assert len(begun) >= ours.standing.started, "what a look has started that was lost is not counted"
    first, last = min(row.id for row in begun), max(row.id for row in begun)
    expected = ours.schedule.between(_at(first) - 1, _at(last))
    assert sorted(_at(row.id) for row in begun) == list(expected), "none is missing"
    assert (ours.standing.missed, ours.standing.skipped) == (0, 0)


def _at(run: str) -> float:
    return datetime.fromisoformat(run.rpartition("@")[2]).timestamp()


def test_nobody_was_there_for_a_while_then_two_at_once(host: Host) -> None:
    host.write("beats", BEATS.replace('"all"', "3"))
    first = host.worker("beats")
    until(lambda: instants(host))
    first.kill()
    (before,) = schedules(host.app)
    until(lambda: host.app.env.now() > before.standing.handled + 6)  # five instants and more pass
    for _ in range(2):
        host.worker("beats")
    until(lambda: schedules(host.app)[0].standing.missed)
    (ours,) = schedules(host.app)
    missed = [at.isoformat() for at in ours.missed_at]
    until(lambda: len(instants(host)) >= ours.standing.started)
    started = instants(host)
    assert len(started) == len(set(started))
    assert not set(missed) & set(started), "what is listed was not started"
    assert ours.standing.missed == len(missed) >= 2


@pytest.mark.parametrize("left", ['schedule=podium.every("1h")', ""])
def test_an_edit_holds_at_the_next_start_though_the_worker_before_was_killed(host: Host, left: str) -> None:
    host.write("beats", BEATS)
    first = host.worker("beats")
    until(lambda: len(instants(host)) > 1)
    first.kill()
    host.write("beats", BEATS.replace('schedule=podium.every(1, catch_up="all", overlap="allow")', left))
    host.worker("beats")
    until(lambda: [each.words for each in schedules(host.app)] == ["every hour"] * bool(left))
    begun = host.app.find(Query(function="beats:beat", limit=1000))
    until(lambda: host.app.env.now() > first_after(begun) + 3)
    assert len(host.app.find(Query(function="beats:beat", limit=1000))) == len(begun)


def first_after(begun: Sequence[RunRow]) -> float:
    return max(_at(row.id) for row in begun) + 1
