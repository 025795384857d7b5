"""The inbox: numbers, who is woken, how much may lie there, and for how long what was taken is known."""

from __future__ import annotations

from typing import Any

import pytest

from podium.model import (
    ANSWER,
    CANCEL,
    OUTCOME,
    SIGNALS_MAX,
    Fence,
    Kind,
    Message,
    Move,
    Outcome,
    State,
    Write,
)
from podium.store import Store
from tests.store.words import (
    CLOSED,
    DONE,
    FUNCTIONS,
    INVALID,
    REFUSED,
    commit,
    engine,
    fenced,
    message,
    move,
    outcomes,
    own,
    queue,
    result,
    row,
)


def sent(store: Store, *messages: Message) -> tuple[Outcome, ...]:
    return commit(store, Write(messages=messages), engine=None)[0].messages


def takes(*ids: str, run: str = "r1", seq: int = 1) -> Write:
    entries = [result(n, kind=Kind.MESSAGE, step=id, name="signal:") for n, id in enumerate(ids, seq)]
    return fenced(run, entries=tuple(entries))


def due(store: Store, run: str = "r1") -> float | None:
    return row(store, run).due


def test_messages_are_numbered_from_1_in_each_run_in_the_order_in_which_they_came(store: Store) -> None:
    own(store, "r1", "r2")
    sent(store, message("b", at=9.0), message("a", at=1.0), message("c", "r2"), message("b"))
    commit(store, takes("b"))
    sent(store, message("d"))
    assert [(found.n, found.id) for found in store.inbox("r1")] == [(2, "a"), (3, "d")]
    assert (row(store, "r1").messages, row(store, "r2").messages) == (3, 1)


# -- what wakes a run ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("seen", "expected"), [(None, 0.0), (0, 0.0), (1, 0.0), (2, 50.0)])
def test_a_run_that_goes_to_wait_is_due_at_once_for_a_message_that_it_has_not_seen(
    store: Store, seen: int | None, expected: float
) -> None:
    own(store, "r1")
    sent(store, message("m1"), message("m2"))
    move(store, "r1", State.WAITING, due=50.0, seen=seen)
    assert due(store) == expected


def test_what_it_has_taken_with_that_very_write_does_not_wake_it(store: Store) -> None:
    own(store, "r1", "r2")
    for run in ("r1", "r2"):
        sent(store, message("m1", run))
    waits = Move(State.WAITING, due=50.0)
    entry = result(1, kind=Kind.MESSAGE, step="m1", name="signal:")
    assert outcomes(
        store, fenced("r1", entries=(entry,), move=waits), fenced("r2", consumed=("m1",), move=waits)
    ) == [DONE, DONE]
    assert (due(store), due(store, "r2")) == (50.0, 50.0)


def test_a_message_makes_a_run_due_that_nobody_drives_before_and_after_its_move_in_one_batch(
    store: Store,
) -> None:
    own(store, "r1", "r2")
    waits = Move(State.WAITING, due=50.0, seen=0)
    writes = (
        Write(messages=(message("m", "r1"),)),
        fenced("r1", move=waits),
        fenced("r2", move=waits),
        Write(messages=(message("m", "r2"),)),
    )
    assert outcomes(store, *writes) == [DONE] * 4
    assert (due(store), due(store, "r2")) == (0.0, 0.0)
    assert len(store.claim("e1", FUNCTIONS, 10, 1.0).heads) == 2


def test_a_signal_does_not_begin_a_run_before_its_time_and_a_cancel_ends_it_at_once(store: Store) -> None:
    queue(store, "r1", "r2", "r3", due=70.0)
    paused = Fence("r3", 0, frozenset({State.QUEUED}))
    commit(store, Write(fence=paused, move=Move(State.PARKED)), engine=None)
    for run in ("r1", "r3"):
        sent(store, message("m", run))
    sent(store, message("m", "r2", kind="cancel"))
    resumed = Write(fence=Fence("r3", 0, frozenset({State.PARKED})), move=Move(State.WAITING, due=70.0))
    commit(store, resumed, engine=None)
    assert [due(store, run) for run in ("r1", "r2", "r3")] == [70.0, 0.0, 70.0]
    for run in ("r1", "r3"):
        sent(store, message("m2", run))
    assert [head.id for head in store.claim("e1", FUNCTIONS, 10, 1.0).heads] == ["r2"]
    store.claim("e1", FUNCTIONS, 10, 70.0)
    move(store, "r1", State.WAITING, due=90.0, seen=2)
    sent(store, message("m3", "r1"))
    assert due(store) == 0.0


