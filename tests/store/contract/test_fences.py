"""Who may write to a run, and when."""

from __future__ import annotations

import pytest

from podium.model import TRANSITIONS, Entry, Kind, Move, State, StepWrite, Write, may_move
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
    move,
    new,
    outcomes,
    own,
    payloads,
    queue,
    result,
    row,
)


def test_the_owner_with_its_token_may_write(store: Store) -> None:
    own(store, "r1")
    assert outcomes(store, fenced(entries=(result(1, payload=b"a"),))) == [DONE]
    assert payloads(store) == [b"a"]


@pytest.mark.parametrize("together", [1, 15, 16, 17, 50])
def test_entries_of_one_commit_are_kept_in_order(store: Store, together: int) -> None:
    own(store, "r1")
    own(store, "r2")
    entries = tuple(result(seq, payload=b"%d" % seq) for seq in range(1, together + 1))
    assert outcomes(store, fenced("r1", entries=entries), fenced("r2", entries=entries)) == [DONE, DONE]
    expected = [b"%d" % seq for seq in range(1, together + 1)]
    assert payloads(store, "r1") == expected
    assert payloads(store, "r2") == expected


@pytest.mark.parametrize("writes", [Write, StepWrite])
def test_a_write_of_steps_is_fenced_like_any_other(store: Store, writes: type[Write]) -> None:
    own(store, "r1")
    own(store, "r2")
    fence, other = fenced("r1").fence, fenced("r2").fence
    wrong = fenced("r1", token=7).fence
    assert outcomes(store, writes(wrong, None, (result(1),))) == [REFUSED]
    first = writes(fence, None, (result(1),))
    together = outcomes(store, first, writes(wrong, None, (result(2),)), writes(other, None, (result(5),)))
    assert together == [DONE, REFUSED, INVALID]
    assert payloads(store, "r2") == []
    assert outcomes(store, writes(fence, None, (result(3),))) == [INVALID]  # a gap, alone in its commit
    assert outcomes(store, writes(fence, None, (result(2),))) == [DONE]


@pytest.mark.parametrize("token", [0, 2])
def test_another_token_is_refused(store: Store, token: int) -> None:
    own(store, "r1")
    assert outcomes(store, fenced(token=token, entries=(result(1),))) == [REFUSED]
    assert payloads(store) == []


def test_a_state_that_the_fence_does_not_name_is_refused(store: Store) -> None:
    own(store, "r1")
    assert outcomes(store, fenced(states=[State.WAITING, State.QUEUED], entries=(result(1),))) == [REFUSED]


def test_an_unknown_run_is_refused(store: Store) -> None:
    assert outcomes(store, fenced("nobody", entries=(result(1),))) == [REFUSED]


def test_an_engine_that_is_not_the_owner_is_refused(store: Store) -> None:
    own(store, "r1")
    queue(store, "r2")
    store.announce(engine("e2"))
    assert outcomes(store, fenced(entries=(result(1),)), engine="e2") == [REFUSED]
    parks = Move(State.PARKED)
    assert outcomes(store, fenced("r1", move=parks), engine="e2") == [REFUSED]
    records = fenced("r2", 0, [State.QUEUED], entries=(result(1),), move=parks)
    assert outcomes(store, records, engine="e2") == [REFUSED]


def test_an_engine_passes_on_a_decision_about_a_run_that_nobody_owns(store: Store) -> None:
    queue(store, "r1")
    store.announce(engine("e2"))
    assert outcomes(store, fenced("r1", 0, [State.QUEUED], move=Move(State.PARKED)), engine="e2") == [DONE]
    assert row(store, "r1").state is State.PARKED


def test_an_engine_without_a_row_is_refused_every_fenced_write_and_owned_run(store: Store) -> None:
    own(store, "r1")
    store.release({"e1": 0}, 0.0)
    assert outcomes(
        store,
        fenced(token=2, states=list(State), entries=(result(1),)),
        Write(new_runs=(new("r2", owned=True),)),
        Write(new_runs=(new("r3"),)),
    ) == [REFUSED, REFUSED, DONE]
    assert store.load("r2") is None
    assert store.load("r3") is not None


