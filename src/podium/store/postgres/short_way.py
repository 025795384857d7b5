"""The short way of a commit, in one round trip: Writes that record entries and log lines, that end the run of
the engine's own which they record, or that start one which nobody has named.

Most commits are such. All there is to judge are the locked rows of their runs, which the statements that
insert do themselves. Where one of the Writes may not be made, or there is more to its start or end than the
row of its run, none is made: `judge` says which may be, on the long way.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

from msgspec.structs import astuple

from ...codec import holds_references
from ...model import FINAL, Entry, Kind, LogLine, Move, NewRun, Outcome, State, StepWrite, Verdict, Write
from ..columns import run_row
from ..sets import begun
from .binding import columns
from .changes import ENTRY, LINE, RUN
from .statements import SQL, Connection, Row, Statement, trip


def _others(fields: Sequence[str], known: str) -> Callable[[Any], tuple[Any, ...]]:
    """What an object has in its other fields."""
    return operator.attrgetter(*(field for field in fields if field not in known.split()))


_MORE = _others(Write.__struct_fields__, "fence entries logs move")
_MORE_THAN_STARTS = _others(Write.__struct_fields__, "new_runs")
# Whether the start of an owned run is judged by more than its id and its call.
_JUDGED_BY_MORE = operator.attrgetter(
    "explicit_id", "copy_from", "unique_name", "queue", "entries", "tags", "act"
)
_RUNNING = frozenset({State.RUNNING})
_COMMIT: Statement = (SQL["commit"], {})
_DONE = Verdict(Outcome.DONE)
_GUARD = "run token states first"
_PLACED = f"place{ENTRY[3:]}"
_RECORD = tuple(f"{_GUARD}{ENTRY[3:]}".split())
_CALL = "orphan_function orphan_digest orphan_starter"
_END = "run state payload fingerprint at last"


class Records:
    """What a batch of such Writes puts on record."""

    def __init__(self) -> None:
        self.is_mixed = False  # there are starts, or ends
        self._next: dict[str, int] = {}  # by run: the number of the entry that continues it
        self._guards: dict[str, tuple[str, int, str, int]] = {}  # what must hold of it; first 0: no entries
        self._states: dict[frozenset[State], str] = {}
        self._entries: list[tuple[str, Entry]] = []
        self._lines: list[tuple[str, LogLine]] = []
        self._starts: list[NewRun] = []
        self._ends: dict[str, Move] = {}

    def add(self, write: Write) -> bool:
        """False: it takes the long way."""
        fence = write.fence
        if fence is None:
            return self._add_starts(write)
        if type(write) is not StepWrite and any(_MORE(write)):
            return False
        run, move = fence.run, write.move
        if run in self._ends or not (write.entries or write.logs or move):
            return False
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
            if entry.seq != seq or entry.kind is Kind.MESSAGE or holds_references(entry.payload):
                return False
            self._entries.append((run, entry))
        if first:
            self._next[run] = first + len(write.entries)
        self._lines += [(run, line) for line in write.logs]
        return move is None or self._add_end(run, fence.states, move)

    def _add_end(self, run: str, states: frozenset[State], move: Move) -> bool:
        if states != _RUNNING or move.state not in FINAL or move.again is not None:
            return False
        if holds_references(move.payload):
            return False
        self.is_mixed = True
        self._ends[run] = move
        return True

    def _add_starts(self, write: Write) -> bool:
        if any(_MORE_THAN_STARTS(write)):
            return False
        for new in write.new_runs:
            if not new.owned or any(_JUDGED_BY_MORE(new)) or holds_references(new.args):
                return False
        self.is_mixed = True
        self._starts += write.new_runs
        return bool(write.new_runs)

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
        if len(self._entries) == 1 and not self.is_mixed:
            ((_, entry),) = self._entries
            one = zip(_RECORD, (*guards[0], *astuple(entry)), strict=True)
            found.append((SQL["record_one"], {**dict(one), "engine": engine, "turn": turn}))
        elif self._entries or self._ends:
            places = {guard[0]: place for place, guard in enumerate(guards, 1)}
            added: list[Row] = [(places[run], *astuple(entry)) for run, entry in self._entries]
            values = {**columns(_GUARD, guards), **columns(_PLACED, added)}
            found.append((SQL["record"], {**values, "engine": engine, "turn": turn, "count": len(added)}))
        if self._ends:
            last = {run: entry.at for run, entry in self._entries if run in self._ends}
            ends: list[Row] = [
                (run, move.state, move.payload, move.fingerprint, move.at, last.get(run))
                for run, move in self._ends.items()
            ]
            found.append((SQL["end"], {**columns(_END, ends), "count": len(ends)}))
        if self._starts:
            if not guards:
                found.append((SQL["take_turn"], {"turn": turn}))
            found.append((SQL["start"], self._started(engine)))
        return found

    def _started(self, engine: str) -> dict[str, Any]:
        calls = dict.fromkeys(
            [(new.function, new.digest, new.starter) for new in self._starts if new.attach and new.starter]
        )
        begin = [(new, begun(engine, new)) for new in self._starts]
        many = [run_row(engine, new, run, new.args, run.payload) for new, run in begin]
        return {**columns(RUN, many), **columns(_CALL, calls), "engine": engine, "count": len(many)}


def commit_records(
    connection: Connection,
    engine: str,
    turn: str,
    writes: Sequence[Write],
    records: Records,
    opening: Sequence[Statement],
) -> list[Verdict]:
    """Commit Writes that are `records`. Raises a data error where the fence of one does
    not hold: nothing has happened then."""
    trip(connection, [*opening, *records.statements(engine, turn), _COMMIT])
    return all_done(writes)


def all_done(writes: Sequence[Write]) -> list[Verdict]:
    """Theirs, once all of them are made."""
    return [_done(write) if write.new_runs else _DONE for write in writes]


def _done(write: Write) -> Verdict:
    return Verdict(Outcome.DONE, tuple([(Outcome.DONE, new.id) for new in write.new_runs]))
