"""Checkpoints of the store, each in a thread of its own: a reader may hold one back for long."""

from __future__ import annotations

import logging
import threading

from ..env import Env
from ..errors import StoreError
from ..store import Store

log = logging.getLogger("podium")


class Checkpoints:
    """At most one at a time."""

    def __init__(self, store: Store, env: Env) -> None:
        self._store, self._env = store, env
        self._thread: threading.Thread | None = None
        self._fails = False  # the last one did, which was said

    def begin_due(self) -> None:
        """Begin one if it is time. Raises ResourceShortage."""
        is_under_way = self._thread is not None and self._thread.is_alive()
        if self._store.checkpoint_due() and not is_under_way:
            self._thread = self._env.spawn(self._run, name="podium-checkpoint")

    def _run(self) -> None:
        try:
            self._store.checkpoint()
        except StoreError as error:
            if not self._fails:  # a disk that is full is so for long, and this is tried often
                log.warning("the store's log is not copied into its file yet: %s", error)
            self._fails = True
        else:
            self._fails = False

    def join(self, timeout: float) -> None:
        """Wait for the one under way, for so many seconds at most."""
        if self._thread is not None:
            self._thread.join(timeout)
