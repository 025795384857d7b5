"""The connection that writes, and what every use of a handle's connections begins and ends with."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, NoReturn

import apsw

from ...errors import StoreError, StoreFatal, StoreRefused
from .faults import translate
from .locks import FileLock

ThreadLock = Any  # threading.RLock() is of no public type


class Standing:
    """Whether a handle may be used: in the process that opened it, before it is closed or a fatal error."""

    def __init__(self, on_fatal: Callable[[], None]) -> None:
        self.process = os.getpid()
        self.is_closed = False
        self.fatal = ""  # the first fatal error's message
        self._way_out = ""
        self.filename = ""
        self._on_fatal = on_fatal

    def check_process(self) -> None:
        """Raises StoreRefused in a fork. Before any lock: a thread that is not there any more may hold it."""
        if os.getpid() != self.process:
            raise StoreRefused(
                "this store was opened in another process, before a fork", fix="open it again in this one"
            )

    def check_open(self) -> None:
        """Raises StoreRefused when it is closed, StoreFatal after such an error. Under the lock."""
        if self.fatal:
            raise StoreFatal(self.fatal, fix=self._way_out)
        if self.is_closed:
            raise StoreRefused("this store is closed", fix="open it again")

    def note(self, error: StoreError) -> StoreError:
        """After a fatal error nothing may be written by this handle, not even by closing it."""
        if isinstance(error, StoreFatal) and not self.fatal:
            self.fatal, self._way_out = error.message, error.fix
            self._on_fatal()
        return error

    def raise_noted(self, error: BaseException) -> NoReturn:
        """Raise it, one of SQLite's as the store's."""
        if isinstance(error, apsw.Error):
            raise self.note(translate(error, self.filename)) from error
        if isinstance(error, StoreError):
            self.note(error)
        raise error


def let_go(lock: ThreadLock) -> None:
    """Release it, however often this thread holds it.

    Ctrl-C may strike between the lines that take a lock and those that see to its release: between a `with`
    block that SQLite has left with an error and the first line of `Writer.__exit__` it mostly does. So the
    lock is one that its own thread may take again, and whoever has it next in that thread clears up.
    """
    while lock._is_owned():
        lock.release()


class Writer:
    """Entered: the connection that writes, for one thread of one process. SQLite's errors leave as ours.

    A class and no generator, and in it the checks spelled out: every commit comes through here.
    """

    def __init__(
        self,
        connection: apsw.Connection,
        lock: ThreadLock,
        standing: Standing,
        file_lock: FileLock | None = None,
        patience: float = 0.0,
        look: Callable[[], None] | None = None,
        forget: Callable[[], None] | None = None,
    ) -> None:
        """While the locks are held, `forget` is called before a block, and `look` when it has ended well."""
        self._connection, self._lock, self._standing = connection, lock, standing
        self._is_held: Callable[[], bool] = lock._is_owned  # as threading.Condition asks it
        self._file_lock, self._patience, self._look = file_lock, patience, look
        self._forget = forget

    def without_forgetting(self) -> Writer:
        """Another door to the same connection, for who sees to what is known of it."""
        return Writer(
            self._connection, self._lock, self._standing, self._file_lock, self._patience, self._look
        )

    def __enter__(self) -> apsw.Connection:
        standing = self._standing
        if os.getpid() != standing.process:
            standing.check_process()
        self._lock.acquire()
        try:
            if standing.fatal or standing.is_closed:
                standing.check_open()
            if self._connection.in_transaction:  # see `let_go`
                untyped: Any = self._connection
                untyped.execute("ROLLBACK")
            if self._file_lock is not None and not self._file_lock.acquire(self._patience):
                raise apsw.BusyError("its lock is held")
        except BaseException as error:
            let_go(self._lock)
            standing.raise_noted(error)
        if self._forget is not None:
            self._forget()
        return self._connection

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        try:
            if error is not None:
                if isinstance(error, apsw.Error):
                    self._standing.raise_noted(error)
                if isinstance(error, StoreError):
                    self._standing.note(error)
            elif self._look is not None:
                self._look()
        except StoreError as trouble:
            self._standing.note(trouble)
            raise
        finally:
            if self._file_lock is not None:
                self._file_lock.release()
            self._lock.release()
            if self._is_held():
                let_go(self._lock)
