"""Connections to the server, few and each with its purpose, so that none waits for another's work.

A process has at most four: one that writes, one that reads, one for heartbeats, one that listens. Each is
made when it is first needed, and anew after it broke.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.types.string import StrBinaryDumper

from ...errors import StoreError, StoreFatal, StoreRefused, StoreUnavailable
from ...model import Kind, State
from ..urls import shown_url
from .faults import is_data_error, is_forgotten, translate, translate_refusal
from .statements import Connection

SILENCE = 10.0  # s without a word from the server, after which a connection is given up
READING_SILENCE = 60.0  # likewise while it looks for something
_DEFAULTS = {
    "connect_timeout": "5",
    "application_name": "podium",
    # Of hosts that are gone, not of such as stand still: those the silence tells.
    "keepalives_idle": "10", "keepalives_interval": "5", "keepalives_count": "3", "tcp_user_timeout": "20000",
}  # fmt: skip


class Line:
    """One connection. A thread at a time has it. `keeps`: it keeps statements, if the session is our own."""

    def __init__(self, server: Server, silence: float = SILENCE, keeps: bool = False) -> None:
        self._server, self._silence, self._keeps = server, silence, keeps
        self._turn = threading.Lock()
        self._connection: Connection | None = None
        self.is_lost = False  # whether it broke when it was last used
        self.committing = False  # whoever has the line says so before it sends a COMMIT

    @contextmanager
    def held(self, patience: float = -1) -> Generator[Connection]:
        """The connection, alone. Raises a StoreError for what goes wrong with it in the block; what is wrong
        with the data passes through."""
        server = self._server
        server.check()
        if not self._turn.acquire(timeout=patience):
            raise StoreUnavailable(f"another thread's work on {server.shown} takes too long")
        try:
            self.committing = self.is_lost = False
            connection = self._connection
            if connection is None or connection.closed:
                connection = self._connection = server.connect(self._silence)
            if self._keeps and server.is_direct and not connection.keeps:
                connection.keep_statements()
            yield connection
        except BaseException as error:
            found = self._failed(error)
            if found is error:
                raise
            raise found from error
        finally:
            self._turn.release()

    def _failed(self, error: BaseException) -> BaseException:
        """What the caller gets. The connection is only kept in a state that is known."""
        connection = self._connection
        is_broken = connection is None or connection.broken or connection.closed
        if is_forgotten(error):
            self.keep_no_more()
        if connection is not None and (is_broken or is_forgotten(error) or not _is_idle(connection)):
            connection.close()
        if isinstance(error, psycopg.Error) and (is_broken or not is_data_error(error)):
            # What made us give it up, such as silence, has cost the connection, too.
            lost = is_broken or (connection is not None and connection.closed and error.sqlstate is None)
            found = translate(error, self._server.shown, is_broken=lost, committing=self.committing)
            self._server.suffered(found)
            self.is_lost = lost
            return found
        return error

    def keep_no_more(self) -> None:
        """There is a pooler after all, which hands the session from one to another."""
        self._server.is_direct = False
        if self._connection is not None:
            self._connection.keeps = False

    def close(self) -> None:
        """Close it, after what is running."""
        with self._turn:
            if self._connection is not None:
                self._connection.close()


class Server:
    """Where the connections go, and whether any more may be made."""

    def __init__(self, url: str) -> None:
        self.url, self.shown = url, _place(url)
        self.name = f"{socket.gethostname()} {os.getpid()} {id(self)}"  # like no other's that is open
        self._pid = os.getpid()
        self._fatal: StoreFatal | None = None
        self.is_closed = False
        self.is_direct = False  # notifications arrive: no pooler hands sessions from one to another

    def check(self) -> None:
        """Raises StoreRefused, StoreFatal where the handle is of no use any more."""
        if self.is_closed:
            raise StoreRefused("this store is closed", fix="open it again")
        if self._pid != os.getpid():
            raise StoreRefused(
                "this store was opened by the parent process", fix="open it anew in the child, after the fork"
            )
        if self._fatal is not None:
            raise self._fatal

    def suffered(self, error: StoreError) -> None:
        """After a fatal error the handle refuses every further call."""
        if isinstance(error, StoreFatal):
            self._fatal = error

    def connect(self, silence: float = SILENCE) -> Connection:
        """A new connection. Raises StoreUnavailable, StoreRefused."""
        try:
            given = conninfo_to_dict(self.url)
            missing = {name: value for name, value in _DEFAULTS.items() if name not in given}
            connection = Connection.connect(
                make_conninfo(self.url, **missing),
                autocommit=True,
                prepare_threshold=None,  # so that it works behind any pooler
            )
        except psycopg.Error as error:
            raise translate_refusal(error, self.shown) from error
        connection.silence = silence
        for kind in (State, Kind):
            connection.adapters.register_dumper(kind, StrBinaryDumper)
        return connection

    def close(self) -> None:
        """No more connections are made."""
        self.is_closed = True


def _is_idle(connection: Connection) -> bool:
    return connection.pgconn.transaction_status == psycopg.pq.TransactionStatus.IDLE


def _place(url: str) -> str:
    """The server and the database, without a password."""
    try:
        given = conninfo_to_dict(url)
    except psycopg.Error as error:
        raise StoreRefused(
            f"no store can be opened at {shown_url(url)!r}: {str(error).strip()}",
            fix="use postgresql://user@host:5432/database",
        ) from None
    host = given.get("host") or given.get("hostaddr") or given.get("service") or "the local server"
    name = given.get("dbname") or given.get("user") or ""
    return (
        f"PostgreSQL on {host}"
        + (f":{given['port']}" if "port" in given else "")
        + (f", {name}" if name else "")
    )
