"""How many runs stand how, without reading them."""

from __future__ import annotations

import math

import pytest

from podium.model import Move, Query, State
from podium.store import Store
from podium.store.sqlite import finding
from tests.store.words import FLOW, commit, fenced, own, queue


def test_unfinished_runs_are_counted_and_ended_ones_since(store: Store) -> None:
    assert store.counts(0.0) == {}
    own(store, "r1", "r2", "r3", "r4")
    commit(store, fenced("r1", move=Move(State.SUCCEEDED, at=10.0)))
    commit(store, fenced("r2", move=Move(State.FAILED, at=20.0)))
    commit(store, fenced("r3", move=Move(State.PARKED)))
    assert store.counts(0.0) == {State.SUCCEEDED: 1, State.FAILED: 1, State.PARKED: 1, State.RUNNING: 1}
    assert store.counts(15.0) == {State.FAILED: 1, State.PARKED: 1, State.RUNNING: 1}


def test_runs_in_a_state_that_few_are_in_are_found_newest_first(store: Store) -> None:
    own(store, *(f"r{n}" for n in range(6)))
    for n in (1, 3, 5):
        commit(store, fenced(f"r{n}", move=Move(State.PARKED)))
    parked = Query(states=frozenset({State.PARKED}), limit=2)
    first = [row.id for row in store.find(parked)]
    assert len(first) == 2
    rest = store.find(Query(states=frozenset({State.PARKED}), before=first[-1]))
    assert {*first, *(row.id for row in rest)} == {"r1", "r3", "r5"}


def test_all_runs_are_counted_by_state(store: Store) -> None:
    assert store.counts(-math.inf) == {}
    own(store, "r1", "r2", "r3")
    assert store.counts(-math.inf) == {State.RUNNING: 3}
    commit(store, fenced("r1", move=Move(State.SUCCEEDED, at=10.0)))
    commit(store, fenced("r2", move=Move(State.FAILED, at=20.0)))
    assert store.counts(-math.inf) == {State.SUCCEEDED: 1, State.FAILED: 1, State.RUNNING: 1}


def test_what_a_query_finds_is_counted_by_state_and_function(store: Store) -> None:
    own(store, "r1", "r2", tags=("red",))
    queue(store, "r3", "r4", function="app:other")
    commit(store, fenced("r1", move=Move(State.FAILED, at=20.0)))
    counted = {(State.FAILED, FLOW): 1, (State.RUNNING, FLOW): 1, (State.QUEUED, "app:other"): 2}
    assert store.tally(Query()) == counted
    assert store.tally(Query(tag="red")) == {(State.FAILED, FLOW): 1, (State.RUNNING, FLOW): 1}
    assert store.tally(Query(states=frozenset({State.FAILED}), ended=(10.0, 30.0))) == {
        (State.FAILED, FLOW): 1
    }
    assert store.tally(Query(ended=(10.0, 20.0))) == {}
    assert store.tally(Query(function="app:other", limit=1)) == {(State.QUEUED, "app:other"): 1}
    assert store.tally(Query(before="unknown")) == {}


def test_functions_are_listed_with_how_many_runs_they_have_up_to_a_bound(store: Store) -> None:
    assert store.functions(10) == {}
    queue(store, "r1", "r2", "r3")
    queue(store, "r4", function="app:other")
    assert store.functions(10) == {FLOW: 3, "app:other": 1}
    assert store.functions(2) == {FLOW: 2, "app:other": 1}


def test_the_horizon_is_the_last_of_the_newest_with_those_of_its_moment(store: Store) -> None:
    queue(store, "r0", "r1", at=10.0)
    queue(store, "r2", at=20.0)
    queue(store, "r3", at=30.0)
    assert store.horizon(1) == ("r3", 30.0)
    assert store.horizon(3) == store.horizon(4) == ("r0", 10.0)
    assert store.horizon(5) is None
    assert store.horizon(1, before="r3") == store.horizon(1, until=30.0) == ("r2", 20.0)
    assert store.horizon(1, before="r3", until=20.0) == ("r0", 10.0)
    assert store.horizon(1, before="unknown") is None


def test_many_runs_of_a_tag_are_met_on_the_way_and_few_are_looked_up(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue(store, "r1", "r2", tags=("red",))
    queue(store, "r3")
    for few in (2000, 0):
        monkeypatch.setattr(finding, "_FEW", few)
        assert {found.id for found in store.find(Query(tag="red"))} == {"r1", "r2"}
        assert [found.id for found in store.find(Query(states=frozenset({State.QUEUED}), limit=1))] != []
        assert store.find(Query(ended=(0.0, 9.0))) == []
