"""The short way of a commit: Writes that only record entries and log lines, in one round trip.

Most commits are such. All there is to judge are the locked rows of their runs, which the statements that
insert do themselves. Where one of the Writes may not be made, none is: `judge` says which, on the long way.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence

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
_DONE = Verdict(Outcome.DONE)
_GUARD = "run token states first"
_PLACED = f"place{ENTRY[3:]}"
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

    def statements(self, engine: str, turn: str) -> list[Statement]:
        """Lines first: they go by where the entries began."""
        found: list[Statement] = []
        guards = sorted(self._guards.values())
        if self._lines:
            locked = {"engine": engine, "turn": turn, "run": [guard[0] for guard in guards]}
            many: list[Row] = [
                (*self._guards[run], line.step, line.attempt, line.at, line.level, line.text.encode())
                for run, line in self._lines
            ]
            values = columns(f"{_GUARD}{LINE[3:]}", many)
            found += [(SQL["take_turn"], locked), (SQL["lock_recorded"], locked)]
            found.append((SQL["record_lines"], {**values, "engine": engine, "count": len(many)}))
        if len(self._entries) == 1:
            ((_, entry),) = self._entries
            one = zip(_RECORD, (*guards[0], *astuple(entry)), strict=True)
            found.append((SQL["record_one"], {**dict(one), "engine": engine, "turn": turn}))
        elif self._entries:
            places = {guard[0]: place for place, guard in enumerate(guards, 1)}
            added: list[Row] = [(places[run], *astuple(entry)) for run, entry in self._entries]
            values = {**columns(_GUARD, guards), **columns(_PLACED, added)}
            found.append((SQL["record"], {**values, "engine": engine, "turn": turn, "count": len(added)}))
        return found


def commit_records(
    connection: Connection,
    engine: str,
    turn: str,
    writes: Sequence[Write],
    records: Records,
    opening: Sequence[Statement],
) -> list[Verdict]:
    """Commit Writes that all only record, and are `records`. Raises a data error where the fence of one does
    not hold: nothing has happened then."""
    trip(connection, [*opening, *records.statements(engine, turn), _COMMIT])
    return [_DONE] * len(writes)
