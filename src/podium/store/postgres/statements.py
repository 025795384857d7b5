"""What goes to the server: statements with their values, several of them in one round trip."""

from __future__ import annotations

import functools
import re
import select
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn

import psycopg
from psycopg import adapt
from psycopg.abc import Buffer, Transformer
from psycopg.adapt import PyFormat
from psycopg.errors import error_from_result
from psycopg.pq import ConnStatus, ExecStatus, Format, TransactionStatus
from psycopg.pq.abc import PGresult

from ..sql import queries

Row = tuple[Any, ...]
Statement = tuple[str, Mapping[str, Any]]

SQL = queries("postgres")
# What is prepared where it may be: the short way of a commit, whose planning takes longer than its work. It
# looks up rows by unique indexes, as many as it is given, so one plan is right for good, if only it was made
# with the indexes in mind: see `turn_on_record`.
_SHORT_WAY = ("turn_on_record", "lock_recorded", "record_one", "record", "record_lines")
_PREPARED = frozenset(SQL[name] for name in _SHORT_WAY)
# By its estimates the look of a claim may be worth compiling, which takes seconds; running it, less than a
# millisecond. Where the session is not our own, it holds for one transaction.
_NO_JIT, _NO_JIT_NOW = b"SET jit = off", b"SELECT set_config('jit', 'off', true)"
_PARAMETER = re.compile(r"%\((\w+)\)b")


class Connection(psycopg.Connection[Row]):
    """A connection that is given up when the server has been silent for `silence` seconds: libpq itself waits
    for ever, and a server that is frozen, or behind a firewall that drops everything, never says so."""

    silence: float = 10.0
    prepares = False  # it is a session of our own, in which a statement may be kept under a name
    is_set_up = False  # ... and has been told what holds for all that runs in it

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self.prepared: dict[
            tuple[str, Sequence[int]], bytes
        ] = {}  # names by statement and types of its values

    def wait(self, gen: Any, *_: Any, **__: Any) -> Any:
        """Run one of psycopg's generators to its end; replaces its own loop, which has no limit."""
        try:
            return _run(gen, self.pgconn.socket, self.silence)
        except TimeoutError:
            self.close()
            raise psycopg.OperationalError(f"the server was silent for {self.silence:g} s") from None


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


def trip(connection: Connection, statements: Sequence[Statement]) -> list[list[Row]]:
    """Run statements in order, all of them sent at once and answered in one round trip; the rows of each.

    libpq's own pipeline: that of psycopg hands over one statement after another, each in a packet of its own
    which wakes the server, and looks for answers in between. Raises psycopg.Error of the first that failed.
    """
    transformer: Transformer = adapt.Transformer(connection)
    pgconn = connection.pgconn
    bound = [_bound(transformer, text, values) for text, values in statements]
    fresh: dict[int, tuple[str, Sequence[int]]] = {}  # places of answers to what is prepared here
    set_up = _set_up(connection)
    pgconn.enter_pipeline_mode()
    try:
        for command in set_up:
            pgconn.send_query_params(command, [])
        for place, ((text, _), (command, values, types, formats)) in enumerate(
            zip(statements, bound, strict=True)
        ):
            if not (connection.prepares and text in _PREPARED):
                pgconn.send_query_params(command, values, types, formats, Format.BINARY)
                continue
            name = connection.prepared.get((text, types))
            if name is None:
                name = b"podium_%d" % (len(connection.prepared) + len(fresh))
                fresh[place + len(fresh)] = text, types
                pgconn.send_prepare(name, command, types)
            pgconn.send_query_prepared(name, values, formats, Format.BINARY)
        pgconn.pipeline_sync()
        results = _answers(connection)
    finally:
        if pgconn.status == ConnStatus.OK and pgconn.transaction_status != TransactionStatus.ACTIVE:
            pgconn.exit_pipeline_mode()
    for result in results:
        if result.status == ExecStatus.FATAL_ERROR:
            raise error_from_result(result)
    connection.is_set_up = connection.prepares
    for key in fresh.values():
        connection.prepared[key] = b"podium_%d" % len(connection.prepared)
    asked = enumerate(results[len(set_up) :])
    return [_read(transformer, result) for place, result in asked if place not in fresh]