def test_a_client_may_write_only_to_a_run_that_nobody_owns(store: Store) -> None:
    own(store, "r1")
    queue(store, "r2")
    assert outcomes(
        store,
        fenced(states=list(State), move=Move(State.CANCELLED)),
        fenced("r2", 0, list(State), move=Move(State.CANCELLED, payload=b"enough")),
        engine=None,
    ) == [REFUSED, DONE]
    ended = row(store, "r2")
    assert (ended.state, ended.payload) == (State.CANCELLED, b"enough")


def test_a_refused_write_changes_nothing_and_hurts_no_neighbour(store: Store) -> None:
    own(store, "r1", "r2")
    refused = fenced(
        token=9,
        move=Move(State.SUCCEEDED),
        entries=(result(1),),
        messages=(message("m1", "r2"),),
        new_runs=(new("r3"),),
    )
    assert outcomes(store, fenced(entries=(result(1),)), refused, fenced("r2", entries=(result(1),))) == [
        DONE,
        REFUSED,
        DONE,
    ]
    assert len(payloads(store, "r1")) == len(payloads(store, "r2")) == 1
    assert store.collect("e1") == []
    assert store.load("r3") is None


def test_each_write_of_a_batch_sees_those_before_it(store: Store) -> None:
    own(store, "r1")
    assert outcomes(
        store,
        fenced(entries=(result(1), result(2))),
        fenced(entries=(result(3),), move=Move(State.SUCCEEDED)),
        fenced(entries=(result(4),)),
        Write(new_runs=(new("r2", copy_from=("r1", 3)),)),
    ) == [DONE, DONE, REFUSED, DONE]
    assert len(store.history("r1")) == len(store.history("r2")) == 3


@pytest.mark.parametrize("after", State)
@pytest.mark.parametrize("before", State)
def test_moves_follow_the_table_and_running_only_comes_from_a_claim(
    store: Store, before: State, after: State
) -> None:
    """Driven along the real moves to `before`, then one Write to `after`."""
    token, writer = _bring_to(store, before)
    expected = DONE if may_move(before, after) and after is not State.RUNNING else INVALID
    assert outcomes(store, fenced("r1", token, [before], move=Move(after)), engine=writer) == [expected]
    found = row(store, "r1")
    assert found.state is (after if expected is DONE else before)
    if expected is DONE:
        assert found.owner is None


def _bring_to(store: Store, state: State) -> tuple[int, str | None]:
    if state is State.QUEUED:
        queue(store, "r1")
        return 0, None
    own(store, "r1")
    if state is State.RUNNING:
        return 1, "e1"
    assert state in TRANSITIONS[State.RUNNING]
    move(store, "r1", state)
    return 1, None


@pytest.mark.parametrize(
    "write",
    [
        Write(move=Move(State.CANCELLED)),
        Write(entries=(result(1),)),
        Write(consumed=("m1",)),
    ],
)
def test_without_a_fence_a_write_changes_no_run(store: Store, write: Write) -> None:
    assert outcomes(store, write) == [INVALID]


@pytest.mark.parametrize("seqs", [(2,), (0,), (1, 1), (1, 3), (2, 1)])
def test_entries_continue_the_history_without_a_gap(store: Store, seqs: tuple[int, ...]) -> None:
    own(store, "r1")
    assert outcomes(store, fenced(entries=tuple(map(result, seqs)))) == [INVALID]
    assert payloads(store) == []
    assert outcomes(store, fenced(entries=(result(1), result(2)))) == [DONE]
    assert outcomes(store, fenced(entries=(result(2),))) == [INVALID]


