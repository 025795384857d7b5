"""The ways to talk to a connection: statements, pragmas, and a transaction around them."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import Any, cast

import apsw

from ..sql import queries
from .faults import translate

Row = tuple[Any, ...]

SQL = queries("sqlite")


def rows(connection: apsw.Connection, statement: str, values: Any = ()) -> list[Row]:
    """Run a statement to its end; an unfinished one would keep its snapshot and its locks."""
    # The cast, here and below: apsw's annotations need the Buffer of Python 3.12.
    return cast(Any, connection).execute(statement, values).fetchall()


def rows_of_each(connection: apsw.Connection, statement: str, many: Sequence[Any]) -> list[Row]:
    """Run a statement once for each tuple of values; all their rows in order."""
    return cast(Any, connection).executemany(statement, many).fetchall()


class Insertion:
    """An INSERT of one row, for many: so many rows in a statement as one of them costs half of one alone."""

    BLOCK = 16

    def __init__(self, statement: str) -> None:
        head, _, values = statement.rstrip(";").rpartition("VALUES")
        self._one, self._block = statement, f"{head}VALUES {', '.join([values.strip()] * self.BLOCK)};"

    def insert(self, connection: apsw.Connection, many: Sequence[Row]) -> None:
        """Insert the rows in order."""
        execute = cast(Any, connection).execute
        whole = len(many) - len(many) % self.BLOCK
        for begin in range(0, whole, self.BLOCK):
            execute(self._block, list(chain.from_iterable(many[begin : begin + self.BLOCK])))
        for row in many[whole:]:
            execute(self._one, row)


def pragma(connection: apsw.Connection, setting: str) -> Any:
    """Set or ask one pragma; its first value, None where it has none."""
    answer = rows(connection, f"PRAGMA {setting}")
    return answer[0][0] if answer else None


@contextmanager
def transaction(connection: apsw.Connection) -> Generator[None, None, None]:
    """All of the block or none of it; synced when the block is left.

    IMMEDIATE, because a transaction that reads first and then wants to write can be refused half-way.
    Raises a StoreError when the COMMIT fails; errors of the block pass through.
    """
    rows(connection, "BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        _roll_back(connection)
        raise
    try:
        rows(connection, "COMMIT")
    except apsw.Error as error:
        _roll_back(connection)
        raise translate(error, connection.filename, committing=True) from error


@contextmanager
def snapshot(connection: apsw.Connection) -> Generator[None, None, None]:
    """All that the block reads is of one moment."""
    rows(connection, "BEGIN")
    try:
        yield
    finally:
        _roll_back(connection)


@contextmanager
def savepoint(connection: apsw.Connection) -> Generator[None, None, None]:
    """A part of a transaction that is undone alone when the block raises."""
    with connection:  # that is what apsw's own `with` means inside a transaction
        yield


def _roll_back(connection: apsw.Connection) -> None:
    if connection.in_transaction:  # SQLite itself rolls back after some errors, such as a full disk
        rows(connection, "ROLLBACK")
