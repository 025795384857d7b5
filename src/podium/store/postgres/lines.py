"""Connections to the server, few and each with its purpose, so that none waits for another's work.

A process has at most four: one that writes, one that reads, one for heartbeats, one that listens. Each is
made when it is first needed, and anew after it broke.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.types.string import StrBinaryDumper

from ...errors import StoreError, StoreFatal, StoreRefused, StoreUnavailable
from ...model import Kind, State, Verdict
from ...process import drives_loop
from ..urls import shown_url
from .faults import is_data_error, is_forgotten, may_be_judged, translate, translate_refusal
from .statements import SILENCE, SQL, Connection, Trip, bound, silent

SEARCH_SILENCE = 60.0  # likewise while it searches what may be large
_DEFAULTS = {
    "connect_timeout": "5",
    "application_name": "podium",
    # Of hosts that are gone, not of such as stand still: those the silence tells.
    "keepalives_idle": "10", "keepalives_interval": "5", "keepalives_count": "3", "tcp_user_timeout": "20000",
}  # fmt: skip


# What the commit of a trip came to, by the error that has ended it: one that the judge may explain as it was,
# else a StoreError.
Verdicts = Callable[[BaseException | None], list[Verdict] | None]


class Line:
    """One connection. A thread at a time has it. `keeps`: it keeps statements, if the session is our own."""

    def __init__(self, server: Server, silence: float = SILENCE, keeps: bool = False) -> None:
        self._server, self._silence, self._keeps = server, silence, keeps
        self._turn = threading.Lock()
        self._connection: Connection | None = None
        self._sent: SentTrip | None = None  # the last one
        self.is_lost = False  # whether it broke when it was last used
        self.committing = False  # whoever has the line says so before it sends a COMMIT

    @contextmanager
    def held(self, patience: float = -1, silence: float = 0.0) -> Generator[Connection]:
        """The connection, alone. Raises a StoreError for what goes wrong with it in the block; what is wrong
        with the data passes through. `silence`: another one than the line's."""
        server, silence = self._server, silence or self._silence
        server.check()
        if drives_loop():  # a task looks, and all others of its loop stand still meanwhile
            patience, silence = SILENCE if patience < 0 else patience, min(silence, SILENCE)
        if not self._turn.acquire(timeout=patience):
            raise StoreUnavailable(f"another thread's work on {server.shown} takes too long")
        try:
            self._come_to_rest()
            self.committing = self.is_lost = False
            connection = self._connection
            if connection is None or connection.closed:
                connection = self._connection = server.connect()
            connection.silence = silence
            if self._keeps and server.is_direct and not connection.keeps:
                connection.keep_statements()
            yield connection
        except BaseException as error:
            found = self.failed(error)
            if found is error:
                raise
            raise found from error
        finally:
            self._turn.release()

    @contextmanager
    def held_at_once(self) -> Generator[Connection | None]:
        """Likewise, if nobody has it, and it is a session of our own that has committed before. None: `held`
        would have something to wait for."""
        self._server.check()
        if not self._turn.acquire(blocking=False):
            yield None
            return
        try:
            connection = self._connection
            is_free = self._sent is None or self._sent.is_over
            if not is_free or connection is None or connection.closed:
                connection = None
            yield connection if connection is not None and connection.keeps and connection.is_set else None
        finally:
            self._turn.release()

    def send(self, trip: Callable[[], Trip], told: Verdicts, wake: Callable[[], object]) -> SentTrip:
        """Let a trip that commits be on its way; by whoever has the line, which it may let go then. Raises
        as a block of `held` does, and OSError where there is no descriptor left."""
        assert self._connection is not None
        descriptor = os.dup(self._connection.pgconn.socket)
        self.committing = True
        try:
            self._sent = SentTrip(self, self._connection, descriptor, trip(), told, wake)
        except BaseException as error:
            os.close(descriptor)
            found = self.failed(error)
            if found is error:
                raise
            raise found from error
        return self._sent

    def take_turn(self) -> bool:
        """Have the line, if nobody has it."""
        return self._turn.acquire(blocking=False)

    def end_turn(self) -> None:
        """Nobody has it any more."""
        self._turn.release()

    def _come_to_rest(self) -> None:
        if self._sent is None or self._sent.is_over:
            return
        try:
            self._sent.finish()
        except BaseException:  # Ctrl-C, say, between its last answer and our note of that: then it never ends
            if self._connection is not None:
                self._connection.close()
            raise

    def failed(self, error: BaseException) -> BaseException:
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
            self._come_to_rest()
            self._sent = None
            if self._connection is not None:
                self._connection.close()


