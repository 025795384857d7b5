"""What goes to the server: statements with their values, several of them in one round trip."""

from __future__ import annotations

import select
from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from psycopg import adapt
from psycopg.abc import Transformer
from psycopg.errors import error_from_result
from psycopg.pq import ConnStatus, ExecStatus, Format, TransactionStatus
from psycopg.pq.abc import PGresult

from ..sql import queries
from .binding import Bound, bind

Row = tuple[Any, ...]
Statement = tuple[str, Mapping[str, Any]]

SILENCE = 10.0  # s without a word from the server, after which a connection is given up

_Key = tuple[str, tuple[int, ...]]  # a statement, and the types of its values
# Whether rows are asked for; else what is kept from then on, by its name.
_Answer = tuple[bool, _Key | None, bytes]
_ASKED: _Answer = (True, None, b"")
_UNASKED: _Answer = (False, None, b"")

_PIECES = ("is_holder", "is_orphan", "is_due", "is_ours")  # of statements, which name them in braces


def _pieced(found: dict[str, str]) -> dict[str, str]:
    """Statements with their pieces in place."""
    for piece in _PIECES:
        found = {name: text.replace(f"{{{piece}}}", found[piece]) for name, text in found.items()}
    return found


SQL = _pieced(queries("postgres"))
# By its estimates the look of a claim may be worth compiling, which takes seconds; running it, less than a
# millisecond. Where the session is not our own, it holds for one transaction.
_NO_JIT = b"SELECT set_config('jit', 'off', true)"
# In a session of our own statements are kept with their plans, whose making takes longer than what they do.
# What is done there goes by indexes, however few rows there are when a plan is made. Of several indexes the
# wrong one may look right by then: plans are made anew after 8, 16, 32 ... trips, and after each thousand.
_OUR_SESSION = (
    "SELECT set_config('jit', 'off', false), set_config('plan_cache_mode', 'force_generic_plan', false),"
    " set_config('enable_seqscan', 'off', false), set_config('enable_hashjoin', 'off', false),"
    " set_config('enable_mergejoin', 'off', false)"
)
_PLAN_ANEW = b"DISCARD PLANS"
_TRIPS_FEW, _TRIPS_MANY = 8, 1000
_KEPT = ("SELECT", "WITH", "INSERT", "UPDATE", "DELETE")
_KEPT_MOST = 500  # statements of one session


class Connection(psycopg.Connection[Row]):
    """A connection that is given up when the server has been silent for `silence` seconds: libpq itself waits
    for ever, and a server that is frozen, or behind a firewall that drops everything, never says so."""

    silence: float = SILENCE
    keeps = False  # it is a session of our own, in which a statement may be kept under a name
    is_set = False  # likewise: what holds for each commit holds for the session

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self.kept: dict[_Key, bytes] = {}  # names of the statements that the server has
        self.named = self.trips = 0

    def keep_statements(self) -> None:
        """From now on. Outside of transactions, whose end may take it back."""
        self.execute(_OUR_SESSION)
        self.keeps = True

    def wait(self, gen: Any, *_: Any, **__: Any) -> Any:
        """Run one of psycopg's generators to its end; replaces its own loop, which has no limit."""
        try:
            return _run(gen, self.pgconn.socket, self.silence)
        except TimeoutError:
            self.close()
            raise silent(self) from None


def _run(generator: Any, descriptor: int, silence: float) -> Any:
    """The result of one of psycopg's generators. Raises TimeoutError when nothing comes for so long."""
    poll = select.poll()
    try:
        wanted = next(generator)
        while True:
            poll.register(
                descriptor, (select.POLLIN if wanted & 1 else 0) | (select.POLLOUT if wanted & 2 else 0)
            )
            events = poll.poll(silence * 1000)
            if not events:
                generator.close()
                raise TimeoutError
            ((_, event),) = events
            ready = (1 if event & select.POLLIN else 0) | (2 if event & select.POLLOUT else 0)
            wanted = generator.send(ready or wanted)  # an error of the socket: reading it tells
    except StopIteration as end:
        return end.value


