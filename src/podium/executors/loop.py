"""Runs `async def` tasks on the engine's own event loop."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from ..errors import TaskTimeout
from .attempt import Attempt, Ended, fresh_context


class LoopExecutor:
    """Coroutines as asyncio tasks, at most `slots` at once; the rest wait in line."""

    def __init__(self, loop: asyncio.AbstractEventLoop, ended: Callable[[Ended], None], slots: int) -> None:
        self._loop, self._ended, self._free = loop, ended, slots
        self._line: deque[Attempt] = deque()

    def submit(self, attempt: Attempt) -> None:
        """Run the attempt now or when a slot is free. Engine thread only."""
        if self._free:
            self._begin(attempt)
        else:
            self._line.append(attempt)

    def _begin(self, attempt: Attempt) -> None:
        self._free -= 1
        context = fresh_context(attempt)
        attempt.handle = asyncio.Task(self._run(attempt), loop=self._loop, context=context)

    async def _run(self, attempt: Attempt) -> None:
        payload, failure = b"", None
        try:
            timeout = attempt.function.timeout
            if timeout is None:
                value = await attempt.call()
            else:
                value = await _within(timeout, attempt)
            payload = attempt.encode(value)
        except BaseException as error:  # SystemExit too: it is the task's failure, not the engine's end
            failure = error
        self._free += 1
        if not attempt.cancelled:
            self._ended(Ended(attempt, payload, failure))
        while self._line and self._free:
            waiting = self._line.popleft()
            if not waiting.cancelled:
                self._begin(waiting)

    def cancel(self, attempt: Attempt) -> None:
        """Cancel the body; its outcome, if any, is dropped."""
        attempt.cancelled = True
        if attempt.handle is not None:
            attempt.handle.cancel()


async def _within(seconds: float, attempt: Attempt) -> object:
    deadline = asyncio.timeout(seconds)
    try:
        async with deadline:
            return await attempt.call()
    except TimeoutError as error:
        if deadline.expired():
            raise TaskTimeout(f"{attempt.function.label} took longer than {seconds:g} s") from error
        raise