@pytest.mark.parametrize("state", [State.RUNNING, State.PARKED])
def test_a_message_makes_no_run_due_that_somebody_drives_or_that_is_parked(
    store: Store, state: State
) -> None:
    own(store, "r1")
    if state is State.PARKED:
        move(store, "r1", state)
    sent(store, message("m1"))
    assert due(store) is None


def test_a_run_is_not_parked_over_a_message_that_nobody_has_seen(store: Store) -> None:
    own(store, "r1")
    sent(store, message("c", kind="cancel"))
    assert outcomes(store, fenced(move=Move(State.PARKED, seen=0))) == [REFUSED]
    assert row(store).state is State.RUNNING
    assert outcomes(store, fenced(move=Move(State.PARKED, seen=1))) == [DONE]


def test_a_run_that_nobody_listens_to_is_parked_whatever_signals_come(store: Store) -> None:
    own(store, "r1")
    sent(store, message("c", kind="cancel"), message("s"))
    assert outcomes(store, fenced(move=Move(State.PARKED, seen=1))) == [DONE]


def test_a_cancel_that_was_sent_in_the_batch_that_parks_is_seen(store: Store) -> None:
    own(store, "r1")
    asks, parks = Write(messages=(message("c", kind="cancel"),)), fenced(move=Move(State.PARKED, seen=0))
    assert outcomes(store, asks, parks) == [DONE, REFUSED]


def test_a_persons_cancel_of_a_parked_run_is_not_kept_and_that_of_its_parent_puts_it_in_line(
    store: Store,
) -> None:
    own(store, "r1")
    move(store, "r1", State.PARKED, payload=b"why")
    assert sent(store, message("c", kind="cancel")) == (CLOSED,)
    assert store.inbox("r1") == []
    assert sent(store, message("p", kind="cancel", sender="r0")) == (DONE,)
    found = row(store)
    assert (found.state, found.due, found.token, found.payload) == (State.WAITING, 0.0, 1, b"why")
    assert [(head.id, head.token) for head in store.claim("e1", FUNCTIONS, 10, 1.0).heads] == [("r1", 2)]
    assert row(store).payload == b"why", "who ends it must know whether it has something to undo"


def test_one_that_is_parked_and_asked_to_stop_in_one_batch_is_in_line(store: Store) -> None:
    own(store, "r1")
    asks = Write(messages=(message("p", kind="cancel", sender="r0"),))
    assert outcomes(store, fenced(move=Move(State.PARKED, payload=b"why", seen=0)), asks) == [DONE, DONE]
    assert (row(store).state, row(store).payload, due(store)) == (State.WAITING, b"why", 0.0)


def ends(run: str, token: int, state: State, seq: int = 1, took: str = "c", **more: Any) -> Write:
    """The end of a run by a message that lies there."""
    entry = result(seq, kind=Kind.MESSAGE, step=took, name="cancel:")
    move = Move(State.CANCELLED, at=50.0)
    return Write(Fence(run, token, frozenset({state})), move, (entry,), **more)


@pytest.mark.parametrize("by", ["e1", None])
def test_whoever_finds_it_ends_a_run_that_is_asked_to_stop_and_that_nobody_has(
    store: Store, by: str | None
) -> None:
    queue(store, "r1")
    own(store, "r2")
    commit(store, fenced("r2", entries=(result(1),)))
    move(store, "r2", State.PARKED, payload=b"why")
    sent(store, *(message("c", run, kind="cancel", sender="r0") for run in ("r1", "r2")))
    done = outcomes(store, ends("r1", 0, State.QUEUED), ends("r2", 1, State.WAITING, seq=2), engine=by)
    assert done == [DONE, DONE]
    assert [row(store, run).state for run in ("r1", "r2")] == [State.CANCELLED] * 2
    assert [store.inbox(run) for run in ("r1", "r2")] == [[], []]
    assert [entry.step for entry in store.history("r2")] == ["s#1", "c"]


