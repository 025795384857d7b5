"""Bringing a file to the schema of this code, one numbered script per transaction.

The version is SQLite's `user_version`: it sits in the file's header and is part of the transaction, so a
script and its number arrive together or not at all. Two processes that race serialise on BEGIN IMMEDIATE,
and the second one finds the work done.
"""

from __future__ import annotations

import apsw

from ...errors import StoreRefused
from ..sql import migrations
from .statements import pragma, rows, transaction
from .upgrade import functions_of

_SCRIPTS = migrations("sqlite")
SCHEMA_VERSION = len(_SCRIPTS)


def schema_version(connection: apsw.Connection) -> int:
    """The schema version of a store (0: empty). Raises StoreRefused when it is newer than this code."""
    version = int(pragma(connection, "user_version"))
    if version > SCHEMA_VERSION:
        raise StoreRefused(
            f"the store has schema {version}; this version of Podium knows up to {SCHEMA_VERSION}",
            fix="upgrade Podium, or name another store (this one was not touched)",
        )
    return version


def migrate(connection: apsw.Connection) -> None:
    """Run the scripts that are missing."""
    while schema_version(connection) < SCHEMA_VERSION:
        with transaction(connection):
            version = schema_version(connection)  # again: another process may have been here meanwhile
            if version < SCHEMA_VERSION:
                with functions_of(connection, version + 1):
                    rows(connection, _SCRIPTS[version])
                pragma(connection, f"user_version = {version + 1}")
