"""One engine's row in the store and its lock beside it: how others know that it is there."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from pathlib import Path

import msgspec

from ..env import Env
from ..errors import PodiumError, StoreError
from ..model import EngineRow, read_engine_info
from ..opening import HostLocks, host_name
from ..store import Store
from .ownership import Locks, NoLocks

log = logging.getLogger("podium")


class Registration:
    """Announces an engine, says what is new of it, and takes it back. `info` is what its row says of it."""

    def __init__(self, store: Store, env: Env, locks_directory: Path | None, info: str) -> None:
        self._store, self._env = store, env
        self._locks = HostLocks(locks_directory) if locks_directory else None
        self._about = read_engine_info(info)  # what the app says of it ...
        self._marks: dict[str, object] = {}  # ... and what the engine itself has found, by field
        self._lock = threading.Lock()  # the app, the heartbeat and what looks at the loop say something
        self._has_news = False  # for the row
        self.row = EngineRow(env.new_id(), 0, host_name(), os.getpid(), env.now(), info)

    @property
    def locks(self) -> Locks | None:
        """The proof of life on this host, where there is one."""
        return self._locks

    @property
    def proof_of_life(self) -> Locks:
        """The same for those who ask it: without locks it knows nothing of anybody."""
        return self._locks or NoLocks()

    def announce(self) -> None:
        """Put the row there, with the lock held first: a row without one would be taken for dead."""
        if self._locks is not None:
            self._locks.hold(self.row.id)
        try:
            self._store.announce(self.row)
        except BaseException as error:
            may_have_row = isinstance(error, StoreError) and error.unknown
            self.free_lock(leave_file=may_have_row)
            raise

    def withdraw(self) -> None:
        """Take back that it was announced: nothing has run yet."""
        with contextlib.suppress(StoreError):
            self._store.retire(self.row.id)
        self.free_lock()

    def keep_step(self) -> None:
        """Look at the clock by which all go who share the store."""
        with contextlib.suppress(StoreError):  # then at the next beat
            self._env.follow(self._store.clock)

    def retire(self) -> bool:
        """Say goodbye to the store; whether the row is gone."""
        try:
            self._store.retire(self.row.id)
        except PodiumError as error:
            log.warning("saying goodbye to the store: %s", error)
            return False
        return True

    def free_lock(self, *, leave_file: bool = False) -> None:
        """Let go of the lock. Its file, beside a row that stays, says that the engine is dead."""
        if self._locks is not None:
            self._locks.free(leave_file=leave_file)

    def forget(self) -> None:
        """In a forked child: the lock is the parent's."""
        if self._locks is not None:
            self._locks.forget()

    # -- what the row says -----------------------------------------------------------------------------

    def describe(self, info: str) -> None:
        """Say something else of this engine, with the next renewal; what `change` has said stays."""
        with self._lock:
            self._about, self._has_news = read_engine_info(info), True

    def change(self, **fields: object) -> None:
        """The same for some fields of `EngineInfo`, whatever the app says of them."""
        with self._lock:
            self._marks |= fields
            self._has_news = True

    @property
    def has_news(self) -> bool:
        """Whether the row is to say something else."""
        return self._has_news

    def take_news(self) -> str | None:
        """What the row is to say from now on; None: what it says."""
        with self._lock:
            has_news, self._has_news = self._has_news, False
            return msgspec.structs.replace(self._about, **self._marks).written() if has_news else None