def test_nothing_else_is_recorded_of_a_run_that_nobody_has(store: Store) -> None:
    queue(store, "r1")
    own(store, "r2")
    sent(store, message("c", kind="cancel", sender="r0"), message("s"), message("c", "r2", kind="cancel"))
    refused = (
        ends("r1", 0, State.QUEUED, took="s"),
        ends("r1", 0, State.QUEUED, took="none"),
        ends("r1", 0, State.QUEUED, consumed=("s",)),
        ends("r2", 1, State.RUNNING),
    )
    assert outcomes(store, *refused, engine="e2") == [REFUSED] * 4
    store.announce(engine("e2"))
    assert outcomes(store, *refused, engine="e2") == [REFUSED] * 4


# -- what may be taken --------------------------------------------------------------------------------


def test_a_message_of_an_earlier_write_of_the_batch_is_there_to_be_taken(store: Store) -> None:
    own(store, "r1")
    assert outcomes(store, Write(messages=(message("m1", payload=b"big" * 200_000),)), takes("m1")) == [
        DONE,
        DONE,
    ]
    assert store.inbox("r1") == []
    assert (row(store).inbox, row(store).messages) == (0, 1)
    assert sent(store, message("m1")) == (DONE,), "it is known"
    assert store.inbox("r1") == []


def test_a_message_that_is_not_there_refuses_the_write_that_takes_it(store: Store) -> None:
    own(store, "r1", "r2")
    sent(store, message("m1", "r2"))
    assert outcomes(store, takes("m1"), fenced(consumed=("m2",)), Write(messages=(message("m1"),))) == [
        REFUSED,
        REFUSED,
        DONE,
    ]
    assert row(store).entries == 0
    assert [found.id for found in store.inbox("r2")] == ["m1"]


def test_one_write_takes_a_message_once(store: Store) -> None:
    own(store, "r1")
    sent(store, message("m1"))
    assert outcomes(store, takes("m1", "m1")) == [INVALID]
    assert (row(store).entries, row(store).inbox) == (0, 1)


# -- how many may lie there ---------------------------------------------------------------------------


def test_an_inbox_is_full_of_signals_that_nobody_takes_and_of_nothing_else(store: Store) -> None:
    own(store, "r1", "r2")
    signals = [message(f"m{n}") for n in range(SIGNALS_MAX + 1)]
    assert sent(store, message("x", kind=CANCEL), *signals) == (DONE,) * (SIGNALS_MAX + 1) + (Outcome.FULL,)
    more = [
        message("late"), message("cancel", kind=CANCEL), message("outcome", kind=OUTCOME),
        message("answer", kind=ANSWER), message("m7"), message("late", "r2"),
    ]  # fmt: skip
    assert sent(store, *more) == (Outcome.FULL, *[DONE] * 5)
    assert row(store).inbox == SIGNALS_MAX + 4
    verdict = commit(store, fenced("r2", entries=(result(1),), messages=(message("late"),)))[0]
    assert (verdict.outcome, verdict.messages) == (DONE, (Outcome.FULL,)), "the rest of the Write happens"
    both = Write(messages=(message("late"), message("later")))
    taken, answered = commit(store, takes("m1"), both)
    assert (taken.outcome, answered.messages) == (DONE, (DONE, Outcome.FULL)), "one is taken: room for one"


# -- how long it is known -----------------------------------------------------------------------------


def test_what_was_taken_is_known_until_it_expires_and_what_nobody_took_stays(store: Store) -> None:
    own(store, "r1")
    sent(store, *[message(f"m{n}") for n in range(4)])
    commit(store, takes("m1"))  # at 11.0
    commit(store, takes("m2", "m3", seq=2))  # at 12.0, 13.0
    assert store.expire(11.0) == 0
    assert store.expire(13.5, limit=2) == 2
    assert store.expire(13.5) == 1
    assert store.expire(13.5) == 0
    assert [found.id for found in store.inbox("r1")] == ["m0"]
    assert sent(store, message("m1"), message("m0")) == (DONE, DONE)
    assert [(found.n, found.id) for found in store.inbox("r1")] == [(1, "m0"), (5, "m1")]
