"""The short way of a commit: Writes that only record entries and log lines, in one round trip.

Most commits are such. All there is to judge are the locked rows of their runs, which the statements that
insert do themselves. Where one of the Writes may not be made, none is: `judge` says which, on the long way.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sequence

from msgspec.structs import astuple

from ...codec import holds_references
from ...model import Entry, Kind, LogLine, Outcome, State, StepWrite, Verdict, Write
from .binding import columns
from .changes import ENTRY, LINE
from .statements import SQL, Connection, Row, Statement, trip

_ONLY_RECORDS = frozenset({"fence", "entries", "logs"})
_MORE = operator.attrgetter(*(field for field in Write.__struct_fields__ if field not in _ONLY_RECORDS))
_MESSAGE = Kind.MESSAGE
_COMMIT: Statement = (SQL["commit"], {})
_LOCK = SQL["lock_recorded"]
_DONE = Verdict(Outcome.DONE)
_GUARD = "run token states first"
_RECORD = tuple(f"{_GUARD}{ENTRY[3:]}".split())


class Records:
    """What a batch of such Writes puts on record."""

    def __init__(self) -> None:
        self._next: dict[str, int] = {}  # by run: the number of the entry that continues it
        self._guards: dict[str, tuple[str, int, str, int]] = {}  # what must hold of it; first 0: no entries
        self._states: dict[frozenset[State], str] = {}
        self._entries: list[tuple[str, Entry]] = []
        self._lines: list[tuple[str, LogLine]] = []

    def add(self, write: Write) -> bool:
        """False: it takes the long way."""
        fence = write.fence
        if (
            fence is None
            or not (write.entries or write.logs)
            or not (type(write) is StepWrite or not any(_MORE(write)))
        ):
            return False
        run = fence.run
        states = self._states.get(fence.states)
        if states is None:
            states = self._states[fence.states] = " ".join(sorted(fence.states))
        first = write.entries[0].seq if write.entries else 0
        known = self._guards.get(run)
        if known is None:
            self._guards[run] = (run, fence.token, states, first)
        elif known[1:3] != (fence.token, states) or (first and self._next.get(run) != first):
            return False
        for seq, entry in enumerate(write.entries, first):
            if entry.seq != seq or entry.kind is _MESSAGE or holds_references(entry.payload):
                return False
            self._entries.append((run, entry))
        if first:
            self._next[run] = first + len(write.entries)
        self._lines += [(run, line) for line in write.logs]
        return True

    def statements(self, engine: str) -> list[Statement]:
        """Lines first: they go by where the entries began."""
        found: list[Statement] = [(_LOCK, {"engine": engine, "runs": sorted(self._guards)})]
        if self._lines:
            many: list[Row] = [
                (*self._guards[run], line.step, line.attempt, line.at, line.level, line.text.encode())
                for run, line in self._lines
            ]
            values = columns(f"{_GUARD}{LINE[3:]}", many)
            found.append((SQL["record_lines"], {**values, "engine": engine, "count": len(many)}))
        if len(self._entries) == 1:
            ((run, entry),) = self._entries
            one = zip(_RECORD, (*self._guards[run], *astuple(entry)), strict=True)
            found.append((SQL["record_one"], {**dict(one), "engine": engine}))
        elif self._entries:
            values = columns(f"{_GUARD}{ENTRY[3:]}", list(self._guarded()))
            found.append((SQL["record"], {**values, "engine": engine, "count": len(self._entries)}))
        return found

    def _guarded(self) -> Iterator[Row]:
        """Entries, each behind what must hold of its run; how many that had, for the first of each alone."""
        is_asked = set[str]()
        for run, entry in self._entries:
            *guard, first = self._guards[run]
            yield (*guard, None if run in is_asked else first, *astuple(entry))
            is_asked.add(run)


def commit_records(
    connection: Connection,
    engine: str,
    writes: Sequence[Write],
    records: Records,
    opening: Sequence[Statement],
) -> list[Verdict]:
    """Commit Writes that all only record, and are `records`. Raises a data error where the fence of one does
    not hold: nothing has happened then."""
    trip(connection, [*opening, *records.statements(engine), _COMMIT])
    return [_DONE] * len(writes)
