"""Runs `async def` tasks on the engine's own event loop.

Most bodies of a busy engine are short, and an asyncio task for each would cost more than what they do. So
runners, which are asyncio tasks, take one attempt after the other from the line. A runner whose attempt
waits for something belongs to that attempt until it ends, and another one serves the line meanwhile.
"""

from __future__ import annotations

import asyncio
import contextvars
import types
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from typing import Any

from ..errors import TaskTimeout
from .attempt import Attempt, Ended, fresh_context


class LoopExecutor:
    """At most `slots` coroutines at once; the rest wait in line. Loop thread only."""

    def __init__(self, loop: asyncio.AbstractEventLoop, ended: Callable[[Ended], None], slots: int) -> None:
        self._loop, self._ended, self._free = loop, ended, slots
        self._line: deque[Attempt] = deque()
        self._serving = False  # a runner is about to look at the line

    def submit(self, attempt: Attempt) -> None:
        """Run the attempt as soon as a slot is free."""
        self._line.append(attempt)
        self._serve()

    def _serve(self) -> None:
        """Have a runner look at the line, unless one is about to or none is free."""
        if self._line and self._free and not self._serving:
            self._serving = True
            self._free -= 1
            # Its own context is nobody's: each attempt runs in one of its own.
            asyncio.Task(self._run(), loop=self._loop, context=contextvars.Context())

    async def _run(self) -> None:
        """A runner. It ends when the line is empty, or when its attempt was cancelled: asyncio counts the
        cancellations of a task, and the next attempt must not inherit them."""
        runner = asyncio.current_task()
        assert runner is not None
        while self._line and not runner.cancelling():
            attempt = self._line.popleft()
            if attempt.cancelled:
                continue
            attempt.handle = runner
            try:
                ended = Ended(attempt, await self._driven(_body(attempt), fresh_context(attempt)))
            except BaseException as error:  # SystemExit too: it is the task's failure, not the engine's end
                ended = Ended(attempt, b"", error)
            attempt.handle = None  # else the two hold each other, until the collector comes
            if not attempt.cancelled:
                self._ended(ended)
            del ended  # a failure's frames lead here
        self._serving = False
        self._free += 1
        self._serve()

    @types.coroutine
    def _driven(
        self, body: Coroutine[Any, Any, bytes], context: contextvars.Context
    ) -> Generator[Any, Any, bytes]:
        """`await body`, in that context."""
        try:
            awaited = context.run(body.send, None)
        except StopIteration as stop:
            return stop.value
        self._serving = False  # this runner waits
        self._serve()
        while True:
            try:
                try:
                    yield awaited
                except BaseException as error:
                    awaited = context.run(body.throw, error)
                else:
                    awaited = context.run(body.send, None)
            except StopIteration as stop:
                return stop.value

    def cancel(self, attempt: Attempt) -> None:
        """Cancel the body; its outcome, if any, is dropped."""
        attempt.cancelled = True
        if attempt.handle is not None:
            attempt.handle.cancel()


async def _body(attempt: Attempt) -> bytes:
    timeout = attempt.function.timeout
    if timeout is None:
        return attempt.encode(await attempt.call())
    deadline = asyncio.timeout(timeout)
    try:
        async with deadline:
            value = await attempt.call()
    except TimeoutError as error:
        if deadline.expired():
            raise TaskTimeout(f"{attempt.function.label} took longer than {timeout:g} s") from error
        raise
    return attempt.encode(value)
