"""Who changed what: rows in the order in which they came, whose outcome is said once."""

from __future__ import annotations

import msgspec

from podium.model import AuditRow, Fence, Message, Move, NewRun, Outcome, State, Write
from podium.store import Store

ANN = AuditRow(at=5.0, by="ann", role="operator", verb="POST /x", target="r1", said="{}", address="127.0.0.1")
BOB = msgspec.structs.replace(ANN, at=6.0, by="bob")


def test_the_newest_come_first_by_pages(store: Store) -> None:
    numbers = [store.audit(row) for row in (ANN, BOB, ANN)]
    assert numbers == [1, 2, 3]
    first = store.audited(limit=2)
    assert [(row.n, row.by) for row in first] == [(3, "ann"), (2, "bob")]
    assert [row.n for row in store.audited(before=first[-1].n)] == [1]
    assert store.audited()[-1] == msgspec.structs.replace(ANN, n=1)


def test_a_decision_is_on_record_if_it_happened_and_found_by_its_run(store: Store) -> None:
    act = AuditRow(at=5.0, by="ann", role="", verb="cancel", target="r1", outcome="done", run="r1")
    other = msgspec.structs.replace(act, run="r2", target="r2")
    there = Message("m1", "r1", "cancel", 5.0)
    new = NewRun(
        id="r1", function="f", args=b"{}", digest=b"d", at=1.0, act=msgspec.structs.replace(act, verb="retry")
    )
    store.commit(None, [Write(new_runs=(new,)), Write(messages=(there,), acts=(act,))])
    gone = store.commit(None, [Write(messages=(Message("m2", "r2", "cancel", 5.0),), acts=(other,))])
    assert gone[0].messages == (Outcome.GONE,)
    fence = Fence("r1", 7, frozenset({State.QUEUED}))
    (refused,) = store.commit(None, [Write(fence=fence, move=Move(State.CANCELLED), acts=(act,))])
    assert refused.outcome is Outcome.REFUSED
    ended = Write(fence=Fence("r1", 0, frozenset({State.QUEUED})), move=Move(State.CANCELLED), acts=(act,))
    assert [verdict.outcome for verdict in store.commit(None, [ended])] == [Outcome.DONE]
    assert [(row.verb, row.by, row.n) for row in store.audited(run="r1")] == [
        ("cancel", "ann", 3), ("cancel", "ann", 2), ("retry", "ann", 1),
    ]  # fmt: skip
    assert [row.n for row in store.audited(run="r1", before=3, limit=1)] == [2]
    assert store.audited(run="r2") == []


def test_an_outcome_is_said_once(store: Store) -> None:
    n = store.audit(ANN)
    store.audit_outcome(n, "done")
    store.audit_outcome(n, "E303")
    store.audit_outcome(99, "done")
    assert [row.outcome for row in store.audited()] == ["done"]
