"""The one timer of a run in memory: set to what is due next, and to nothing else."""

from __future__ import annotations

from collections.abc import Callable

from ..env import Env
from ..executors.protocol import Cancellable, Reactor


class Alarm:
    """Rings once, at a UTC time."""

    __slots__ = ("_env", "_reactor", "_due", "_handle")

    def __init__(self, env: Env, reactor: Reactor) -> None:
        self._env, self._reactor = env, reactor
        self._due: float | None = None
        self._handle: Cancellable | None = None

    def set(self, due: float, ring: Callable[[], None]) -> None:
        """Call `ring` then, and no more at the time that was set before."""
        if due != self._due:
            self.drop()
            self._due = due
            self._handle = self._reactor.call_later(max(0.0, due - self._env.now()), self._ring, ring)

    def _ring(self, ring: Callable[[], None]) -> None:
        self._due = self._handle = None
        ring()

    def drop(self) -> None:
        """Ring no more. A timer nobody needs must not be kept until it is due: that may be in a year."""
        if self._handle is not None:
            self._handle.cancel()
        self._due = self._handle = None
