"""The connections of one store handle, their locks, and what ends them: a fatal error, close, or a fork.

One connection writes, one reads, one checkpoints (opened when first needed), each behind its own lock, so
that a commit on one thread, a page of history on another and a checkpoint on a third do not wait for each
other. A memory database has one connection for everything: there, readers and writers exclude each other.

Forks. A child must not use the connections it inherited, and may not leave them open either: SQLite keeps
one table of file locks per process, so a store that the child opens anew would believe that it holds the
locks of its parent (tried: the parent's close then removes the WAL under the child, and the child's
acknowledged commits are lost). So a fork waits until no statement is running, and the child's first act is
to close what it inherited, which touches no lock and no file of the parent.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager

import apsw

from ...errors import StoreError, StoreFatal, StoreRefused
from .faults import translate
from .files import Files
from .statements import snapshot

_CHECKPOINT_PAGES = 1000  # about 4 MB of WAL, as SQLite itself would have it


class Connections:
    """What `opener` opens, once or three times; of a memory database (no `files`) one for everything."""

    def __init__(self, opener: Callable[[], apsw.Connection], files: Files | None) -> None:
        self._opener = opener
        self._files = files
        self._shared = shared = files is None
        self._pid = os.getpid()
        self._closed = False
        self._fatal = ""
        self._wal_pages = 0
        self._copied_pages = 0
        self._tried_pages = 0  # how long the WAL was at the last checkpoint, whatever that could copy
        self._write_lock = threading.Lock()
        self._read_lock = self._write_lock if shared else threading.Lock()
        self._checkpoint_lock = threading.Lock()
        self._opened = [opener()]
        self._writer = self._reader = self._opened[0]
        try:
            if files is not None:
                self._writer.set_wal_hook(self._note_commit)
                self._reader = self._another()
                files.check()
        except BaseException:
            for connection in self._opened:
                connection.close()
            raise
        self._checkpointer: apsw.Connection | None = None
        with _registry_lock:
            _registry.add(self)

    @contextmanager
    def writing(self) -> Generator[apsw.Connection, None, None]:
        """The writer, for this thread alone. SQLite's errors leave as the store's."""
        with self._using(self._write_lock):
            yield self._writer
            if self._files is not None:
                self._look(self._files.check_after_commit, self._writer)

    @contextmanager
    def reading(self) -> Generator[apsw.Connection, None, None]:
        """The reader, for this thread alone. It sees every commit that has returned."""
        with self._using(self._read_lock):
            if self._files is not None:
                self._look(self._files.check_now_and_then, self._reader)
            yield self._reader

    @contextmanager
    def snapshot(self) -> Generator[apsw.Connection, None, None]:
        """The reader, as the store is at one moment: in the next, the blob of a row may be gone."""
        with self.reading() as connection, snapshot(connection):
            yield connection

    def checkpoint_due(self) -> bool:
        """Whether enough was written since the last checkpoint to make another one worth its syncs."""
        if self._wal_pages < self._tried_pages:  # the WAL started anew
            self._copied_pages = self._tried_pages = 0
        return self._wal_pages - self._tried_pages >= _CHECKPOINT_PAGES

    def checkpoint(self) -> None:
        """Copy what is committed from the WAL into the file, beside running commits.

        Under a steady load the copy never quite catches up, and only a WAL that is copied whole starts
        anew. That matters for every commit: a sync of a file that grows also has to write its new length,
        and costs half as much again as one of a file that is written over. So a second pass copies the small
        rest while commits wait for it.
        """
        if self._shared:
            return
        with self._using(self._checkpoint_lock):
            before = self._copied_pages
            self._copy_wal()
            if before < self._copied_pages < self._wal_pages:  # not where a reader holds it back
                with self._using(self._write_lock):
                    self._copy_wal()
            self._tried_pages = self._wal_pages

    def close(self) -> None:
        """Close every connection; the last one of a file empties its WAL. Waits for what is running."""
        if os.getpid() != self._pid:  # closed by the fork
            return
        with ExitStack() as stack:
            for lock in self.locks():
                stack.enter_context(lock)
            self._closed = True
            try:
                if self._files is not None:  # the last one to close removes the -wal, which must be ours
                    self._look(self._files.check, self._writer)
            except StoreFatal as error:
                self._noted(error)
            if self._fatal:
                self._leave_the_wal()
            while self._opened:
                try:
                    self._opened.pop().close()
                except apsw.Error:
                    pass  # of a last checkpoint: what is committed stays in the WAL, for the next one

    def _leave_the_wal(self) -> None:
        for connection in self._opened:
            connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)

    def locks(self) -> list[threading.Lock]:
        """Every lock once, in the order in which they may be taken together."""
        locks = [self._checkpoint_lock, self._write_lock]
        return locks if self._shared else [*locks, self._read_lock]

    def abandon(self) -> None:
        """Close what a forked child inherited, leaving WAL and locks to the parent."""
        while self._opened:
            connection = self._opened.pop()
            connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
            connection.close(True)

    def _another(self) -> apsw.Connection:
        self._opened.append(self._opener())
        return self._opened[-1]

    @contextmanager
    def _using(self, lock: threading.Lock) -> Generator[None, None, None]:
        # The look at the pid comes first: in a child, a thread that is not there any more may hold the lock.
        if os.getpid() != self._pid:
            raise StoreRefused(
                "this store was opened in another process, before a fork", fix="open it again in this one"
            )
        with lock:
            if self._fatal:
                raise StoreFatal(self._fatal, fix="restart the process")
            if self._closed:
                raise StoreRefused("this store is closed", fix="open it again")
            try:
                yield
            except apsw.Error as error:
                raise self._noted(translate(error, self._writer.filename)) from error
            except StoreError as error:
                self._noted(error)
                raise

    def _look(self, check: Callable[[], None], connection: apsw.Connection) -> None:
        """Raises StoreFatal when somebody took away or exchanged the files under this handle."""
        if self._fatal or not self._opened:
            return
        try:
            check()
        except StoreFatal as error:
            assert self._files is not None
            if self._files.wal_is_gone() and _rescue(connection):
                error.message += "; what it held was copied into the store"
            self._files.set_aside()
            raise

    def _noted(self, error: StoreError) -> StoreError:
        """After a fatal error nothing may be written by this handle, not even by closing it."""
        if isinstance(error, StoreFatal) and not self._fatal:
            self._fatal = error.message
            try:
                self._leave_the_wal()  # now, because a process may end without closing
            except apsw.ThreadingViolationError:
                pass  # one of them is at work in another thread: `close` does it
        return error

    def _note_commit(self, _connection: apsw.Connection, _name: str, pages: int) -> int:
        self._wal_pages = pages
        return apsw.SQLITE_OK

    def _copy_wal(self) -> None:
        if self._checkpointer is None:
            self._checkpointer = self._another()
        try:
            _, self._copied_pages = self._checkpointer.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        except apsw.BusyError:  # another process is at it
            pass


def _rescue(connection: apsw.Connection) -> bool:
    """Copy what a deleted log holds into the store's file: who still has it open is the last to see it."""
    try:
        left, copied = connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
    except apsw.Error:
        return False
    return left == copied


# -- forks --------------------------------------------------------------------------------------------

_registry: weakref.WeakSet[Connections] = weakref.WeakSet()
_registry_lock = threading.Lock()
_forking: list[threading.Lock] = []


def _before_fork() -> None:
    _registry_lock.acquire()
    for connections in list(_registry):
        for lock in connections.locks():
            lock.acquire()
            _forking.append(lock)


def _after_fork() -> None:
    while _forking:
        _forking.pop().release()
    _registry_lock.release()


def _in_child() -> None:
    for connections in list(_registry):
        connections.abandon()
    _registry.clear()
    _after_fork()


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_in_child)
