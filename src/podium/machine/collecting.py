"""Taking the results of a map in a workflow: all of them, in the order of the items, or as they come."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from typing import Any

from ..errors import UsageError
from .loop import Future
from .machine import Machine
from .steps import Step


class Collected:
    """The part of a fan-out that waits for its outcomes and hands them out."""

    _machine: Machine
    _steps: dict[int, Step]
    _outcomes: dict[int, Any]
    _finished: deque[int]
    _drawn: int
    _exhausted: bool
    _failure: BaseException | None
    _changed: Future[None] | None

    def cancel(self) -> None:
        """Cancel what is in flight and draw no further items."""
        raise NotImplementedError

    def _notify(self) -> None:
        if self._changed is not None and not self._changed.done():
            self._changed.set_result(None)

    def _pending(self, ready: Callable[[], bool]) -> Future[None] | None:
        """None if there is something to take, or the end; else a future that is done on the next change."""
        if self._failure is not None:
            raise self._failure
        if ready() or (self._exhausted and not self._steps):
            return None
        if self._changed is None or self._changed.done():
            self._changed = self._machine.loop.create_future()
        return self._changed

    def _wait(self, ready: Callable[[], bool]) -> None:
        try:
            while (changed := self._pending(ready)) is not None:
                self._machine.loop.wait_plainly(changed)
        except asyncio.CancelledError:  # as gather: whoever waits takes what it waits for along
            self.cancel()
            raise

    async def _awaited(self, ready: Callable[[], bool]) -> None:
        try:
            while (changed := self._pending(ready)) is not None:
                await changed
        except asyncio.CancelledError:
            self.cancel()
            raise

    def _take(self, position: int) -> Any:
        future = self._outcomes.pop(position, None)
        if future is None:
            raise UsageError("the results of a map are handed out once", fix="keep the list that it gave")
        error = future.exception()
        return future.result() if error is None else error

    def _never(self) -> bool:
        return False

    async def collect(self) -> list[Any]:
        """All results, by position."""
        await self._awaited(self._never)
        return [self._take(position) for position in range(self._drawn)]

    def __iter__(self) -> Iterator[Any]:
        position = 0
        while True:
            self._wait(partial(self._outcomes.__contains__, position))
            if position >= self._drawn:
                return
            yield self._take(position)
            position += 1

    async def __aiter__(self) -> AsyncIterator[Any]:
        position = 0
        while True:
            await self._awaited(partial(self._outcomes.__contains__, position))
            if position >= self._drawn:
                return
            yield self._take(position)
            position += 1

    def completed(self) -> Iterator[Any]:
        """Results in recorded order, waiting plainly."""
        while True:
            self._wait(lambda: bool(self._finished))
            if not self._finished:
                return
            yield self._take(self._finished.popleft())

    async def acompleted(self) -> AsyncIterator[Any]:
        """Results in recorded order, for `async for`."""
        while True:
            await self._awaited(lambda: bool(self._finished))
            if not self._finished:
                return
            yield self._take(self._finished.popleft())
