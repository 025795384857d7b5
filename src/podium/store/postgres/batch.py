"""A batch of Writes in a transaction of two round trips: rows are locked and read, judged, changed.

What a `Write` may do is decided by `judge` alone; here is only where the rows are. The locks of the first
trip keep what was read as it is until the commit, which the second one ends with.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from ...depot import Depot, NotThere
from ...model import Outcome, Verdict, Write
from ..judge import judge
from ..sets import Needs, needs, rounds
from .changes import changes_of
from .faults import CLIENT_DATA_ERRORS, first_line, is_data_error, is_forgotten, is_passing, may_be_judged
from .lines import Line, SentTrip
from .looks import Looks
from .short_way import Records, all_done, commit_records
from .statements import SQL, Connection, Statement, Trip, bound, rows, trip

_BEGIN, _COMMIT, _ROLLBACK, _TURN = SQL["begin"], SQL["commit"], SQL["rollback"], SQL["turn"]
_OPEN: Statement = (_BEGIN, {})
_CLOSE: Statement = (_COMMIT, {})
_TRIES = 5  # of a commit that others got in the way of, or found more to lock than it had
_DETOUR_MOST = 63
_SENT_MOST = 1 << 20  # bytes; more is better put together by a thread that keeps nobody waiting
_IDLE_MS = 2000  # a process that stands still in the middle of a commit lets go of its rows then


class Batch:
    """Commits of one handle. `turn` names what takes turns: the engine, or else the handle."""

    def __init__(self, line: Line, depot: Depot, patience: float) -> None:
        self._line, self._depot = line, depot
        # How many batches with starts or ends take the long way at once, because the last ones had to: where
        # children end, say, somebody waits for each.
        self._detour = self._detour_left = 0
        self._settings = {"patience": f"{max(1, int(patience * 1000))}ms", "idle": f"{_IDLE_MS}ms"}

    def opening(self, turn: str) -> list[Statement]:
        """How each transaction that writes runs begins."""
        return [(_BEGIN, {}), (_TURN, {**self._settings, "turn": turn})]

    def _opening(self, connection: Connection, turn: str, takes_turn: bool = True) -> list[Statement]:
        """The same of a commit, with little to say in a session of our own. `takes_turn`: else the next
        statement does."""
        if not connection.keeps:
            return self.opening(turn)
        if not connection.is_set:
            rows(connection, SQL["set_session"], self._settings)
            connection.is_set = True
        return [(_BEGIN, {}), (SQL["take_turn"], {"turn": turn})] if takes_turn else [(_BEGIN, {})]

    def commit(
        self, connection: Connection, engine: str | None, turn: str, writes: Sequence[Write]
    ) -> tuple[list[Verdict], bool]:
        """Verdicts, and whether something of it may be work for another engine."""
        if engine is not None:
            verdicts = self._commit_records(connection, engine, turn, writes)
            if verdicts is not None:
                return verdicts, False
        more: set[str] = set()
        for left in range(_TRIES, -1, -1):
            try:
                done = self._commit(connection, engine, turn, writes, more)
            except Exception as error:
                if connection.closed:
                    raise
                self._roll_back(connection)
                if is_forgotten(error):
                    self._line.keep_no_more()
                if left and (is_passing(error) or is_forgotten(error)):
                    continue
                if is_data_error(error):
                    return self._commit_each(connection, engine, turn, writes)
                raise
            if done is not None:
                return done
            self._roll_back(connection)
        raise AssertionError("the runs that a batch concerns cannot be found out")

    def _commit_records(
        self, connection: Connection, engine: str, turn: str, writes: Sequence[Write]
    ) -> list[Verdict] | None:
        """None: they take the long way, perhaps because of their data, and nothing has happened."""
        records = _recorded(writes)
        if records is None:
            return None
        if records.is_mixed and self._detour_left:
            self._detour_left -= 1
            return None
        opening = self._opening(connection, turn, takes_turn=False)
        self._line.committing = True
        try:
            verdicts = commit_records(connection, engine, turn, writes, records, opening)
        except Exception as error:
            if is_forgotten(error):
                self._line.keep_no_more()
            elif connection.closed or not may_be_judged(error):
                raise
            self._roll_back(connection)
            if records.is_mixed:
                self._detour = self._detour_left = min(2 * self._detour + 1, _DETOUR_MOST)
            return None
        if records.is_mixed:
            self._detour = 0
        return verdicts

    def send(
        self,
        engine: str,
        writes: Sequence[Write],
        wake: Callable[[], object],
        in_doubt: Callable[[str], AbstractContextManager[None]],
    ) -> SentTrip | None:
        """Let the short way be on its way, in a session of our own that has committed before. None: not now,
        or not these."""
        with self._line.held_at_once() as connection:
            if connection is None:
                return None
            records = _recorded(writes)
            if records is None or (records.is_mixed and self._detour_left):
                return None
            try:
                recorded = records.statements(engine, engine)
                found = [bound(statement) for statement in (_OPEN, *recorded, _CLOSE)]
            except CLIENT_DATA_ERRORS:
                return None
            if sum([len(value) for _, one in found for value in one.values if value]) > _SENT_MOST:
                return None

            def told(error: BaseException | None) -> list[Verdict] | None:
                if error is None:
                    if records.is_mixed:
                        self._detour = 0
                    return all_done(writes)
                if not may_be_judged(error):
                    with in_doubt(engine):
                        raise error
                if records.is_mixed:
                    self._detour = min(2 * self._detour + 1, _DETOUR_MOST)
                    self._detour_left = self._detour + 1  # with these, which come back by `commit`
                return None

            try:
                return self._line.send(lambda: Trip(connection, found), told, wake)
            except OSError:  # no descriptor is left
                return None

    def _commit(
        self, connection: Connection, engine: str | None, turn: str, writes: Sequence[Write], more: set[str]
    ) -> tuple[list[Verdict], bool] | None:
        """None: there was `more` to lock, which is known now; roll back, and do it again."""
        verdicts: list[Verdict] = []
        wakes = False
        parts = list(rounds(writes))
        before = self._opening(connection, turn)
        wanted = [needs(part) for part in parts]
        locked = _all_runs(wanted) | more
        for part, need in zip(parts, wanted, strict=True):
            looks = Looks(engine, need, locked, _starts(part))
            found = looks.read(trip(connection, [*before, *looks.statements]), len(before))
            if not found.runs.keys() <= looks.locked:
                more |= found.runs.keys()
                return None
            locked |= looks.locked
            judged, changes = judge(engine, part, found)
            verdicts += judged
            wakes |= changes.wakes
            before = changes_of(self._depot, engine, changes, found.runs, looks.new_keys)
        self._line.committing = True
        trip(connection, [*before, (_COMMIT, {})])
        return verdicts, wakes

    def _commit_each(
        self, connection: Connection, engine: str | None, turn: str, writes: Sequence[Write]
    ) -> tuple[list[Verdict], bool]:
        """As `commit`, but each write by itself: a data error is the verdict of its write and hurts nobody
        else. One transaction still, for who reads back asks what became of all of them."""
        verdicts: list[Verdict] = []
        wakes = False
        trip(connection, self._opening(connection, turn))
        for write in writes:
            trip(connection, [("SAVEPOINT one", {})])
            try:
                verdict, wakes_others = self._one(connection, engine, write)
            except Exception as error:
                if connection.closed or not is_data_error(error):
                    raise
                trip(connection, [("ROLLBACK TO SAVEPOINT one", {})])
                detail = f"{type(error).__name__}: {first_line(error)}"
                missing = str(error.path) if isinstance(error, NotThere) else ""
                verdict, wakes_others = Verdict(Outcome.INVALID, detail=detail, missing=missing), False
            verdicts.append(verdict)
            wakes |= wakes_others
        self._line.committing = True
        trip(connection, [(_COMMIT, {})])
        return verdicts, wakes

    def _one(self, connection: Connection, engine: str | None, write: Write) -> tuple[Verdict, bool]:
        need, more = needs([write]), set[str]()
        while True:
            looks = Looks(engine, need, set(need.runs) | more, len(write.new_runs))
            found = looks.read(trip(connection, looks.statements), 0)
            if found.runs.keys() <= looks.locked:
                break
            more |= found.runs.keys()
        (verdict,), changes = judge(engine, [write], found)
        statements = changes_of(self._depot, engine, changes, found.runs, looks.new_keys)
        if statements:
            trip(connection, statements)
        return verdict, changes.wakes

    def _roll_back(self, connection: Connection) -> None:
        self._line.committing = False
        trip(connection, [(_ROLLBACK, {})])


def _recorded(writes: Sequence[Write]) -> Records | None:
    """None: they take the long way, perhaps because of their data."""
    records = Records()
    try:
        return records if all(map(records.add, writes)) else None
    except CLIENT_DATA_ERRORS:
        return None


def _all_runs(wanted: Sequence[Needs]) -> set[str]:
    """Of all rounds: what is locked later, out of order, may meet another's commit head-on."""
    return {run for need in wanted for run in need.runs}


def _starts(writes: Sequence[Write]) -> int:
    return sum([len(write.new_runs) for write in writes])
