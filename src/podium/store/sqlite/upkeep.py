"""What is old enough is forgotten, a limited number of rows at once."""

from __future__ import annotations

from .connections import Connections
from .statements import SQL, rows, transaction


def expire(connections: Connections, before: float, limit: int) -> int:
    """See `Store.expire`. A look first, which needs no write lock: usually there is nothing to do."""
    with connections.reading() as connection:
        if not (
            rows(connection, SQL["any_expired"], (before,)) or rows(connection, SQL["old_lanes"], (before,))
        ):
            return 0
    with connections.writing() as connection, transaction(connection):
        rows(connection, SQL["forget_lanes"], (before,))
        rows(connection, SQL["expire"], (before, limit))
        return connection.changes()


def forget_measures(connections: Connections, before: float, limit: int) -> int:
    """See `Store.forget_measures`. A look first, as above."""
    with connections.reading() as connection:
        names = rows(connection, SQL["old_series"], (before,))
    left = limit
    for (name,) in names:
        with connections.writing() as connection, transaction(connection):
            rows(connection, SQL["forget_measures"], (name, before, left))
            left -= connection.changes()
        if not left:
            break
    return limit - left
