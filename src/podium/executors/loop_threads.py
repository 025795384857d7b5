"""The threads of `asyncio.to_thread` on the engine's event loop."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor


class LoopThreads(ThreadPoolExecutor):
    """They are few and shared by all bodies: one in which a body waits for
    runs is replaced meanwhile."""

    def __init__(self) -> None:
        self._here = threading.local()
        super().__init__(thread_name_prefix="podium-to-thread", initializer=self._begin)
        self._changing = threading.Lock()

    def _begin(self) -> None:
        self._here.is_ours = True

    def lend(self) -> None:
        """Called before a wait: if this thread is one of ours, there may be one more."""
        if self._change(1):
            self.submit(_nothing)  # starts it if there is work

    def restore(self) -> None:
        """The wait is over. A surplus thread stays until the loop is closed, idle or not."""
        self._change(-1)

    def _change(self, by: int) -> bool:
        ours = getattr(self._here, "is_ours", False)
        if ours:
            with self._changing:
                self._max_workers += by
        return ours


def _nothing() -> None:
    pass
