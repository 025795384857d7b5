"""Results on record that may stand for other calls are found by what their entries say."""

from __future__ import annotations

from podium.model import FINAL, CachedResult, Kind, Move, State, cached_name
from podium.store import Store
from tests.store.words import DONE, fenced, move, outcomes, own, result

KEY, OTHER = "a" * 32, "b" * 32


def test_the_latest_is_found_and_one_that_was_taken_says_where_from(store: Store) -> None:
    own(store, "r1", "r2")
    assert store.cached(KEY) is None
    assert outcomes(store, fenced(entries=(result(1), result(2, name=cached_name(KEY), payload=b"1")))) == [
        DONE
    ]
    found = store.cached(KEY)
    assert found == CachedResult(KEY, 12.0, "r1", 2, b"1")
    assert store.cached(OTHER) is None
    assert store.cached(KEY[:-1]) is None
    taken = result(1, at=20.0, name=found.name, payload=b"1")
    assert outcomes(store, fenced("r2", entries=(taken,))) == [DONE]
    assert store.cached(KEY) == found, "the same source, by whichever entry"
    move(store, "r1", State.SUCCEEDED)
    assert outcomes(store, fenced("r1", 1, list(FINAL), forget=True), engine=None) == [DONE]
    assert store.cached(KEY) == found, "what was taken over stays with who took it"


def test_a_newer_one_comes_first_and_a_failure_is_none(store: Store) -> None:
    own(store, "r1")
    entries = (
        result(1, name=cached_name(KEY), payload=b"old"),
        result(2, name=cached_name(KEY), payload=b"x" * 300_000),
        result(3, kind=Kind.ERROR, name=cached_name(OTHER)),
    )
    assert outcomes(store, fenced(entries=entries, move=Move(State.FAILED))) == [DONE]
    found = store.cached(KEY)
    assert found is not None
    assert (found.seq, len(found.payload)) == (2, 300_000)
    assert store.cached(OTHER) is None


def test_of_long_runs_that_take_turns_it_is_found_too(store: Store) -> None:
    runs = [f"r{n}" for n in range(10)]
    own(store, *runs)
    for run in runs:
        assert outcomes(store, fenced(run, entries=tuple(result(seq) for seq in range(1, 71)))) == [DONE]
    named = [fenced(run, entries=(result(71, name=cached_name(f"{run:0>32}")),)) for run in runs]
    assert outcomes(store, *named) == [DONE] * 10
    assert all(store.cached(f"{run:0>32}") is not None for run in runs)
