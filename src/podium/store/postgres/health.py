"""Is this store well? Questions to a server, each answered by a `Finding` without changing anything."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ...errors import StoreError, UsageError
from ..findings import Copied, Finding, LockHolder
from .doorbell import Doorbell
from .lines import Server
from .schema import SCHEMA_VERSION, schema_version
from .statements import SQL, Connection, rows

_OLDEST = 140000


def examine(url: str, *, thorough: bool) -> Iterator[Finding]:
    """As `podium.store.examine`, of the database behind a URL."""
    try:
        server = Server(url)
        connection = server.connect()
    except StoreError as error:
        yield Finding("server", False, error.message, error.fix)
        return
    try:
        yield _server(server, connection)
        yield _schema(connection)
        yield _durability(connection)
        yield _listening(server, connection)
        yield _snapshots(connection)
    finally:
        connection.close()


def _server(server: Server, connection: Connection) -> Finding:
    version = connection.info.server_version
    text = f"{server.shown}, version {version // 10000}.{version % 10000}"
    return Finding(
        "server", version >= _OLDEST, text, "" if version >= _OLDEST else "Podium needs 14 or newer"
    )


def _schema(connection: Connection) -> Finding:
    try:
        version = schema_version(connection)
    except StoreError as error:
        return Finding("schema", False, error.message, error.fix)
    if version == 0:
        return Finding("schema", True, "not there yet; the first run makes it")
    return Finding("schema", True, f"version {version} of {SCHEMA_VERSION}")


def _durability(connection: Connection) -> Finding:
    ((fsync, synced),) = rows(connection, SQL["durability"])
    if fsync != "on":
        return Finding(
            "sync", False, "the server runs with fsync = off", "a power cut destroys it: set fsync = on"
        )
    return Finding("sync", True, f"synchronous_commit = {synced}; Podium's commits are synced in any case")


def _listening(server: Server, connection: Connection) -> Finding:
    """Behind a pooler that hands out connections by the transaction, LISTEN is accepted and hears nothing."""
    bell = Doorbell(server, lambda: rows(connection, SQL["ring"]))
    try:
        bell.wait(0.0)
    finally:
        bell.close()
    if bell.hears:
        return Finding("waking", True, "engines wake each other by NOTIFY")
    return Finding(
        "waking", True, "no notification arrives (a transaction pooler?): engines poll each second"
    )


def _snapshots(connection: Connection) -> Finding:
    ((seconds, who),) = rows(connection, SQL["oldest_snapshot"]) or [(0.0, "")]
    text = f"{who} has held one for {seconds:,.0f} s" if seconds > 600 else "none is held for long"
    fix = (
        "dead rows cannot be cleaned away meanwhile, and claims grow slower: end it" if seconds > 600 else ""
    )
    return Finding("snapshots", seconds <= 600, text, fix)


def back_up(url: str, file: Path) -> Copied:
    """Copies of a database are the business of its own tools."""
    raise UsageError(
        "a store on PostgreSQL is not copied by Podium",
        fix=f"pg_dump --format=custom --schema=podium --file={file} DATABASE",
    )


def compact(url: str) -> tuple[int, int]:
    """The size of the store's tables, twice: autovacuum gives space back to the tables by itself."""
    server = Server(url)
    connection = server.connect()
    try:
        ((size,),) = rows(connection, SQL["size"])
    finally:
        connection.close()
    return int(size), int(size)


def lock_holder(url: str) -> LockHolder | None:
    """There is no lock that all writers share."""
    return None
