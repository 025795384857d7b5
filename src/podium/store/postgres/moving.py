"""A database as one of the two sides of a move, see `podium.store.moving`."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any

from ..moving import PAGE, STAYING, TABLES, MoveFence, Row, Side
from . import schema
from .lines import Line, Server
from .statements import SQL, Connection, rows
from .values import depot_at

_SILENCE = 3600.0  # s: one COMMIT syncs all there is
_LINES = ("logs", "text")  # text that may hold a NUL is bytes here
_ALSO_EMPTIED = ("offers", "engines")


class DatabaseSide(Side):
    """A database; its schema is made where it is missing. Raises StoreRefused, StoreUnavailable."""

    def __init__(self, url: str) -> None:
        self._server = Server(url)
        self._line = Line(self._server, _SILENCE)
        self.depot = depot_at(None)
        self._receiver: Connection | None = None
        with self._line.held() as connection:
            schema.migrate(connection)

    def noted(self, name: str) -> str | None:
        with self._using() as connection:
            found = rows(connection, SQL["noted"], {"name": name})
        return str(found[0][0]) if found else None

    def is_empty(self) -> bool:
        with self._using() as connection:
            return not any(rows(connection, SQL["any_row"].format(table=table)) for table in TABLES)

    def counts(self) -> dict[str, int]:
        with self._using() as connection:
            return {table: rows(connection, SQL["count_of"].format(table=table))[0][0] for table in TABLES}

    def close_off(self, fence: MoveFence) -> bool:
        with self._line.held() as connection, connection.transaction():
            _lock(connection)  # whoever writes at this moment is waited for
            if rows(connection, SQL["any_engine"]):
                return False
            _build(connection, fence)
        return True

    def replace_fence(self, fence: MoveFence) -> None:
        with self._line.held() as connection:
            rows(connection, SQL["note"], {"name": "fence", "value": fence.written()})

    def open_up(self) -> None:
        with self._line.held() as connection, connection.transaction():
            _tear_down(connection)

    def columns(self, table: str) -> tuple[str, ...]:
        with self._using() as connection:
            return tuple(name for (name,) in rows(connection, SQL["columns_of"], {"table": table}))

    def page(self, table: str, columns: Sequence[str], after: Row | None) -> list[Row]:
        key = ", ".join(TABLES[table])
        marks = [f"%(k{n})b" for n in range(len(after or ()))]
        place = f"WHERE ({key}) > ({', '.join(marks)})" if after else ""
        statement = SQL["page_of"].format(
            table=table, columns=_listed(columns), place=place, key=key, limit=PAGE
        )
        values = {f"k{n}": value for n, value in enumerate(after or ())}
        with self._using() as connection:
            found = rows(connection, statement, values)
        return [_common(table, columns, row) for row in found]

    @contextmanager
    def receiving(self, fence: MoveFence) -> Generator[None]:
        with self._line.held() as connection, connection.transaction():
            _lock(connection)
            _tear_down(connection)
            for table in (*TABLES, *_ALSO_EMPTIED):
                rows(connection, SQL["empty"].format(table=table))
            self._receiver = connection
            try:
                yield
            finally:
                self._receiver = None
            rows(connection, SQL["count_keys_on"])
            rows(connection, SQL["note"], {"name": "came_by", "value": fence.move})
            _build(connection, fence)

    def add(self, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
        connection = self._receiver
        assert connection is not None
        if table == _LINES[0]:
            place = columns.index(_LINES[1])
            rows = [(*row[:place], row[place].encode(), *row[place + 1 :]) for row in rows]
        statement = SQL["take_rows"].format(table=table, columns=_listed(columns)).encode()
        with connection.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)

    def value_names(self) -> list[str]:
        with self._using() as connection:
            return [name for (name,) in rows(connection, SQL["all_named_values"])]

    def close(self) -> None:
        self._line.close()
        self._server.close()

    @contextmanager
    def _using(self) -> Generator[Connection]:
        """While it is receiving, the transaction that does."""
        if self._receiver is not None:
            yield self._receiver
            return
        with self._line.held() as connection:
            yield connection


def _common(table: str, columns: Sequence[str], row: Row) -> Row:
    """A row as every backend has it."""
    common: list[Any] = [int(value) if type(value) is bool else value for value in row]
    if table == _LINES[0]:
        place = columns.index(_LINES[1])
        common[place] = row[place].decode()
    return tuple(common)


def _fenced(connection: Connection) -> list[str]:
    """All tables but those that are of the place."""
    found = [name for (name,) in rows(connection, SQL["tables"])]
    return [name for name in found if name not in STAYING or name == "engines"]


def _lock(connection: Connection) -> None:
    tables = ", ".join(f"podium.{name}" for name in _fenced(connection))
    rows(connection, SQL["lock_tables"].format(tables=tables))


def _build(connection: Connection, fence: MoveFence) -> None:
    rows(connection, SQL["note"], {"name": "fence", "value": fence.written()})
    rows(connection, SQL["refuse_changes"])
    for table in _fenced(connection):
        rows(connection, SQL["build_fence"].format(table=table))


def _tear_down(connection: Connection) -> None:
    for table in _fenced(connection):
        rows(connection, SQL["tear_fence"].format(table=table))
    rows(connection, SQL["forget_fence"])


def _listed(columns: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in columns)
