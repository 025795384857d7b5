"""What attempts say of their progress: the last of each step until it is taken away, fenced like the rest."""

from __future__ import annotations

from podium.model import Move, Outcome, State, StepProgress, Write
from podium.store import Store
from tests.store.words import DONE, REFUSED, commit, fenced, outcomes, own


def said(step: str, payload: bytes, attempt: int = 1, at: float = 5.0) -> StepProgress:
    return StepProgress(step, attempt, at, payload)


def test_the_last_of_each_step_is_kept(store: Store) -> None:
    own(store, "r1", "r2")
    commit(store, fenced("r1", progress=(said("a", b"1"), said("b", b"2"))))
    commit(
        store, fenced("r1", progress=(said("a", b"3", 2, 6.0),)), fenced("r2", progress=(said("a", b"4"),))
    )
    assert store.progress("r1") == [said("a", b"3", 2, 6.0), said("b", b"2")]
    assert store.progress("r2") == [said("a", b"4")]
    assert store.progress("unknown") == []


def test_an_empty_one_takes_it_away(store: Store) -> None:
    own(store, "r1")
    commit(store, fenced("r1", progress=(said("a", b"1"), said("b", b"2"))))
    commit(store, fenced("r1", progress=(said("a", b""),)))
    assert store.progress("r1") == [said("b", b"2")]


def test_it_is_fenced(store: Store) -> None:
    own(store, "r1")
    zombie = fenced("r1", token=9, progress=(said("a", b"zombie"),))
    assert outcomes(store, zombie) == [REFUSED]
    assert outcomes(store, fenced("r1", progress=(said("a", b"stranger"),)), engine="e2") == [REFUSED]
    (verdict,) = commit(store, Write(progress=(said("a", b"nobody"),)))
    assert verdict.outcome is Outcome.INVALID
    assert store.progress("r1") == []


def test_it_goes_with_its_run(store: Store) -> None:
    own(store, "r1")
    ended = fenced("r1", progress=(said("a", b"1"),), move=Move(State.FAILED, at=9.0))
    assert outcomes(store, ended, fenced("r1", states=[State.FAILED], forget=True)) == [DONE, DONE]
    assert store.progress("r1") == []
    own(store, "r1")
    assert store.progress("r1") == []


def test_it_goes_with_the_write_that_says_it(store: Store) -> None:
    own(store, "r1")
    leaving = fenced("r1", progress=(said("a", b"1"),), move=Move(State.WAITING, due=9.0))
    assert outcomes(store, leaving) == [DONE]
    assert store.progress("r1") == [said("a", b"1")]
