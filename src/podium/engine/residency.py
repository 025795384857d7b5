"""Where a run that an engine owns stands between coming into memory and leaving it, as one table."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from ..errors import InternalError


class Residency(Enum):
    """How far a run in memory still follows what happens."""

    LOADING = "loading"  # its history is being read and replayed
    RESIDENT = "resident"  # driven: events are recorded and fed
    LEAVING = "leaving"  # it only waits and asked to be evicted; an event before that write keeps it here
    CLOSED = "closed"  # ended, parked or handed back: its last write is made, events come too late
    GONE = "gone"  # left memory


RESIDENT = Residency.RESIDENT
LOADING = Residency.LOADING
IGNORES = (Residency.LOADING, Residency.CLOSED, Residency.GONE)  # events are not followed
TOO_LATE = (Residency.CLOSED, Residency.GONE)  # what happens now does not matter here any more

CHANGES: Mapping[Residency, frozenset[Residency]] = {
    Residency.LOADING: frozenset({Residency.RESIDENT, Residency.CLOSED, Residency.GONE}),
    Residency.RESIDENT: frozenset({Residency.LEAVING, Residency.CLOSED, Residency.GONE}),
    Residency.LEAVING: frozenset({Residency.RESIDENT, Residency.CLOSED, Residency.GONE}),
    Residency.CLOSED: frozenset({Residency.GONE}),
    Residency.GONE: frozenset(),
}


def changed(before: Residency, after: Residency) -> Residency:
    """`after`, if the table has that change. Raises InternalError."""
    if after not in CHANGES[before]:
        raise InternalError(f"a run in memory cannot go from {before.value} to {after.value}")
    return after
