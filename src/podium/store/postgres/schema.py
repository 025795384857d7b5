"""Bringing a database to the schema of this code, one numbered script per transaction.

The version stands in the table `podium.meta` and is written by the transaction of its script, so both arrive
together or not at all. Processes that race take turns by an advisory lock.
"""

from __future__ import annotations

import psycopg

from ...errors import StoreRefused
from ..sql import migrations
from .statements import SQL, Connection, rows

_SCRIPTS = migrations("postgres")
SCHEMA_VERSION = len(_SCRIPTS)
_HAS_SCHEMA, _VERSION, _MIGRATING, _CREATE, _SET, _SET_STORE = (
    SQL["has_schema"], SQL["schema_version"], SQL["migrating"], SQL["create_schema"], SQL["set_version"],
    SQL["set_store"],
)  # fmt: skip
_DENIED = "42501"


def schema_version(connection: Connection) -> int:
    """The schema version of a store (0: empty). Raises StoreRefused when it is newer than this code."""
    if not rows(connection, _HAS_SCHEMA):
        return 0
    version = int(rows(connection, _VERSION)[0][0])
    if version > SCHEMA_VERSION:
        raise StoreRefused(
            f"the store has schema {version}; this version of Podium knows up to {SCHEMA_VERSION}",
            fix="upgrade Podium, or name another store (this one was not touched)",
        )
    return version


def migrate(connection: Connection) -> None:
    """Run the scripts that are missing. Raises StoreRefused where the role may not."""
    while schema_version(connection) < SCHEMA_VERSION:
        try:
            with connection.transaction():
                _migrate_once(connection)
        except psycopg.Error as error:
            if error.sqlstate != _DENIED:
                raise
            raise StoreRefused(
                f"this role may not create or upgrade Podium's tables ({error.diag.message_primary})",
                fix="have the database's owner open the store once: podium runs --store postgresql://owner@…",
            ) from error


def _migrate_once(connection: Connection) -> None:
    rows(connection, _MIGRATING)
    version = schema_version(connection)  # again: another process may have been here meanwhile
    if version == 0:
        rows(connection, _CREATE)
    if version < SCHEMA_VERSION:
        connection.execute(_SCRIPTS[version].encode(), prepare=False)
        rows(connection, _SET, {"version": str(version + 1)})
        rows(connection, _SET_STORE)
