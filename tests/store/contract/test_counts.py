"""How many runs stand how, without reading them."""

from __future__ import annotations

from podium.model import Move, Query, State
from podium.store import Store
from tests.store.words import commit, fenced, own


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
