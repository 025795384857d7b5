"""The doorbell: other processes say that there is work, or that a run which is waited for has ended."""

from __future__ import annotations

import threading

from ..errors import StoreError
from ..store import Store
from .call_queue import CallQueue
from .claiming import Claimer
from .context import Lifecycle
from .watchers import Watchers

LISTEN_SECONDS = 0.1  # how soon a first wait for a run that is driven elsewhere is noticed
LISTEN_PAUSE = 0.002  # s for each run that is waited for elsewhere: a look at them must not be all we do


class Doorbell:
    """Waits on the store in a thread of its own, until `closing` is set or the engine has failed."""

    def __init__(
        self,
        store: Store,
        lifecycle: Lifecycle,
        claimer: Claimer,
        watchers: Watchers,
        calls: CallQueue,
        closing: threading.Event,
    ) -> None:
        self._store, self._lifecycle, self._claimer = store, lifecycle, claimer
        self._watchers, self._calls, self._closing = watchers, calls, closing

    def run(self) -> None:
        """The thread."""
        while not self._closing.is_set() and self._lifecycle.failure is None:
            elsewhere = self._watchers.elsewhere
            try:
                rang = self._store.wait(LISTEN_SECONDS, changes=elsewhere > 0)
            except (StoreError, MemoryError, OSError):  # the poll goes on
                rang = self._closing.wait(LISTEN_SECONDS)
            if rang:
                self._calls.tell(self._claimer.soon)
                self._closing.wait(LISTEN_PAUSE * elsewhere)
