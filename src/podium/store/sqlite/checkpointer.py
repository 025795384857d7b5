"""Copying what is committed from the WAL into the file, and knowing when that is worth its syncs."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import apsw

CHECKPOINT_PAGES = 1000  # about 4 MB of WAL, as SQLite itself would have it


class Checkpointer:
    """Counts pages and copies them. One thread copies; commits note their pages in another."""

    def __init__(self, connect: Callable[[], apsw.Connection]) -> None:
        """`connect` opens a connection of its own, when first needed."""
        self._connect = connect
        self._connection: apsw.Connection | None = None
        self.wal_pages = 0  # after the last commit
        self._copied_pages = 0
        self._tried_pages = 0  # how long the WAL was at the last checkpoint, whatever that could copy

    def is_due(self) -> bool:
        """Whether enough was written since the last checkpoint to make another one worth its syncs."""
        if self.wal_pages < self._tried_pages:  # the WAL started anew
            self._copied_pages = self._tried_pages = 0
        return self.wal_pages - self._tried_pages >= CHECKPOINT_PAGES

    def copy(self, no_commits: Callable[[], AbstractContextManager[None]]) -> None:
        """Copy beside running commits; a small rest that these have left, while `no_commits` holds them up.

        Under a steady load the copy never quite catches up, and only a WAL that is copied whole starts
        anew. That matters for every commit: a sync of a file that grows also has to write its new length,
        and costs half as much again as one of a file that is written over.
        """
        before = self._copied_pages
        self._copy()
        if before < self._copied_pages < self.wal_pages:  # not where a reader holds it back
            with no_commits():
                self._copy()

    def tried(self) -> None:
        """Whatever came of it, the next one is worth it only after as much again."""
        self._tried_pages = self.wal_pages

    def _copy(self) -> None:
        if self._connection is None:
            self._connection = self._connect()
        try:
            _, self._copied_pages = self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        except apsw.BusyError:  # another process is at it
            pass
