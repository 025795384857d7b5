"""What of a run is on record, and how much that is."""

from __future__ import annotations

from collections.abc import Iterator

from ..model import Entry, Kind
from ..store import Store


def entries(store: Store, run: str) -> Iterator[Entry]:
    """The whole history of a run, in order."""
    after = 0
    while page := store.history(run, after, 1000):
        yield from page
        after = page[-1].seq


def steps_on_record(store: Store, run: str) -> int:
    """How many steps have an outcome there. A history is longer: it holds tries, timers and messages, too."""
    return sum(entry.kind in (Kind.RESULT, Kind.ERROR) for entry in entries(store, run))


def in_words(steps: int) -> str:
    """For a line that says it."""
    return f"{steps:,} step{'' if steps == 1 else 's'} on record"
