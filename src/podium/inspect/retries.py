"""What retries a failed run: it has one retry, and is retried with the run that has started it."""

from __future__ import annotations

from collections.abc import Iterable

from ..model import RETRIABLE, RunRow, State, id_of_retry
from ..store import Store
from .store_view import StoreView


def last_retry(store: Store, row: RunRow) -> RunRow:
    """The retry of a run, or the retry of that, and so on; the run itself, if it has none."""
    while (later := store.load(id_of_retry(row.id))) is not None:
        row = later
    return row


def retries_with(store: Store, row: RunRow, known: dict[str, RunRow | None] | None = None) -> RunRow | None:
    """The run that a failed one is retried with: the one that has started it, or the last retry of that,
    unless this has gone well without it. None: it is retried alone. `known`: what was found, by parent."""
    if known is not None and row.parent in known:
        return known[row.parent]
    parent = store.load(row.parent) if row.parent else None
    last = last_retry(store, parent) if parent is not None and parent.state in RETRIABLE else None
    found = None if last is None or last.state is State.SUCCEEDED else last
    if known is not None:
        known[row.parent] = found
    return found


def retried_with_others(view: StoreView, rows: Iterable[RunRow]) -> set[str]:
    """Which of these failed runs are not retried alone."""
    known: dict[str, RunRow | None] = {}
    return {row.id for row in rows if retries_with(view.store, row, known) is not None}


def way_after_failure(store: Store, row: RunRow) -> str:
    """What to do about a failed run, in words."""
    last = last_retry(store, row)
    if last is row:
        other = retries_with(store, row)
        if other is None or other.state in RETRIABLE:
            return f"mend the code, then: podium retry {row.id if other is None else other.id}"
        return f"it is retried with run {other.id}: podium show {other.id}"
    if last.state in RETRIABLE:
        return f"it was retried, last as {last.id}: mend the code, then: podium retry {last.id}"
    return f"it was retried, last as {last.id}, which is {last.state}: podium show {last.id}"
