"""Who changed what: rows in the order in which they came, whose outcome is said once."""

from __future__ import annotations

import msgspec

from podium.model import AuditRow
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


def test_an_outcome_is_said_once(store: Store) -> None:
    n = store.audit(ANN)
    store.audit_outcome(n, "done")
    store.audit_outcome(n, "E303")
    store.audit_outcome(99, "done")
    assert [row.outcome for row in store.audited()] == ["done"]
