"""A run that has ended may be forgotten, with all that is on record of it, and no other run loses by that."""

from __future__ import annotations

import pytest

from podium.model import FINAL, UNFINISHED, LogLine, Move, Query, State, Write
from podium.store import Store
from tests.store.words import (
    DONE,
    FLOW,
    INVALID,
    REFUSED,
    commit,
    fenced,
    message,
    move,
    new,
    outcomes,
    own,
    payloads,
    queue,
    result,
    row,
)

BIG = b"x" * 300_000


def forgets(run: str = "r1", token: int = 1, **given: object) -> Write:
    return fenced(run, token, list(FINAL), forget=True, **given)


def ended(store: Store, run: str, to: State = State.SUCCEEDED, **given: object) -> None:
    own(store, run, **given)
    line = LogLine("s#1", 1, 11.0, 20, "said")
    assert outcomes(store, fenced(run, entries=(result(1, payload=BIG),), logs=(line,))) == [DONE]
    move(store, run, to, payload=b"end of " + run.encode() + BIG)


@pytest.mark.parametrize("state", sorted(FINAL))
@pytest.mark.parametrize("by", [None, "e1"])
def test_a_run_that_has_ended_goes_with_all_that_it_left(store: Store, state: State, by: str | None) -> None:
    ended(store, "r1", state, tags=("red",))
    ended(store, "r2", tags=("red",))
    assert outcomes(store, forgets(), engine=by) == [DONE]
    assert store.load("r1") is None
    assert store.history("r1") == []
    assert store.logs("r1") == []
    assert store.inbox("r1") == []
    assert [found.id for found in store.find(Query())] == ["r2"]
    assert payloads(store, "r2") == [BIG], "what both had recorded is still there for the other"
    queue(store, "r1")  # its id is free again
    assert (row(store).entries, row(store).logs) == (0, 0)


@pytest.mark.parametrize("state", sorted(UNFINISHED))
def test_one_that_has_not_ended_is_not_forgotten(store: Store, state: State) -> None:
    own(store, "r1")
    if state is State.QUEUED:
        queue(store, "q")
    elif state is not State.RUNNING:
        move(store, "r1", state, due=1.0 if state is State.WAITING else None)
    run, token = ("q", 0) if state is State.QUEUED else ("r1", 1)
    by = "e1" if state is State.RUNNING else None
    assert outcomes(store, fenced(run, token, [state], forget=True), engine=by) == [INVALID]
    assert outcomes(store, forgets(run, token), engine=by) == [REFUSED], "the fence names final states alone"
    assert store.load(run) is not None


def test_the_fence_holds_here_too(store: Store) -> None:
    ended(store, "r1")
    assert outcomes(store, forgets(token=2), forgets("nobody")) == [REFUSED, REFUSED]
    assert outcomes(store, forgets(), forgets()) == [DONE, REFUSED]


def test_it_goes_alone_or_not_at_all(store: Store) -> None:
    ended(store, "r1")
    queue(store, "r2")
    for given in (
        {"entries": (result(2),)}, {"move": Move(State.CANCELLED)}, {"new_runs": (new("r3"),)},
        {"messages": (message(run="r2"),)},
    ):  # fmt: skip
        assert outcomes(store, forgets(**given), engine=None)[0] in (INVALID, REFUSED)
    assert outcomes(store, Write(forget=True)) == [INVALID]
    assert payloads(store) == [BIG]


@pytest.mark.parametrize("how", ["copy", "child", "family", "retry of its parent"])
def test_what_an_unfinished_run_rests_on_stays_until_that_has_ended(store: Store, how: str) -> None:
    if how == "copy":
        ended(store, "r1", State.FAILED)
        own(store, "r2", origin="r1", copy_from=("r1", 1))
    elif how == "retry of its parent":  # which copies it when it starts the child anew
        own(store, "r2", origin="r0")
        ended(store, "r1", State.FAILED, parent="r0", root="r0")
    else:
        own(store, "r2")
        ended(store, "r1", parent="r2" if how == "child" else "", root="r2")
    (verdict,) = commit(store, forgets(), engine=None)
    assert verdict.outcome is REFUSED
    assert "r2" in verdict.detail
    move(store, "r2", State.SUCCEEDED)
    assert outcomes(store, forgets(), engine=None) == [DONE]
    if how == "copy":
        assert payloads(store, "r2") == [BIG]
        assert outcomes(store, forgets("r2"), engine=None) == [DONE]


@pytest.mark.parametrize(("parent", "root"), [("r0", "r0"), ("r0~2", "r0~2"), ("r5", "r0"), ("r5", "r0~2")])
def test_so_does_what_a_later_retry_would_copy_by_the_plan_that_it_has_taken_over(
    store: Store, parent: str, root: str
) -> None:
    own(store, "r0~12", origin="r0~11")
    own(store, "r00", "r0a", "r")  # of other families
    ended(store, "r1", State.FAILED, parent=parent, root=root)
    (verdict,) = commit(store, forgets(), engine=None)
    assert verdict.outcome is REFUSED
    assert "r0~12" in verdict.detail
    move(store, "r0~12", State.FAILED)
    assert outcomes(store, forgets(), engine=None) == [DONE]


def test_looking_goes_on_from_the_place_of_a_run_that_is_forgotten_meanwhile(store: Store) -> None:
    for n in range(5):
        ended(store, f"r{n}", at=1.0 + n // 2)  # some in the same instant
    first = store.find(Query(limit=2))
    assert [each.id for each in first] == ["r4", "r3"]
    for each in first:
        assert outcomes(store, forgets(each.id, each.token)) == [DONE]
    behind = Query(before=first[-1].place)
    assert [each.id for each in store.find(behind)] == ["r2", "r1", "r0"]
    assert [each.id for each in store.standings(behind)] == ["r2", "r1", "r0"]
    assert store.tally(behind) == {(State.SUCCEEDED, FLOW): 3}
    assert store.horizon(1, before=first[-1].place) == ("r2", row(store, "r2").created)
    assert [each.id for each in store.find(Query(before=first[-1].place, created=(0.0, 2.0)))] == ["r1", "r0"]