class SentTrip:
    """A trip that commits, and for whose answer nobody waits: its sender looks now and then what has come.

    Where another thread needs the line meanwhile, it waits for the answer in the sender's place, and `wake`s
    that then: the sender's thread may be blocked, by what waits for that other one, say, or have ended.
    """

    def __init__(
        self,
        line: Line,
        connection: Connection,
        descriptor: int,
        trip: Trip,
        told: Verdicts,
        wake: Callable[[], object],
    ) -> None:
        self._line, self._connection, self._trip = line, connection, trip
        self._told, self._wake = told, wake
        # Of our own: libpq closes the socket when it is lost, in whatever thread, and its number is another
        # file's then, which the sender must not take for this one.
        self._descriptor: int | None = descriptor
        self._is_rolling_back = False
        self._error: BaseException | None = None
        self.is_over = False

    @property
    def descriptor(self) -> int:
        """What can be read when something has come."""
        return -1 if self._descriptor is None else self._descriptor

    @property
    def silence(self) -> float:
        """Seconds without a word after which the server is to be given up."""
        return self._connection.silence

    @property
    def is_unsent(self) -> bool:
        """Whether `advance` is to be called also when the descriptor can be written to."""
        return self._trip.is_unsent

    def advance(self) -> bool:
        """Take what has come; whether it is over. Never waits."""
        if not self.is_over and self._line.take_turn():  # else whoever has it finishes this first
            try:
                if not self.is_over:
                    self._look(self._trip.advance)
            finally:
                self._line.end_turn()
        return self.is_over

    def finish(self) -> None:
        """Wait until it is over; by whoever has the line."""
        while not self.is_over:
            self._look(self._trip.wait)
        self._wake()

    def lose(self) -> None:
        """The server has been silent for too long."""
        if self._line.take_turn():  # else whoever has it finds that out
            try:
                if not self.is_over:
                    self._connection.close()
                    self._end(silent(self._connection))
            finally:
                self._line.end_turn()

    def verdicts(self) -> list[Verdict] | None:
        """What has become of it, once it is over, and nobody waits for the descriptor any more."""
        self._close()
        return self._told(self._error)

    def _close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __del__(self) -> None:
        self._close()  # its sender has ended before it could ask

    def _look(self, has_come: Callable[[], bool]) -> None:
        connection = self._connection
        try:
            if has_come():
                self._trip.rows()
                self._end(self._error)
        except Exception as error:
            self._error = self._error or error
            if connection.closed or _is_idle(connection) or self._is_rolling_back:
                self._end(self._error)
                return
            try:
                self._is_rolling_back = True
                self._trip = Trip(connection, [bound((SQL["rollback"], {}))])
            except Exception:
                self._end(self._error)

    def _end(self, error: BaseException | None) -> None:
        if error is not None and not isinstance(error, psycopg.Error):
            # The server has answered, and is not understood: nobody knows what was made.
            self._connection.close()
            error = self._line.failed(psycopg.OperationalError(f"its answer is not understood: {error!r}"))
        elif error is not None and not (may_be_judged(error) and _is_idle(self._connection)):
            error = self._line.failed(error)
        elif error is not None and is_forgotten(error):
            self._line.keep_no_more()
        self._error, self.is_over = error, True


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

    def connect(self) -> Connection:
        """A new connection. Raises StoreUnavailable, StoreRefused."""
        self.check()  # it may have been closed while somebody was in line
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
