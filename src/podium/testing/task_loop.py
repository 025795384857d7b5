"""Runs an async task's body to its end, where it stands: what it sleeps takes no time."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any


class _Selector(selectors.DefaultSelector):
    """Waits for nothing but sockets: where there are none, the loop's clock jumps to its next timer."""

    ahead = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or not timeout or len(self.get_map()) > 1:  # one is the loop's own
            return ready or (super().select(timeout) if timeout != 0 else [])
        self.ahead += timeout
        return []


class TaskLoop(asyncio.SelectorEventLoop):
    """The event loop of one body."""

    def __init__(self) -> None:
        self._jumping = _Selector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return super().time() + self._jumping.ahead


def run_body(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """What it returns, or raises."""
    with asyncio.Runner(loop_factory=TaskLoop) as runner:
        return runner.run(coroutine)
