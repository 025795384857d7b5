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

    def begin_due(self) -> None:
        """Begin one if it is time. Raises ResourceShortage."""
        is_under_way = self._thread is not None and self._thread.is_alive()
        if self._store.checkpoint_due() and not is_under_way:
            self._thread = self._env.spawn(self._run, name="podium-checkpoint")

    def _run(self) -> None:
        try:
            self._store.checkpoint()
        except StoreError as error:
            log.warning("checkpoint: %s", error)

    def join(self, timeout: float) -> None:
        """Wait for the one under way, for so many seconds at most."""
        if self._thread is not None:
            self._thread.join(timeout)
