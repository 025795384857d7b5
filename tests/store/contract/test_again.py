"""A new generation of a run: one Write, in which the old one ends and the next one is due."""

from __future__ import annotations

import pytest

from podium.model import (
    ANSWER,
    CANCEL,
    SIGNAL,
    Answer,
    Kind,
    LogLine,
    Move,
    Outcome,
    State,
    StepProgress,
    Wait,
    Write,
    clock_of,
)
from podium.store import Store
from tests.store.words import (
    DONE,
    FUNCTIONS,
    INVALID,
    REFUSED,
    commit,
    engine,
    fenced,
    message,
    new,
    outcomes,
    own,
    result,
    row,
)

BIG = 300_000


def again(token: int = 1, args: bytes = b"next", at: float = 20.0, **given: object) -> Write:
    return fenced("r1", token, move=Move(State.WAITING, due=0.0, at=at, again=args), **given)


def test_the_next_generation_is_due_at_once_with_its_arguments_behind_the_old_ones_history(
    store: Store,
) -> None:
    own(store, "r1")
    assert outcomes(store, again(entries=(result(1), result(2)))) == [DONE]
    there = row(store, "r1")
    assert (there.state, there.owner, there.due, there.args) == (State.WAITING, None, 0.0, b"next")
    assert (there.generation, there.base, there.entries, there.began, there.digest) == (
        1,
        2,
        2,
        20.0,
        b"digest",
    )
    (head,) = store.claim("e1", FUNCTIONS, 10, 30.0).heads
    assert (head.token, head.args, head.generation, head.base, head.entries) == (2, b"next", 1, 2, 2)
    assert clock_of(head) == 20.0
    assert outcomes(store, fenced("r1", 2, entries=(result(3),))) == [DONE], "numbers count on"


def test_two_generations_of_history_and_log_are_kept(store: Store) -> None:
    own(store, "r1")
    for n in range(4):
        at = 10.0 * (n + 1)
        said = LogLine("s", 1, at, 20, f"line {n}")
        write = again(n + 1, f"g{n + 1}".encode(), at + 5, entries=(result(n + 1, at=at),), logs=(said,))
        assert outcomes(store, write) == [DONE]
        store.claim("e1", FUNCTIONS, 10, at + 6)
    there = row(store, "r1")
    assert (there.generation, there.base, there.entries) == (4, 4, 4)
    assert [entry.seq for entry in store.history("r1", 0, 10)] == [4], "the last whole one, and this one"
    assert [line.text for line in store.logs("r1", 0, 10)] == ["line 3"]
    commit(store, fenced("r1", 5, logs=(LogLine("s", 1, 60.0, 20, "now"),)))
    assert [line.n for line in store.logs("r1", 0, 10)] == [4, 5], "lines are counted on"


def test_a_generation_without_entries_keeps_the_count(store: Store) -> None:
    own(store, "r1")
    commit(store, again(1, entries=(result(1), result(2))))
    for token in (2, 3):
        store.claim("e1", FUNCTIONS, 10, 30.0)
        assert outcomes(store, again(token)) == [DONE]
    assert store.history("r1", 0, 10) == []
    there = row(store, "r1")
    assert (there.generation, there.base, there.entries) == (3, 2, 2)
    store.claim("e1", FUNCTIONS, 10, 30.0)
    assert outcomes(store, fenced("r1", 4, entries=(result(3),))) == [DONE]


def test_large_arguments_and_results_go_with_their_generation(store: Store) -> None:
    own(store, "r1")
    commit(store, again(1, b"a" * BIG, entries=(result(1, payload=b"r" * BIG),)))
    (head,) = store.claim("e1", FUNCTIONS, 10, 30.0).heads
    assert head.args == b"a" * BIG
    assert [len(entry.payload) for entry in store.history("r1", 0, 10)] == [BIG], "of the one before"
    commit(store, again(2, b"c"))
    assert store.history("r1", 0, 10) == []
    assert row(store, "r1").args == b"c"


def test_what_it_waited_for_goes_and_what_was_sent_stays(store: Store) -> None:
    own(store, "r1", "r2")
    waits = (Wait("s:r2", "r2"), Wait("s:q", "q", ANSWER), Wait("s:late", "late", ANSWER))
    commit(store, fenced("r1", waits=waits))
    commit(store, Write(answers=(Answer("q", 9.0, b"d"),)), Write(messages=(message("m", kind=SIGNAL),)))
    write = again(progress=(StepProgress("s", 1, 9.0, b"half"),))
    verdicts = commit(store, write, Write(answers=(Answer("late", 9.0, b"d"),)))
    assert verdicts[1].answers == (Outcome.CLOSED,)
    assert store.waits("r1") == []
    assert [found.kind for found in store.inbox("r1")] == [SIGNAL]
    assert store.progress("r1") == []
    assert row(store, "r1").inbox == 1
    commit(store, fenced("r2", move=Move(State.SUCCEEDED, at=30.0)))
    assert [found.kind for found in store.inbox("r1")] == [SIGNAL], "r2's end is nobody's any more"


def test_what_was_lost_before_counts_no_more(store: Store) -> None:
    own(store, "r1")
    store.announce(engine("e2"))
    assert store.release({"e1": 0}, 0.0) == 1
    (head,) = store.claim("e2", FUNCTIONS, 10, 30.0).heads
    assert head.lost == 1
    assert outcomes(store, again(head.token), engine="e2") == [DONE]
    assert row(store, "r1").lost == 0


@pytest.mark.parametrize("state", [State.SUCCEEDED, State.PARKED])
def test_only_a_move_to_waiting_begins_anew(store: Store, state: State) -> None:
    own(store, "r1")
    assert outcomes(store, fenced("r1", move=Move(state, at=9.0, again=b"next"))) == [INVALID]
    assert row(store, "r1").generation == 0


def test_only_its_owner_lets_it_begin_anew(store: Store) -> None:
    own(store, "r1")
    assert outcomes(store, again(token=2)) == [REFUSED]
    commit(store, fenced("r1", move=Move(State.PARKED)))
    anew = fenced("r1", states=(State.PARKED,), move=Move(State.WAITING, due=0.0, at=9.0, again=b"next"))
    assert outcomes(store, anew, engine=None) == [INVALID]


def test_a_cancel_that_comes_meanwhile_is_the_next_generations(store: Store) -> None:
    own(store, "r1")
    commit(store, Write(messages=(message("c", kind=CANCEL),)), again())
    (head,) = store.claim("e1", FUNCTIONS, 10, 30.0).heads
    assert head.generation == 1
    assert [found.id for found in store.collect("e1")] == ["c"]


def test_a_copy_is_of_one_generation(store: Store) -> None:
    own(store, "r1")
    commit(store, again(1, entries=(result(1), result(2))))
    store.claim("e1", FUNCTIONS, 10, 30.0)
    commit(store, fenced("r1", 2, entries=(result(3), result(4)), move=Move(State.FAILED, at=40.0)))
    commit(store, Write(new_runs=(new("r2", copy_from=("r1", 3), generation=1, base=2, began=20.0),)))
    there = row(store, "r2")
    assert (there.generation, there.base, there.entries, there.copied) == (1, 2, 3, 3)
    assert [(entry.seq, entry.kind) for entry in store.history("r2", 0, 10)] == [(3, Kind.RESULT)]
