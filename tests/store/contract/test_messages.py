"""Messages: sent once, seen until consumed, gone when their run is."""

from __future__ import annotations

import pytest

from podium.model import Kind, Move, Outcome, State, Write
from podium.store import Store
from tests.store.words import (
    DONE,
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


def sent(store: Store, *ids: str, run: str = "r1", engine: str | None = None) -> tuple[Outcome, ...]:
    write = Write(messages=tuple(message(id, run) for id in ids))
    return commit(store, write, engine=engine)[0].messages


def taken(id: str, seq: int = 1, **given: object) -> Write:
    """The owner moves a message from the inbox into the history."""
    return fenced(entries=(result(seq, kind=Kind.MESSAGE, step=id, name="signal:"),), **given)


def test_the_owner_collects_its_runs_messages_until_they_are_consumed(store: Store) -> None:
    store.announce(engine("e2"))
    own(store, "r1", "r2")
    own(store, "r3", engine="e2")
    queue(store, "r4")
    late = message("m1", "r1", at=9.0, kind="cancel", payload=b"why", n=1)
    early = message("m1", "r2", at=8.0, name="go", digest=b"d", state="failed", sender="ann", n=1)
    commit(store, Write(messages=(late, early, message("m1", "r3"), message("m1", "r4"))))
    assert store.collect("e1") == store.collect("e1")
    assert sorted(store.collect("e1"), key=lambda found: found.run) == [late, early]
    assert (store.inbox("r1"), store.inbox("r2"), store.inbox("nobody")) == ([late], [early], [])
    assert row(store).inbox == 1
    assert outcomes(store, taken("m1")) == [DONE]
    assert store.collect("e1") == [early]
    assert row(store).inbox == 0
    assert store.collect("ghost") == []


def test_messages_of_a_run_are_collected_as_they_came_whatever_their_senders_clocks_say(store: Store) -> None:
    own(store, "r1", "r2")
    for id, run, at in (("m1", "r1", 9.0), ("m1", "r2", 1.0), ("m2", "r1", 5.0), ("m3", "r1", 7.0)):
        commit(store, Write(messages=(message(id, run, at=at),)))
    assert [found.id for found in store.collect("e1") if found.run == "r1"] == ["m1", "m2", "m3"]


def test_of_a_run_whose_inbox_was_seen_only_what_came_later_is_collected(store: Store) -> None:
    own(store, "r1", "r2")
    for id, run in (("m1", "r1"), ("m2", "r1"), ("m1", "r2"), ("m3", "r1")):
        commit(store, Write(messages=(message(id, run),)))

    def collected(**seen: int) -> set[tuple[str, str, int]]:
        return {(found.run, found.id, found.n) for found in store.collect("e1", seen)}

    assert collected(r1=2, unknown=7) == {("r1", "m3", 3), ("r2", "m1", 1)}
    assert collected(r1=3, r2=0) == {("r2", "m1", 1)}
    assert collected(r1=3, r2=1) == set()
    assert len(store.inbox("r1")) == 3, "it was only passed over"
    assert outcomes(store, taken("m2")) == [DONE]
    assert collected(r1=1, r2=1) == {("r1", "m3", 3)}
    assert collected(r2=1) == {("r1", "m1", 1), ("r1", "m3", 3)}


def test_a_message_that_is_waiting_is_not_stored_twice(store: Store) -> None:
    own(store, "r1")
    assert sent(store, "m1", "m1") == (DONE, DONE)
    assert sent(store, "m1", "m2") == (DONE, DONE)
    assert [found.id for found in store.collect("e1")] == ["m1", "m2"]


def test_a_message_that_was_consumed_is_not_delivered_again(store: Store) -> None:
    own(store, "r1")
    sent(store, "m1")
    commit(store, taken("m1"))
    assert sent(store, "m1") == (DONE,)
    assert store.collect("e1") == []


def test_a_message_consumed_in_the_same_batch_is_not_delivered_again(store: Store) -> None:
    own(store, "r1")
    sent(store, "m1")
    assert outcomes(store, taken("m1"), Write(messages=(message("m1"),))) == [DONE, DONE]
    assert store.collect("e1") == []


def test_a_message_enters_a_history_once(store: Store) -> None:
    own(store, "r1")
    sent(store, "m1")
    assert outcomes(store, taken("m1"), taken("m1", 2)) == [DONE, REFUSED]
    assert len(store.history("r1")) == 1


def test_one_id_may_go_to_many_runs(store: Store) -> None:
    own(store, "r1", "r2")
    assert sent(store, "m1") + sent(store, "m1", run="r2") == (DONE, DONE)
    assert len(store.collect("e1")) == 2


def test_a_refused_write_consumes_nothing(store: Store) -> None:
    own(store, "r1")
    sent(store, "m1")
    commit(store, fenced(token=5, entries=(result(1, kind=Kind.MESSAGE, step="m1"),), consumed=("m1",)))
    assert len(store.collect("e1")) == 1


@pytest.mark.parametrize("state", [State.SUCCEEDED, State.FAILED, State.CANCELLED])
def test_a_message_to_a_final_run_is_gone_and_its_senders_write_goes_on(store: Store, state: State) -> None:
    own(store, "r1", "r2")
    move(store, "r1", state)
    verdict = commit(
        store, fenced("r2", entries=(result(1),), messages=(message("m1", "r1"), message("m1", "nobody")))
    )[0]
    assert (verdict.outcome, verdict.messages) == (DONE, (Outcome.GONE, Outcome.GONE))
    assert row(store, "r2").entries == 1
    assert row(store, "r1").inbox == 0


def test_a_message_waits_for_queued_waiting_and_parked_runs(store: Store) -> None:
    own(store, "r1", "r2")
    queue(store, "r3")
    move(store, "r1", State.WAITING)
    move(store, "r2", State.PARKED)
    assert [sent(store, "m", run=run) for run in ("r1", "r2", "r3")] == [(DONE,)] * 3
    assert [row(store, run).inbox for run in ("r1", "r2", "r3")] == [1, 1, 1]


def test_a_message_that_came_before_the_end_is_still_known_after_it(store: Store) -> None:
    own(store, "r1")
    sent(store, "m1")
    commit(store, fenced(move=Move(State.SUCCEEDED)))
    assert sent(store, "m1", "m2") == (DONE, Outcome.GONE)
    assert row(store).inbox == 1
