"""Runs `async def` tasks on the engine's own event loop.

Most bodies of a busy engine are short, and an asyncio task for each would cost more than what they do. So
runners, which are asyncio tasks, take one attempt after the other from the line. A runner whose attempt
waits for something belongs to that attempt from then on, and another one serves the line.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import os
import threading
import types
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ..errors import TaskTimeout
from .attempt import Attempt, Ended, LentSlots, failed, fresh_context
from .forks import end_process

TURN_SECONDS = 0.005  # a line of bodies that only compute must not hold up commits, timers and the heartbeat


class LoopExecutor:
    """At most `slots` coroutines at once; the rest wait in line. Loop thread only."""

    def __init__(self, loop: asyncio.AbstractEventLoop, ended: Callable[[Ended], None], slots: int) -> None:
        self._loop, self._ended, self._free = loop, ended, slots  # below 0 after waits
        self._line: deque[Attempt] = deque()
        self._process = os.getpid()
        self._lent = LentSlots()
        self._threads = _Threads()
        loop.set_default_executor(self._threads)
        self._serving = False  # a runner is about to look at the line
        self.stepping: Attempt | None = None  # whose body runs at this very moment

    def submit(self, attempt: Attempt) -> None:
        """Run the attempt as soon as a slot is free."""
        attempt.slots = self
        self._line.append(attempt)
        self._serve()

    def lend(self, attempt: Attempt) -> None:
        """A body of ours begins to wait for runs."""
        self._on_loop(self._lend, attempt)
        self._threads.lend()

    def restore(self, attempt: Attempt) -> None:
        """It waits no more. Until a runner is done there may be more bodies than slots."""
        self._on_loop(self._restore, attempt)
        self._threads.restore()

    def _on_loop(self, act: Callable[[Attempt], None], attempt: Attempt) -> None:
        if asyncio._get_running_loop() is self._loop:  # the documented hook, named as private
            act(attempt)
        else:  # the body waits in a thread
            with contextlib.suppress(RuntimeError):  # the loop has closed: nothing is in line any more
                self._loop.call_soon_threadsafe(act, attempt)

    def _lend(self, attempt: Attempt) -> None:
        if attempt.slots is self and self._lent.begin(attempt):
            self._free += 1
            self._serve()

    def _restore(self, attempt: Attempt) -> None:
        self._free -= self._lent.end(attempt)

    def _serve(self) -> None:
        """Have a runner look at the line, unless one is about to or none is free."""
        if self._line and self._free > 0 and not self._serving:
            self._serving = True
            self._free -= 1
            # Its own context is nobody's: each attempt runs in one of its own.
            runner = asyncio.Task(self._run(), loop=self._loop, context=contextvars.Context())
            # Its slot is given back here and not by `_run`, which may be cancelled before it begins.
            runner.add_done_callback(self._left)

    def _left(self, runner: asyncio.Task[None]) -> None:
        if not runner.cancelled():
            runner.exception()  # there is none, and asyncio need not say that nobody looked
        self._serving = False
        self._free += 1
        self._serve()

    async def _run(self) -> None:
        """A runner. It ends when the line is empty, and gives way to timers and commits after a while.

        It also ends after an attempt that waited, or that cancelled its task: asyncio and others keep things
        by task (cancellations, names, sessions), and the next attempt must not inherit them.
        """
        runner: Any = asyncio.current_task()
        until = self._loop.time() + TURN_SECONDS
        while self._line and self._loop.time() < until:
            attempt = self._line.popleft()
            if attempt.cancelled:
                continue
            try:
                ended = Ended(attempt, await self._driven(runner, attempt))
            except BaseException as error:  # SystemExit too: it is the task's failure, not the engine's end
                ended = failed(attempt, error)
            if os.getpid() != self._process:
                end_process(ended.error)
            waited, attempt.handle = attempt.handle is not None, None  # else they hold each other in a circle
            attempt.slots = None
            self._free -= self._lent.drop(attempt)
            if not attempt.cancelled:
                self._ended(ended)
            del ended  # a failure's frames lead here
            if waited or runner.cancelling() or runner._must_cancel:
                return

    @types.coroutine
    def _driven(self, runner: Any, attempt: Attempt) -> Generator[Any, Any, bytes]:
        """Await the attempt's body, in a context of its own."""
        body: Coroutine[Any, Any, bytes] = _body(attempt)
        context = fresh_context(attempt)
        self.stepping = attempt
        try:
            awaited = context.run(body.send, None)
        except StopIteration as stop:
            return stop.value
        finally:
            self.stepping = None
        attempt.handle = runner  # whoever cancels the attempt from now on cancels its wait
        self._serving = False
        self._serve()
        while True:
            if os.getpid() != self._process:
                raise RuntimeError("a forked process cannot await: the event loop is its parent's")
            try:
                try:
                    yield awaited
                except BaseException as error:
                    self.stepping = attempt
                    awaited = context.run(body.throw, error)
                else:
                    self.stepping = attempt
                    awaited = context.run(body.send, None)
            except StopIteration as stop:
                return stop.value
            finally:
                self.stepping = None

    def cancel(self, attempt: Attempt) -> None:
        """Cancel the body; its outcome, if any, is dropped."""
        attempt.cancelled = True
        if attempt.handle is not None:
            attempt.handle.cancel()


class _Threads(ThreadPoolExecutor):
    """Those of `asyncio.to_thread`, which are few and shared by all bodies: one in which a body waits for
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


async def _body(attempt: Attempt) -> bytes:
    timeout = attempt.function.timeout
    if timeout is None:
        return attempt.encode(await attempt.call())
    deadline = asyncio.timeout(timeout)
    try:
        async with deadline:
            value = await attempt.call()
    except (TimeoutError, asyncio.CancelledError) as error:
        # Before 3.13 a TaskGroup may make asyncio take the deadline's cancellation for somebody else's.
        if deadline.expired() and not attempt.cancelled:
            raise TaskTimeout(
                f"{attempt.function.label} took longer than its timeout of {timeout:g} s"
            ) from error
        raise
    return attempt.encode(value)
