"""Which values of the depot the rows of a run name: what keeps their files."""

from __future__ import annotations

import json

import apsw

from ...codec import names_in
from ...depot import Depot, Lain
from .connections import Connections
from .statements import SQL, rows, transaction

_NAME_VALUE, _COPY_NAMES = SQL["name_value"], SQL["copy_value_names"]
_FORGET, _FORGET_FORMER = SQL["forget_value_names"], SQL["forget_former_value_names"]

BATCH = 50  # files that are removed while the write lock is held


def name_values(connection: apsw.Connection, depot: Depot, key: int, payload: bytes) -> None:
    """The run of this key has this payload now. Raises NotThere."""
    for name in names_in(payload):
        depot.check(name)
        rows(connection, _NAME_VALUE, (key, name))


def copy_names(connection: apsw.Connection, key: int, source: str) -> None:
    """A new run has the history of another one."""
    rows(connection, _COPY_NAMES, (key, source))


def forget_names(connection: apsw.Connection, key: int) -> None:
    """A run goes."""
    rows(connection, _FORGET, (key,))


def forget_former_names(connection: apsw.Connection, key: int) -> None:
    """A run's generation ends: what the one before it had goes."""
    rows(connection, _FORGET_FORMER, (key,))


def sweep(connections: Connections, depot: Depot, before: float) -> tuple[int, int]:
    """See `Store.sweep`."""
    with connections.reading() as connection:
        left = _unnamed(connection, [lain for lain in depot.all() if lain.at < before])
    removed: list[Lain] = []
    for begin in range(0, len(left), BATCH):
        # Under the write lock: who names one of them now has done so before, or finds it gone.
        with (
            connections.writing() as connection,
            transaction(connection),
            depot.sweeping() as is_alone,
        ):
            still = _unnamed(connection, left[begin : begin + BATCH]) if is_alone else []
            removed += [lain for lain in still if depot.remove(lain)]
    return len(removed), sum(lain.size for lain in removed)


def _unnamed(connection: apsw.Connection, files: list[Lain]) -> list[Lain]:
    """Those of these files that nothing names."""
    asked = json.dumps([lain.name for lain in files])
    named = {name for (name,) in rows(connection, SQL["named_values"], (asked,))}
    return [lain for lain in files if lain.name not in named]
