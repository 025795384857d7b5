"""Who waits for which run, when several wait for one."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from podium.engine.watchers import End, Watchers
from podium.errors import EngineStopped, RunNotFound
from podium.model import RunStatus, State

END = End(State.SUCCEEDED, b"1")


class Party:
    """Some who wait for run r1, and what they were told."""

    def __init__(self, *created: float | None) -> None:
        self.watchers = Watchers({})
        self.told: list[tuple[int, Any]] = []
        self.tells = [self._teller(number) for number in range(len(created))]
        self.was_new = [
            self.watchers.add("r1", tell, of) for tell, of in zip(self.tells, created, strict=True)
        ]

    def _teller(self, number: int) -> Callable[[Any], None]:
        return lambda came: self.told.append((number, came))


def _row(created: float, state: State) -> RunStatus:
    return RunStatus("r1", state, None, created, b"1")


def test_all_are_told_in_the_order_in_which_they_came() -> None:
    party = Party(5.0, None, 5.0)
    assert party.was_new == [True, False, False]
    head: Any = type("Head", (), {"id": "r1", "created": 5.0})
    party.watchers.ended(head, END)
    party.watchers.ended(head, END)
    assert party.told == [(0, END), (1, END), (2, END)]


def test_one_that_is_taken_away_is_told_nothing_and_the_run_stays_wanted() -> None:
    for gone in range(3):
        party = Party(None, None, None)
        party.watchers.remove("r1", party.tells[gone])
        assert party.watchers.watched == ["r1"]
        party.watchers.tell_all(EngineStopped("closed"))
        assert [number for number, _ in party.told] == [number for number in range(3) if number != gone]
    party = Party(None)
    party.watchers.remove("r1", party.tells[0])
    assert party.watchers.has("r1")
    assert (party.watchers.watched, party.watchers.wanted) == ([], ["r1"])


def test_a_run_that_is_only_wanted_is_watched_by_nobody_until_somebody_comes() -> None:
    party = Party()
    assert party.watchers.add("r1")
    assert not party.watchers.add("r1")
    assert party.watchers.watched == []
    assert not party.watchers.add("r1", party._teller(0))
    assert party.watchers.watched == ["r1"]


def test_a_look_tells_those_who_meant_another_run_and_the_others_go_on_waiting() -> None:
    party = Party(5.0, None, 6.0, 5.0)
    party.watchers.looked("r1", _row(5.0, State.RUNNING))
    assert [number for number, _ in party.told] == [2]
    assert isinstance(party.told.pop()[1], RunNotFound)
    party.watchers.looked("r1", _row(7.0, State.RUNNING))  # it was deleted, and another one has its id
    assert [number for number, _ in party.told] == [0, 1, 3]
    assert not party.watchers.has("r1")
    other = Party(5.0, 5.0)
    other.watchers.looked("r1", _row(5.0, State.SUCCEEDED))
    assert [number for number, _ in other.told] == [0, 1]
    assert not other.watchers.has("r1")


def test_one_more_who_waits_for_a_run_costs_the_same_however_many_do() -> None:
    def seconds(runs: list[str]) -> float:
        watchers, tell, began = Watchers({}), (lambda came: None), time.thread_time()
        for run in runs:
            watchers.add(run, tell)
        return time.thread_time() - began

    count = 10_000
    alone = min(seconds([f"r{n}" for n in range(count)]) for _ in range(3))
    together = min(seconds(["r1"] * count) for _ in range(3))
    assert together < 20 * alone, (together, alone)  # copying what is there each time: some 1,000 times


def test_one_of_many_who_is_taken_away_leaves_the_others_in_order() -> None:
    party = Party(None, None, None)
    party.watchers.remove("r1", party.tells[1])
    assert not party.watchers.add("r1", party._teller(3))
    head: Any = type("Head", (), {"id": "r1", "created": 5.0})
    party.watchers.ended(head, END)
    assert party.told == [(0, END), (2, END), (3, END)]
    party = Party(None, None)
    for tell in party.tells:
        party.watchers.remove("r1", tell)
    assert (party.watchers.watched, party.watchers.wanted) == ([], ["r1"])
