"""A run goes on with a function that is called otherwise now."""

from __future__ import annotations

import pytest

from podium.model import Move, Outcome, State, Write
from podium.store import Store
from tests.store.words import (
    DONE,
    FLOW,
    FUNCTIONS,
    INVALID,
    REFUSED,
    commit,
    fenced,
    new,
    outcomes,
    own,
    queue,
)


def test_a_run_that_nobody_owns_is_claimed_by_its_new_name(store: Store) -> None:
    queue(store, "r1")
    renames = fenced("r1", 0, [State.QUEUED], rename="m:other")
    assert outcomes(store, renames, engine=None) == [DONE]
    row = store.load("r1")
    assert row is not None
    assert (row.function, row.state, row.token) == ("m:other", State.QUEUED, 0)
    assert store.claim("e1", {"m:other": ""}, 10, 1e9).heads[0].function == "m:other"


@pytest.mark.parametrize(("given", "starter"), [("", "old.py"), ("new.py", "new.py")])
def test_a_renamed_run_keeps_its_script_or_gets_another_one(store: Store, given: str, starter: str) -> None:
    queue(store, "r1", starter="old.py")
    renames = fenced("r1", 0, [State.QUEUED], rename="m:other", starter=given)
    assert outcomes(store, renames, engine=None) == [DONE]
    row = store.load("r1")
    assert row is not None
    assert (row.function, row.starter) == ("m:other", starter)


def test_what_somebody_drives_keeps_its_name(store: Store) -> None:
    own(store, "r1")
    assert outcomes(store, fenced("r1", rename="m:other")) == [INVALID]
    assert outcomes(store, fenced("r1", rename="m:other"), engine=None) == [REFUSED]
    row = store.load("r1")
    assert row is not None
    assert row.function != "m:other"


def test_a_stale_decision_renames_nothing(store: Store) -> None:
    own(store, "r1")
    commit(store, fenced("r1", move=Move(State.PARKED)))
    assert outcomes(store, fenced("r1", 0, [State.PARKED], rename="m:other"), engine=None) == [REFUSED]
    assert outcomes(store, fenced("r1", 1, [State.QUEUED], rename="m:other"), engine=None) == [REFUSED]
    assert outcomes(store, fenced("r1", 1, [State.PARKED], rename="m:other"), engine=None) == [DONE]
    row = store.load("r1")
    assert row is not None
    assert (row.function, row.state) == ("m:other", State.PARKED)


def test_without_a_fence_nothing_is_renamed(store: Store) -> None:
    assert outcomes(store, Write(rename="m:other"), engine=None) == [INVALID]


def test_runs_of_another_project_are_left_alone(store: Store) -> None:
    queue(store, "mine", project="mine")
    queue(store, "theirs", project="theirs")
    queue(store, "anybodys")
    claim = store.claim("e1", FUNCTIONS, 10, 99.0, projects={FLOW: "mine"})
    assert {head.id for head in claim.heads} == {"mine", "anybodys"}
    assert claim.next_due is None
    assert store.claim("e1", FUNCTIONS, 10, 99.0).heads == ()
    named = store.claim("e1", FUNCTIONS, 10, 99.0, ["theirs"], {FLOW: "mine"})
    assert [head.id for head in named.heads] == ["theirs"], "who names a run means it"


def test_an_id_of_another_project_is_a_conflict(store: Store) -> None:
    queue(store, "r1", project="theirs", explicit_id=True)
    again = new("r1", project="mine", explicit_id=True)
    assert outcomes(store, Write(new_runs=(again,)), engine=None) == [Outcome.CONFLICT]
    same = new("r1", project="theirs", explicit_id=True)
    assert commit(store, Write(new_runs=(same,)), engine=None)[0].runs == ((Outcome.EXISTS, "r1"),)
