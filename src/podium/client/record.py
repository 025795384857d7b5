"""How much of a run is on record."""

from __future__ import annotations

from ..model import Kind
from ..store import Store


def steps_on_record(store: Store, run: str) -> int:
    """How many steps have an outcome there. A history is longer: it holds tries, timers and messages, too."""
    after = count = 0
    while page := store.history(run, after, 1000):
        count += sum(entry.kind in (Kind.RESULT, Kind.ERROR) for entry in page)
        after = page[-1].seq
    return count


def in_words(steps: int) -> str:
    """For a line that says it."""
    return f"{steps:,} step{'' if steps == 1 else 's'} on record"
