"""Where a run that an engine owns stands between coming into memory and leaving it, as one table."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from ..errors import InternalError
from ..model import Move
from .outbox import Outbox


class Residency(str, Enum):  # text, because Python hashes that in C: the table is looked into for every run
    """How far a run in memory still follows what happens."""

    LOADING = "loading"  # its history is being read and replayed
    RESIDENT = "resident"  # driven: events are recorded and fed
    LEAVING = "leaving"  # it only waits and asked to be evicted; an event before that write keeps it here
    CLOSED = "closed"  # ended, parked or handed back: its last write is made, events come too late
    GONE = "gone"  # left memory


# For what every step looks at: in 3.11 a member of an enum class takes far longer than a name of a module.
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


class Residence:
    """Where one run stands, and the move by which it leaves."""

    __slots__ = ("_outbox", "state")

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self.state = LOADING

    def change(self, after: Residency) -> None:
        """Go on along the table. Raises InternalError."""
        self.state = changed(self.state, after)

    def wait(self, move: Move) -> None:
        """Ask to be evicted; an event before that write is made keeps the run."""
        self.change(Residency.LEAVING)
        self._outbox.move = move

    def stay(self) -> None:
        """Something happened: if the run was to be evicted, it is not."""
        if self.state is Residency.LEAVING:
            self.change(RESIDENT)
            self._outbox.move = None

    def close(self, move: Move) -> None:
        """Leave by this move, whatever else happens."""
        if self.state is not Residency.CLOSED:
            self.change(Residency.CLOSED)
        self._outbox.move = move

    @property
    def is_gone(self) -> bool:
        """Whether the run has left memory: what still comes is not its own any more."""
        return self.state is Residency.GONE
