"""Calls into the engine's thread from others: callers come in here, and so do heartbeat and doorbell."""

from __future__ import annotations

import contextlib
import logging
from collections import deque
from collections.abc import Callable
from typing import Any

from ..errors import EngineStopped
from ..executors.protocol import Reactor
from .clients import stopped_by
from .context import Lifecycle

log = logging.getLogger("podium")


class CallQueue:
    """Functions to run on the engine's thread, in order. Any thread may put one in."""

    def __init__(self, reactor: Reactor, lifecycle: Lifecycle) -> None:
        self._reactor, self._lifecycle = reactor, lifecycle
        self._calls: deque[tuple[Callable[..., Any], tuple[Any, ...]]] = deque()
        self._woken = False

    def call(self, function: Callable[..., Any], *args: Any) -> None:
        """Run it on the engine's thread, soon. Raises EngineStopped when the engine is gone."""
        if self._lifecycle.failure is not None:
            raise stopped_by(self._lifecycle.failure)
        self._calls.append((function, args))
        if not self._woken:
            self._woken = True
            try:
                self._reactor.call_soon_threadsafe(self.serve)
            except RuntimeError:
                self._woken = False
                raise EngineStopped("the engine is closed") from None

    def tell(self, function: Callable[..., Any], *args: Any) -> None:
        """The same for news, which a stopped engine need not hear."""
        with contextlib.suppress(EngineStopped):
            self.call(function, *args)

    def serve(self) -> None:
        """Run what was put in. Engine thread only."""
        self._woken = False  # before looking, so that a call made meanwhile wakes again
        while self._calls:
            function, args = self._calls.popleft()
            try:
                function(*args)
            except Exception as error:  # ours: nobody who waits for an answer may wait for ever
                log.exception("a call from another thread failed")
                self._lifecycle.fail(error)
