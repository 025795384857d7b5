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

import functools
import os
import threading
import weakref
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path

import apsw

from ... import changes
from ...errors import StoreError, StoreFatal
from . import presence
from .checkpointer import Checkpointer
from .files import Files
from .known_runs import KnownRuns
from .locks import Locks
from .statements import pragma, snapshot
from .wal import LogTail
from .writer import Standing, ThreadLock, Writer, let_go


class Connections:
    """What `opener` opens, once or three times; of a memory database (no `files`) one for everything."""

    def __init__(
        self, opener: Callable[[], apsw.Connection], files: Files | None, patience: float = 0.0
    ) -> None:
        """`patience`: seconds to wait for who writes in another process."""
        self._opener = opener
        self._files = files
        self._shared = shared = files is None
        self._standing = Standing(self._leave_the_wal_now)
        self._has_committed = False
        self._is_rescued = False  # what a log held that was deleted
        self.known = KnownRuns()  # what the writer needs not read; under its lock
        self._write_lock = threading.RLock()
        self._read_lock = self._write_lock if shared else threading.Lock()
        self._checkpoint_lock = threading.Lock()
        self._opened: list[apsw.Connection] = []
        self._checkpointer = Checkpointer(self._another)
        self._locks: Locks | None = None
        self._tail: LogTail | None = None
        self._presence = presence.enter(files.path) if files is not None else None
        try:
            self._open(patience)
        except BaseException:
            for connection in self._opened:
                connection.close()
            self._let_go()
            raise
        with _registry_lock:
            _registry.add(self)

    def _open(self, patience: float) -> None:
        if self._files is None or self._presence is None:
            self._writer = self._reader = self._another()
            self._standing.filename = self._writer.filename
            self._writing = Writer(self._writer, self._write_lock, self._standing, forget=self.known.forget)
            self._committing = self._writing.without_forgetting()
            return
        with self._presence.opening(self._files):
            self._writer = self._another()
            self._writer.set_wal_hook(self._note_commit)
            self._reader = self._another()
            self._files.check()
            self._locks = Locks(self._files.path)
            self._tail = LogTail(self._files.path, pragma(self._writer, "page_size"))
            self._standing.filename = self._writer.filename
            look = functools.partial(self._look, self._check_commit, self._writer)
            self._writing = Writer(
                self._writer, self._write_lock, self._standing, self._locks.write, patience, look,
                self.known.forget,
            )  # fmt: skip
            self._committing = self._writing.without_forgetting()

    @property
    def file(self) -> Path | None:
        """The store's; None of a memory database."""
        return self._files.path if self._files is not None else None

    def writing(self) -> Writer:
        """The writer, for this thread alone, with nothing `known`. SQLite's errors leave as the store's."""
        return self._writing

    def committing(self) -> Writer:
        """The same for who goes by what is `known`, and keeps it true."""
        return self._committing

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
        return self._checkpointer.is_due()

    def checkpoint(self) -> None:
        """Copy what is committed from the WAL into the file, beside running commits."""
        if self._shared:
            return
        with self._using(self._checkpoint_lock):
            assert self._locks is not None
            if self._locks.checkpoint.acquire():  # else another process is at it
                try:
                    self._checkpointer.copy(lambda: self._using(self._write_lock))
                finally:
                    self._locks.checkpoint.release()
            self._checkpointer.tried()

    def close(self) -> None:
        """Close every connection; the last one of a file empties its WAL. Waits for what is running.

        Raises StoreFatal where it is only seen now that what was committed here has gone into a file that
        nobody will open any more.
        """
        if os.getpid() != self._standing.process:  # closed by the fork
            return
        with ExitStack() as stack:
            for lock in self.locks():
                stack.enter_context(lock)
            if self._standing.is_closed:
                return
            self._standing.is_closed = True
            lost: StoreFatal | None = None
            try:
                if self._files is not None:  # the last one to close removes the -wal, which must be ours
                    self._look(self._files.check, self._writer)
            except StoreFatal as error:
                is_told = bool(self._standing.fatal)
                self._standing.note(error)
                # Who has thrown the whole store away knows.
                is_there = self._files is not None and self._files.path.exists()
                if self._checkpointer.wal_pages and is_there and not (is_told or self._is_rescued):
                    lost = error
            if self._standing.fatal:
                self._leave_the_wal()
                if self._files is not None:
                    self._files.part()  # another file may stand there by now
            with self._presence.closing() if self._presence is not None else nullcontext():
                while self._opened:
                    try:
                        self._opened.pop().close()
                    except apsw.Error:
                        pass  # of a last checkpoint: what is committed stays in the WAL, for the next one
            self._let_go()
        let_go(self._write_lock)
        if lost is not None:
            raise lost

    def _let_go(self) -> None:
        """Of what stands beside the connections, once they are closed."""
        if self._tail is not None:
            self._tail.close()
        if self._locks is not None:
            self._locks.close()
        if self._presence is not None:
            self._presence.leave()
        self._tail = self._locks = self._presence = None

    def _leave_the_wal(self) -> None:
        for connection in self._opened:
            connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)

    def locks(self) -> list[ThreadLock]:
        """Every lock once, in the order in which they may be taken together."""
        locks = [self._checkpoint_lock, self._write_lock]
        return locks if self._shared else [*locks, self._read_lock]

    def abandon(self) -> None:
        """Close what a forked child inherited, leaving WAL and locks to the parent."""
        while self._opened:
            connection = self._opened.pop()
            connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
            connection.close(True)
        self._presence = None  # all of the process were forgotten
        self._let_go()

    def _another(self) -> apsw.Connection:
        self._opened.append(self._opener())
        return self._opened[-1]

    @contextmanager
    def _using(self, lock: ThreadLock) -> Generator[None, None, None]:
        self._standing.check_process()
        with lock:
            self._standing.check_open()
            try:
                yield
            except (apsw.Error, StoreError) as error:
                self._standing.raise_noted(error)

    def _look(self, check: Callable[[], None], connection: apsw.Connection) -> None:
        """Raises StoreFatal when somebody took away or exchanged the files under this handle."""
        if self._standing.fatal or not self._opened:
            return
        try:
            check()
        except StoreFatal as error:
            assert self._files is not None
            self._is_rescued = self._files.wal_is_gone() and _rescue(connection)
            if self._is_rescued:
                error.message += "; what it held was copied into the store"
            error.fix = _fix(self._files, error.fix)
            raise

    def _leave_the_wal_now(self) -> None:
        try:
            self._leave_the_wal()  # because a process may end without closing
        except apsw.ThreadingViolationError:
            pass  # one of them is at work in another thread: `close` does it

    def _check_commit(self) -> None:
        assert self._files is not None
        assert self._tail is not None
        self._files.check_after_commit()
        self._tail.check()
        if self._has_committed:
            self._has_committed = False
            self._tail.remember(self._checkpointer.wal_pages)

    def _note_commit(self, _connection: apsw.Connection, _name: str, pages: int) -> int:
        self._checkpointer.wal_pages = pages
        self._has_committed = True
        return apsw.SQLITE_OK


def _fix(files: Files, fix: str) -> str:
    """Of a file that is gone or replaced, with the commands that bring its content back."""
    told = files.part()
    return f"stop every process on the store; {told}" if told else fix


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
_forking: list[ThreadLock] = []


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
    presence.forget_all()
    for connections in list(_registry):
        connections.abandon()
    _registry.clear()
    _after_fork()


changes.at_fork(
    "connections",
    when=changes.STORE,
    why="a child must not use its parent's connections, nor drop the parent's locks by closing them",
    before=_before_fork,
    in_parent=_after_fork,
    in_child=_in_child,
)