def test_a_final_state_never_changes(store: Store) -> None:
    own(store, "r1")
    move(store, "r1", State.FAILED, payload=b"why")
    assert outcomes(store, fenced(states=list(State), entries=(result(1),))) == [REFUSED]
    assert outcomes(store, fenced(states=list(State), move=Move(State.CANCELLED)), engine=None) == [INVALID]
    assert store.release({"e1": 0}, 0.0) == 0
    store.announce(engine("e1"))
    assert store.claim("e1", FUNCTIONS, 10, 99.0).heads == ()


def test_a_move_gives_up_ownership_and_says_what_became_of_the_run(store: Store) -> None:
    own(store, "r1", "r2", "r3")
    move(store, "r1", State.WAITING, due=50.0, fingerprint="v2")
    move(store, "r2", State.PARKED, payload=b"diverged")
    assert outcomes(
        store, fenced("r3", entries=(result(1, at=31.0),), move=Move(State.SUCCEEDED, payload=b"42"))
    ) == [DONE]
    waiting, parked, ended = (row(store, run) for run in ("r1", "r2", "r3"))
    assert (waiting.owner, waiting.due, waiting.fingerprint, waiting.ended) == (None, 50.0, "v2", None)
    assert (parked.owner, parked.due, parked.payload, parked.ended) == (None, None, b"diverged", None)
    assert (ended.owner, ended.due, ended.payload, ended.ended) == (None, None, b"42", 31.0)
    assert {waiting.token, parked.token, ended.token} == {1}


def test_a_run_ends_when_its_move_says_else_with_its_last_entry_else_when_it_started(store: Store) -> None:
    own(store, "r1", "r2", "r3", at=3.0)
    commit(store, fenced("r1", entries=(result(1),)), fenced("r2", entries=(result(1, at=7.0),)))
    move(store, "r1", State.SUCCEEDED, at=70.0)
    move(store, "r2", State.SUCCEEDED)
    move(store, "r3", State.SUCCEEDED)
    assert [row(store, run).ended for run in ("r1", "r2", "r3")] == [70.0, 7.0, 3.0]


def test_no_run_ends_before_its_last_entry_by_whatever_clock(store: Store) -> None:
    own(store, "r1", "r2", at=3.0)
    commit(store, fenced("r1", entries=(result(1, at=7.0),)))
    move(store, "r1", State.CANCELLED, at=5.0)
    move(store, "r2", State.CANCELLED, at=1.0)
    assert [row(store, run).ended for run in ("r1", "r2")] == [7.0, 3.0]


def test_one_culprit_in_a_batch_stands_alone(store: Store) -> None:
    """Values of a wrong type, too large for the store, or no text at all: whatever the codec let through."""
    runs = [f"r{n}" for n in range(8)]
    own(store, *runs)
    culprits = {
        1: result(1, step=None),
        2: result(1, payload="text"),
        3: result(1, attempt=1 << 70),
        4: result(1, step="\ud800"),
        5: Entry(seq=1, kind=Kind.RESULT, at=float("nan")),
        6: result(1, payload=None),
    }
    writes = [
        fenced(
            run,
            entries=(culprits.get(n, result(1)),),
            messages=(message("m", "r0"),),
            new_runs=(new(f"n{n}"),),
        )
        for n, run in enumerate(runs)
    ]
    verdicts = commit(store, *writes)
    assert [v.outcome for v in verdicts] == [DONE, *[INVALID] * 6, DONE]
    assert all(v.detail for v in verdicts[1:7])
    assert [len(store.history(run)) for run in runs] == [1, 0, 0, 0, 0, 0, 0, 1]
    assert [n for n in range(8) if store.load(f"n{n}")] == [0, 7]
    assert outcomes(store, fenced("r1", entries=(result(1),))) == [DONE]


def test_an_empty_batch_and_an_empty_write_are_fine(store: Store) -> None:
    own(store, "r1")
    assert commit(store) == []
    assert outcomes(store, Write(), fenced()) == [DONE, DONE]
