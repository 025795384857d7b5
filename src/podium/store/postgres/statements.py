"""What goes to the server: statements with their values, several of them in one round trip."""

from __future__ import annotations

import select
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, LiteralString, cast

import psycopg

from ..sql import queries

Row = tuple[Any, ...]
Statement = tuple[str, Mapping[str, Any]]

SQL = queries("postgres")


class Connection(psycopg.Connection[Row]):
    """A connection that is given up when the server has been silent for `silence` seconds: libpq itself waits
    for ever, and a server that is frozen, or behind a firewall that drops everything, never says so."""

    silence: float = 10.0

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
    """Run statements in order, all of them in one round trip; the rows of each."""
    if len(statements) == 1:
        return [rows(connection, *statements[0])]
    with connection.pipeline():
        cursors = [
            connection.execute(cast(LiteralString, text), values or None, binary=True)
            for text, values in statements
        ]
    return [cursor.fetchall() if cursor.description else [] for cursor in cursors]


def rows(connection: Connection, text: str, values: Mapping[str, Any] | None = None) -> list[Row]:
    """Run one statement; its rows."""
    cursor = connection.execute(cast(LiteralString, text), values or None, binary=True)
    return cursor.fetchall() if cursor.description else []


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
