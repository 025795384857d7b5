"""A store's file as one of the two sides of a move, see `podium.store.moving`."""

from __future__ import annotations

import functools
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

import apsw

from ...depot import depot_of
from ...errors import StoreRefused
from ..moving import PAGE, PAYLOADS, STAYING, TABLES, MoveFence, Row
from ..moving import Side as AnySide
from . import schema
from .connection import connect_file, prepare_file, require_version
from .connections import Connections
from .files import Files
from .home import settle
from .payloads import ENTRY_INLINE_MAX, RUN_INLINE_MAX, loaded, stored
from .statements import SQL, rows, rows_of_each, transaction

_PATIENCE = 30.0  # s to wait for who writes
_ACTIONS = ("insert", "update", "delete")
_SOURCES = {"history": "entries"}  # where a table is read whole
_ALSO_EMPTIED = ("recent_history", "blobs", "engines", "offers")


class Side(AnySide):
    """A file, made where it is missing. Raises StoreRefused where it can be no store."""

    def __init__(self, name: str) -> None:
        if name.startswith(":memory:"):
            raise StoreRefused(
                "a store in memory is its process's own: nothing can be moved out of it, or into it",
                fix="name a file",
            )
        require_version()
        file = Path(name).resolve()
        prepare_file(file, allow_network=False)
        opener = functools.partial(connect_file, file, sync="full", patience=_PATIENCE, vfs=None)
        self.depot = depot_of(file)
        self._connections = Connections(opener, Files(file), _PATIENCE)
        self._receiver: apsw.Connection | None = None
        with self._connections.writing() as connection:
            schema.migrate(connection)
            settle(connection, file)

    def noted(self, name: str) -> str | None:
        with self._reading() as connection:
            found = rows(connection, SQL["noted"], (name,))
        return str(found[0][0]) if found else None

    def is_empty(self) -> bool:
        with self._reading() as connection:
            return not any(rows(connection, SQL["any_row"].format(table=table)) for table in TABLES)

    def counts(self) -> dict[str, int]:
        with self._reading() as connection:
            return {
                table: rows(connection, SQL["count_of"].format(table=_SOURCES.get(table, table)))[0][0]
                for table in TABLES
            }

    def close_off(self, fence: MoveFence) -> bool:
        with self._connections.writing() as connection, transaction(connection):
            if rows(connection, SQL["any_engine"]):
                return False
            _build(connection, fence)
        return True

    def replace_fence(self, fence: MoveFence) -> None:
        with self._connections.writing() as connection, transaction(connection):
            rows(connection, SQL["note"], ("fence", fence.written()))

    def open_up(self) -> None:
        with self._connections.writing() as connection, transaction(connection):
            _tear_down(connection)

    def columns(self, table: str) -> tuple[str, ...]:
        with self._reading() as connection:
            return tuple(name for (name,) in rows(connection, SQL["columns_of"], (table,)))

    def page(self, table: str, columns: Sequence[str], after: Row | None) -> list[Row]:
        key = ", ".join(TABLES[table])
        place = f"WHERE ({key}) > ({', '.join('?' * len(after))})" if after else ""
        statement = SQL["page_of"].format(
            table=_SOURCES.get(table, table), columns=_listed(columns), place=place, key=key, limit=PAGE
        )
        with self._reading() as connection:
            found = rows(connection, statement, after or ())
            named = [columns.index(name) for name in PAYLOADS.get(table, ())]
            return [_whole(connection, row, named) for row in found] if named else found

    @contextmanager
    def receiving(self, fence: MoveFence) -> Generator[None]:
        with self._connections.writing() as connection, transaction(connection):
            _tear_down(connection)
            for table in (*TABLES, *_ALSO_EMPTIED):
                rows(connection, SQL["empty"].format(table=table))
            self._receiver = connection
            try:
                yield
            finally:
                self._receiver = None
            rows(connection, SQL["note"], ("came_by", fence.move))
            _build(connection, fence)

    def add(self, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
        connection = self._receiver
        assert connection is not None
        limit = RUN_INLINE_MAX if table == "runs" else ENTRY_INLINE_MAX
        named = {columns.index(name) for name in PAYLOADS.get(table, ())}
        if named:
            rows = [
                tuple(stored(connection, v, limit) if n in named else v for n, v in enumerate(row))
                for row in rows
            ]
        marks = ", ".join("?" * len(columns))
        statement = SQL["put"].format(table=table, columns=_listed(columns), marks=marks)
        rows_of_each(connection, statement, rows)

    def value_names(self) -> list[str]:
        with self._reading() as connection:
            return [name for (name,) in rows(connection, SQL["all_named_values"])]

    def close(self) -> None:
        self._connections.close()

    @contextmanager
    def _reading(self) -> Generator[apsw.Connection]:
        """While it is receiving, what it has received."""
        if self._receiver is not None:
            yield self._receiver
            return
        with self._connections.reading() as connection:
            yield connection


def _build(connection: apsw.Connection, fence: MoveFence) -> None:
    rows(connection, SQL["note"], ("fence", fence.written()))
    for table in _fenced(connection):
        for action in _ACTIONS:
            rows(connection, SQL["build_fence"].format(table=table, action=action))


def _tear_down(connection: apsw.Connection) -> None:
    for table in _fenced(connection):
        for action in _ACTIONS:
            rows(connection, SQL["tear_fence"].format(table=table, action=action))
    rows(connection, SQL["forget_fence"])


def _fenced(connection: apsw.Connection) -> list[str]:
    """All tables but those that are of the place."""
    found = [name for (name,) in rows(connection, SQL["tables"])]
    return [name for name in found if name not in STAYING or name in ("engines", "recent_history")]


def _listed(columns: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in columns)


def _whole(connection: apsw.Connection, row: Row, named: Sequence[int]) -> Row:
    whole = list(row)
    for place in named:
        whole[place] = loaded(connection, row[place])
    return tuple(whole)