def _set_up(connection: Connection) -> tuple[bytes, ...]:
    """What is to be said before the next statements."""
    if connection.prepares:
        return () if connection.is_set_up else (_NO_JIT,)
    is_begun = connection.pgconn.transaction_status != TransactionStatus.IDLE
    return () if is_begun else (_NO_JIT_NOW,)


def rows(connection: Connection, text: str, values: Mapping[str, Any] | None = None) -> list[Row]:
    """Run one statement; its rows."""
    return trip(connection, [(text, values or {})])[0]


_Bound = tuple[bytes, Sequence[Buffer | None], Sequence[int], Sequence[Format]]


def _bound(transformer: Transformer, text: str, values: Mapping[str, Any]) -> _Bound:
    """A statement as the server takes it."""
    command, names = _numbered(text)
    dumped = transformer.dump_sequence([values[name] for name in names], [PyFormat.BINARY] * len(names))
    return command, dumped, transformer.types or (), transformer.formats or ()


@functools.lru_cache(maxsize=512)
def _numbered(text: str) -> tuple[bytes, tuple[str, ...]]:
    """A statement with its parameters by number, and their names in that order."""
    names: list[str] = []

    def number(found: re.Match[str]) -> str:
        if found[1] not in names:
            names.append(found[1])
        return f"${names.index(found[1]) + 1}"

    return _PARAMETER.sub(number, text).encode(), tuple(names)


def _answers(connection: Connection) -> list[PGresult]:
    """What the server says to each statement, up to the sync."""
    pgconn = connection.pgconn
    poll = select.poll()
    unsent = pgconn.flush()
    found: list[PGresult] = []
    while True:
        while not pgconn.is_busy():
            result = pgconn.get_result()
            if result is None:
                if pgconn.status != ConnStatus.OK:
                    return found or _lost(connection)
            elif result.status == ExecStatus.PIPELINE_SYNC:
                return found
            else:
                found.append(result)
        poll.register(pgconn.socket, select.POLLIN | (select.POLLOUT if unsent else 0))
        if not poll.poll(connection.silence * 1000):
            connection.close()
            raise psycopg.OperationalError(f"the server was silent for {connection.silence:g} s")
        pgconn.consume_input()
        if unsent:
            unsent = pgconn.flush()


def _lost(connection: Connection) -> NoReturn:
    raise psycopg.OperationalError(connection.pgconn.get_error_message())


def _read(transformer: Transformer, result: PGresult) -> list[Row]:
    if result.status != ExecStatus.TUPLES_OK:
        return []
    transformer.set_pgresult(result, format=Format.BINARY)
    return transformer.load_rows(0, result.ntuples, tuple)


_BYTES = frozenset({"payload", "args", "digest", "text"})
_length = bytes.__len__  # and a TypeError for what is no bytes, which the server would cast


def columns(names: str, many: Iterable[Sequence[Any]]) -> dict[str, list[Any]]:
    """Rows as arrays, by the names of their columns. Raises one of the data errors for what an array cannot
    hold as it is."""
    found: dict[str, list[Any]] = {}
    for name, column in zip(names.split(), zip(*many, strict=True), strict=True):
        if name in _BYTES:
            sum(map(_length, column))
        found[name] = _array(column)
    return found


def _array(column: Sequence[Any]) -> list[Any]:
    """An array is of one type: where there is a float, whole numbers are, too."""
    kinds = set(map(type, column))
    if float not in kinds:
        return list(column)
    if any(value != value for value in column):
        raise ValueError("not a number, where a number belongs")
    return (
        [float(value) if type(value) is int else value for value in column] if int in kinds else list(column)
    )