class Trip:
    """Statements on their way, all of them sent at once and answered in one round trip.

    libpq's own pipeline: that of psycopg hands over one statement after another, each in a packet of its own
    which wakes the server, and looks for answers in between. Raises psycopg.Error, wherever, when the
    connection is lost.
    """

    def __init__(self, connection: Connection, bound: Sequence[tuple[str, Bound]]) -> None:
        self._connection, self._pgconn = connection, connection.pgconn
        self._answers: list[_Answer] = []  # what will be answered
        self._results: list[PGresult] = []
        self.is_unsent = False  # the socket has not taken all of it
        pgconn = self._pgconn
        pgconn.enter_pipeline_mode()
        try:
            self._answers += _set_up(connection)
            for text, one in bound:
                self._answers += _send(connection, text, one)
            pgconn.pipeline_sync()
            self.is_unsent = bool(pgconn.flush())
        except BaseException:
            self._leave()
            raise

    def advance(self) -> bool:
        """Take what the server has said; whether that is all of it. Never waits."""
        self._read()
        return self._take()

    def wait(self) -> bool:
        """True when all of it is there. Gives up a server that has been silent for too long."""
        connection, poll = self._connection, select.poll()
        while not self._take():
            poll.register(self._pgconn.socket, select.POLLIN | (select.POLLOUT if self.is_unsent else 0))
            if not poll.poll(connection.silence * 1000):
                connection.close()
                raise silent(connection)
            self._read()
        return True

    def rows(self) -> list[list[Row]]:
        """The rows of each statement, when all is there. Raises psycopg.Error of the first that failed."""
        self._leave()
        connection = self._connection
        transformer: Transformer = adapt.Transformer(connection)
        found: list[list[Row]] = []
        failed: PGresult | None = None
        for result, (asked, key, name) in zip(self._results, self._answers, strict=False):
            if result.status == ExecStatus.FATAL_ERROR:
                failed = failed or result
            elif key is not None and failed is None:
                connection.kept[key] = name
            elif asked and failed is None:
                found.append(_read(transformer, result))
        if failed is not None:
            raise error_from_result(failed)
        return found

    def _read(self) -> None:
        self._pgconn.consume_input()
        if self.is_unsent:
            self.is_unsent = bool(self._pgconn.flush())

    def _take(self) -> bool:
        """What was read; up to the sync, which is the last."""
        pgconn = self._pgconn
        while not pgconn.is_busy():
            result = pgconn.get_result()
            if result is None:
                if pgconn.status != ConnStatus.OK:
                    if not self._results:
                        raise psycopg.OperationalError(pgconn.get_error_message())
                    return True
            elif result.status == ExecStatus.PIPELINE_SYNC:
                return True
            else:
                self._results.append(result)
        return False

    def _leave(self) -> None:
        pgconn = self._pgconn
        if pgconn.status == ConnStatus.OK and pgconn.transaction_status != TransactionStatus.ACTIVE:
            pgconn.exit_pipeline_mode()


def trip(connection: Connection, statements: Sequence[Statement]) -> list[list[Row]]:
    """Run statements in order, in one round trip; the rows of each. Raises psycopg.Error of the first that
    failed."""
    sent = Trip(connection, [bound(statement) for statement in statements])
    sent.wait()
    return sent.rows()


def bound(statement: Statement) -> tuple[str, Bound]:
    """A statement for a trip. Raises what `bind` does."""
    text, values = statement
    return text, bind(text, values)


class Silent(psycopg.OperationalError):
    """The server was given up: it has said nothing."""


def silent(connection: Connection) -> psycopg.Error:
    """Why it is given up."""
    return Silent(f"the server was silent for {connection.silence:g} s")


def _set_up(connection: Connection) -> list[_Answer]:
    """Send what is to be said before the next statements."""
    pgconn = connection.pgconn
    if pgconn.transaction_status != TransactionStatus.IDLE:
        return []
    if not connection.keeps:
        pgconn.send_query_params(_NO_JIT, [])
        return [_UNASKED]
    connection.trips += 1
    trips = connection.trips
    if trips % _TRIPS_MANY and (trips < _TRIPS_FEW or trips & (trips - 1)):
        return []
    pgconn.send_query_params(_PLAN_ANEW, [])
    return [_UNASKED]


def _send(connection: Connection, text: str, bound: Bound) -> list[_Answer]:
    """Put one statement into the pipeline; what will be answered."""
    command, values, types = bound
    key, pgconn, formats = (text, types), connection.pgconn, [Format.BINARY] * len(values)
    name = connection.kept.get(key) if connection.keeps else None
    if name is not None:
        pgconn.send_query_prepared(name, values, formats, Format.BINARY)
        return [_ASKED]
    if not (connection.keeps and text.startswith(_KEPT)) or connection.named >= _KEPT_MOST:
        pgconn.send_query_params(command, values, types, formats, Format.BINARY)
        return [_ASKED]
    name = b"podium_%d" % connection.named
    connection.named += 1
    pgconn.send_prepare(name, command, types)
    pgconn.send_query_prepared(name, values, formats, Format.BINARY)
    return [(False, key, name), _ASKED]


def rows(connection: Connection, text: str, values: Mapping[str, Any] | None = None) -> list[Row]:
    """Run one statement; its rows."""
    return trip(connection, [(text, values or {})])[0]


def _read(transformer: Transformer, result: PGresult) -> list[Row]:
    if result.status != ExecStatus.TUPLES_OK:
        return []
    transformer.set_pgresult(result, format=Format.BINARY)
    return transformer.load_rows(0, result.ntuples, tuple)
