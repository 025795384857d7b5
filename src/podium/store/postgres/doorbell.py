"""Waking engines of other processes by NOTIFY, and noticing that anything at all has changed.

Only a hint. A NOTIFY needs a session of its own to arrive in: behind a pooler that hands out connections for
a transaction at a time it is accepted and never comes. So the listener rings at itself once, through the
ordinary connection; what has not come within a second will not come, and engines poll.
"""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Callable

import psycopg

from ...errors import StoreError
from .lines import Server
from .statements import SQL, Connection, rows

_PROOF_SECONDS = 1.0
_WAITS_MANY = 3000  # in vain, after which to try again whether something comes


class Doorbell:
    """The listening session of a process. `ring`: notifies all listeners, through another connection, or
    raises StoreError."""

    def __init__(self, server: Server, ring: Callable[[], object]) -> None:
        self._server, self._ring = server, ring
        self._hand, self._ear = socket.socketpair()  # closes a wait from another thread
        self._connection: Connection | None = None
        self._turn = threading.Lock()
        self._waits = 0  # that could hear nothing
        self.hears: bool | None = None  # None: not tried yet
        self.is_tried = False  # by `prove`, which may not have found out

    def wait(self, timeout: float) -> bool:
        """Sleep up to `timeout` seconds; True when somebody rang. However often, that is once."""
        if self.hears is False:
            self._waits += 1
            if self._waits % _WAITS_MANY == 0:
                self.hears = None  # a server with too much to do may have been late
        if self.hears is False or not self._turn.acquire(blocking=False):
            return self.sleep(timeout)
        try:
            is_new = self._connection is None or self._connection.closed
            connection = self._listening()
            # Who has just begun to listen has missed what rang before: a look tells.
            return connection is not None and (is_new or self._hear(connection, timeout))
        except (StoreError, psycopg.Error):  # also of a session that was cut off as it was about to listen
            return self.sleep(timeout)  # without a server there is nothing to hear
        finally:
            self._turn.release()

    def sleep(self, seconds: float) -> bool:
        """Nothing wakes it but the end."""
        _readable(seconds, self._ear.fileno())
        return False

    def prove(self, ring: Callable[[], object]) -> None:
        """Find out whether notifications arrive, where nobody listens: that tells a session of our own. Once.

        A connection that goes by another name than its session leads to a pooler, most likely; then the
        second of silence in which that shows is not spent, because whoever asks has somebody waiting."""
        if self.is_tried or self.hears is not None or not self._turn.acquire(blocking=False):
            return
        try:
            with self._server.connect() as connection:
                if rows(connection, SQL["session"]) == [(connection.pgconn.backend_pid,)]:
                    self._listen(connection, ring)
                self.is_tried = True
        except (StoreError, psycopg.Error):  # of the server the next commit will tell
            pass
        finally:
            self._turn.release()

    def _listening(self) -> Connection | None:
        """The session, made anew where it broke."""
        connection = self._connection
        if connection is None or connection.closed:
            connection = self._connection = self._server.connect()
            try:
                self._listen(connection, self._ring)
            except (StoreError, psycopg.Error):
                # It may be whole, and does not listen; or nobody has rung, and its silence proves nothing.
                connection.close()
                raise
            if not self.hears:
                connection.close()
        return connection if self.hears else None

    def _listen(self, connection: Connection, ring: Callable[[], object]) -> None:
        connection.execute("LISTEN podium")
        ring()
        self.hears = self._server.is_direct = self._hear(connection, _PROOF_SECONDS)

    def _hear(self, connection: Connection, timeout: float) -> bool:
        pgconn = connection.pgconn
        rang = pgconn.notifies() is not None
        if not rang:
            ready = _readable(timeout, pgconn.socket, self._ear.fileno())
            if pgconn.socket not in ready:
                return False
            try:
                pgconn.consume_input()
            except Exception:
                connection.close()
                return True  # something has happened to the server: a look tells
        while pgconn.notifies() is not None:
            rang = True
        return rang

    def close(self) -> None:
        """Wake whoever waits, then close."""
        self._hand.close()
        with self._turn:
            if self._connection is not None:
                self._connection.close()
        self._ear.close()


def _readable(timeout: float, *descriptors: int) -> list[int]:
    """Which of these can be read within the time."""
    if -1 in descriptors:
        return []
    poll = select.poll()
    for descriptor in descriptors:
        poll.register(descriptor, select.POLLIN)
    return [descriptor for descriptor, _ in poll.poll(max(0.0, timeout) * 1000)]
