"""What of a run is on record, and how much that is."""

from __future__ import annotations

import math
from collections.abc import Iterator

from ..model import Entry, RunRow
from ..store import Store
from .durations import ago
from .progress import RunProgress

_SAID_MAX = 200  # characters of a line
_PAGE = 1000  # entries read at once
_TAIL = 200  # entries, the last ones, in which it stands how a run is doing or what made it fail


def entries(store: Store, run: str, after: int = 0, until: float = math.inf) -> Iterator[Entry]:
    """A run's history in order, from the entry behind number `after` up to number `until`."""
    while after < until and (page := store.history(run, after, int(min(_PAGE, until - after)))):
        yield from page
        after = page[-1].seq


def tail(store: Store, row: RunRow) -> list[Entry]:
    """The last entries of a run, of its generation."""
    return store.history(row.id, max(row.base, row.entries - _TAIL), _TAIL)


def newest(store: Store, row: RunRow) -> Iterator[Entry]:
    """The entries of a run's generation, the last one first."""
    until = row.entries
    while until > row.base:
        after = max(row.base, until - _TAIL)
        yield from reversed(store.history(row.id, after, until - after))
        until = after


def steps_on_record(store: Store, run: str) -> int:
    """How many steps have an outcome there. A history is longer: it holds retries and timers, too."""
    return RunProgress(entries(store, run)).steps


def in_words(steps: int, of: str = "") -> str:
    """For a line that says it; `of`: of which run."""
    return f"{steps:,} step{'' if steps == 1 else 's'}{of and f' of {of}'} on record"


def last_said(store: Store, row: RunRow, now: float) -> tuple[str, ...]:
    """The last line of its log, if any: on which worker of a cluster a body runs, say."""
    lines = store.logs(row.id, row.logs - 1, 1) if row.logs else []
    return tuple(f"said {ago(line.at, now)}: {line.text[:_SAID_MAX]}" for line in lines)
