"""Runs `async def` tasks on the engine's own event loop.

Most bodies of a busy engine are short, and an asyncio task for each would cost more than what they do. So
they are begun in the name of a runner: an asyncio task that is parked meanwhile. asyncio and libraries see it
as the current task; what it costs is paid once, and outcome, commit and next body take one turn of the loop.
A runner whose body waits for something belongs to that body from then on, and a new one serves the line.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import os
import types
from asyncio import tasks as asyncio_tasks
from collections import deque
from collections.abc import Callable, Coroutine, Generator, Sequence
from sys import getrefcount
from typing import Any
from weakref import getweakrefcount

from .attempt import Attempt, Ended, failed
from .bodies import NOTHING_YET, Waiting, encoded, first_step, hand_over
from .forks import end_if_forked, end_process, here
from .loop_threads import LoopThreads
from .slots import LentSlots, SlotLoad

TURN_SECONDS = 0.005  # a line of bodies that only compute must not hold up commits, timers and the heartbeat
CHAIN_SECONDS = 0.001  # nor must a run whose steps follow each other in one turn of the loop

_enter_task: Any = asyncio_tasks._enter_task  # documented for event loops, named as private
_leave_task: Any = asyncio_tasks._leave_task


class _Runner:
    """An asyncio task. While it is parked, whoever resumes `coroutine` acts in its name."""

    __slots__ = ("coroutine", "park", "task")

    def __init__(self, loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, None]) -> None:
        self.coroutine = coroutine
        self.park: Any = loop.create_future()  # once done, the task goes on by itself
        # Its own context is nobody's: each body runs in one of its own.
        self.task: Any = asyncio.Task(coroutine, loop=loop, context=contextvars.Context())


class LoopExecutor:
    """At most `slots` coroutines at once; the rest wait in line. Loop thread only.

    `ended` gets an attempt that has waited, `ended_now` those that ended in one go: it is called outside of
    any asyncio task, so that machines may be turned there.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        ended: Callable[[Ended], None],
        ended_now: Callable[[Sequence[Ended]], None],
        slots: int,
    ) -> None:
        self._loop, self._ended, self._ended_now = loop, ended, ended_now
        self._slots = slots
        self._begun = 0  # attempts
        self._free = slots  # for bodies that wait; below 0 after waits for runs
        self._line: deque[Attempt] = deque()
        # The callbacks of the loop's next turn: in asyncio's own loops a deque; another's has always some.
        self._ready: Any = getattr(loop, "_ready", ("unknown",))
        self._process, self._process_id = here.process, os.getpid()
        self._lent = LentSlots()
        self._threads = LoopThreads()
        loop.set_default_executor(self._threads)
        self._is_serving = False  # the line is about to be looked at
        self._opening: _Runner | None = None  # has not had its first step
        self._parked: _Runner | None = None
        self._done: list[Ended] = []  # of the line that is being served
        self._waiting: dict[Any, tuple[Attempt, Any]] = {}  # bodies that wait, by their runner's task
        self.stepping: Attempt | None = None  # whose body runs at this very moment

    def submit(self, attempt: Attempt) -> None:
        """Run the attempt as soon as a slot is free."""
        attempt.slots = self
        self._line.append(attempt)
        if not self._is_serving:
            self._serve()

    def lend(self, attempt: Attempt) -> None:
        """A body of ours begins to wait for runs."""
        self._on_loop(self._lend, attempt)
        self._threads.lend()

    def restore(self, attempt: Attempt) -> None:
        """It waits no more. Until a runner is done there may be more bodies than slots."""
        self._on_loop(self._restore, attempt)
        self._threads.restore()

    def started_run(self, attempt: Attempt) -> None:
        """A body of ours has started a run."""
        self._on_loop(self._lent.starters.add, attempt)

    @property
    def load(self) -> SlotLoad:
        """Any thread."""
        in_line = len(self._line) if self._free <= 0 else 0
        return SlotLoad(self._slots, in_line, self._begun, bool(self._lent.starters))

    @property
    def is_idle(self) -> bool:
        """No body runs or is in line."""
        return not (self._line or self._waiting)

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

    def waiting(self, task: Any) -> tuple[Attempt, Any] | None:
        """The attempt whose body waits in this task, and the body."""
        return self._waiting.get(task)

    def _serve(self) -> None:
        """Have the line looked at soon, unless it is about to be or no slot is free."""
        if not self._line or self._free <= 0 or self._is_serving:
            return
        self._is_serving = True
        if self._parked is not None:
            self._loop.call_soon(self._serve_line)
        else:
            self._opening = runner = _Runner(self._loop, self._run())
            runner.task.add_done_callback(self._closed)

    def _closed(self, task: asyncio.Task[None]) -> None:
        """A runner's task is done: its body has ended, or somebody has cancelled it."""
        if not task.cancelled():
            task.exception()  # there is none, and asyncio need not say that nobody looked
        if self._parked is not None and self._parked.task is task:
            self._parked = None
        if self._opening is not None and self._opening.task is task:  # cancelled before its first step
            self._opening, self._is_serving = None, False
        self._serve()

    def _serve_line(self) -> None:
        """Begin bodies in the name of the parked runner, and hand on those that ended in one go.

        What follows from their outcomes is begun in the same turn of the loop, for a while: a turn costs a
        step that is alone a tenth of its time. Not where the loop has something else to do, such as to tell
        a caller of an end or to take in a start, nor where a body waits for what it brings.
        """
        until = self._loop.time() + CHAIN_SECONDS
        try:
            while self._serve_parked() and self._line and not (self._waiting or self._ready):
                if self._loop.time() > until:
                    break
        finally:
            self._is_serving = False
            self._serve()

    def _serve_parked(self) -> bool:
        """Serve the line once; whether there was a runner for it."""
        runner = self._parked
        if runner is None or self._free <= 0:
            return False
        if runner.park.done():
            self._parked = None  # cancelled meanwhile
            return False
        done: list[Ended] = []
        self._done = done
        _enter_task(self._loop, runner.task)
        try:
            runner.coroutine.send(None)
        finally:
            _leave_task(self._loop, runner.task)
        if done:
            end_if_forked(self._process_id, done[-1].error)
            self._ended_now(done)
        return True

    async def _run(self) -> None:
        """A runner. Its task serves the first line; then it is parked, and resumed by `_serve_line`.

        It ends with a body that waited, or that has left anything at its task: asyncio and others keep things
        by task (cancellations, sessions, watchdogs), and the next body must not inherit them.
        """
        runner, self._opening, self._is_serving = self._opening, None, False
        assert runner is not None
        task, park, line, clock, is_parked = runner.task, runner.park, self._line, self._loop.time, False
        while True:
            until, bare = 0.0, _left_at(task)
            while line and self._free > 0:
                attempt = line.popleft()
                if attempt.cancelled:
                    continue
                waits = self._begin(attempt, is_parked)
                if waits is not None:
                    await self._wait(runner, attempt, *waits, is_parked)
                    return
                if _left_at(task) != bare or park.done():
                    if is_parked:
                        self._parked = None
                        if not park.done():
                            park.set_result(None)
                        await _come_back()
                    return
                if line:  # not for a lone body
                    now = clock()
                    until = until or now + TURN_SECONDS
                    if now > until:
                        break
            if not is_parked:
                self._parked, is_parked = runner, True
                self._serve()
                park._asyncio_future_blocking = True  # as awaiting it would: now its task waits for it
            try:
                await hand_over(park)
            except asyncio.CancelledError:
                return

    def _begin(self, attempt: Attempt, is_parked: bool) -> tuple[contextvars.Context, *Waiting] | None:
        """Begin a body. If it waits: its context, itself, and what it awaits; else it has ended."""
        # As `fresh_context` makes one, with what `first_step` sets.
        context = contextvars.Context() if attempt.context is None else attempt.context.copy()
        self.stepping = attempt
        attempt.has_begun = True
        self._begun += 1
        try:
            ended = context.run(first_step, attempt)
        except BaseException as error:  # SystemExit too: it is the task's failure, not the engine's end
            ended = failed(attempt, error)
        self.stepping = None
        if not isinstance(ended, Ended):
            return context, *ended
        if here.process is not self._process:
            end_process(ended.error)
        attempt.slots = None
        if self._lent.starters:
            self._lent.starters.discard(attempt)
        if attempt.cancelled:
            pass
        elif is_parked:
            self._done.append(ended)
        else:
            end_if_forked(self._process_id, ended.error)
            self._ended(ended)
        return None

    async def _wait(
        self,
        runner: _Runner,
        attempt: Attempt,
        context: contextvars.Context,
        body: Coroutine[Any, Any, Any],
        awaited: Any,
        is_parked: bool,
    ) -> None:
        """The body waits: from here on the runner's task drives it, to its end."""
        attempt.handle = runner.task  # whoever cancels the attempt from now on cancels its wait
        self._waiting[runner.task] = attempt, body
        self._free -= 1
        if is_parked:
            self._parked = None
            if not runner.park.done():
                runner.park.set_result(None)
            if await _come_back():  # as if it had been cancelled in that very wait
                if awaited is None:
                    awaited = self._loop.create_future()
                    awaited._asyncio_future_blocking = True
                awaited.cancel()
        self._serve()
        try:
            value = await self._driven(attempt, context, body, awaited)
            payload = await self._driven(attempt, context, encoded(attempt, value), NOTHING_YET)
            ended = Ended(attempt, payload)
        except BaseException as error:
            ended = failed(attempt, error)
        end_if_forked(self._process_id, ended.error)
        del self._waiting[runner.task]
        attempt.handle = attempt.slots = None  # else they hold each other in a circle
        self._free += 1 - self._lent.drop(attempt)
        if not attempt.cancelled:
            self._ended(ended)
        del ended  # a failure's frames lead here

    @types.coroutine
    def _driven(
        self, attempt: Attempt, context: contextvars.Context, body: Coroutine[Any, Any, Any], awaited: Any
    ) -> Generator[Any, Any, Any]:
        """Await the rest of a body, in a context of its own."""
        while True:
            if here.process is not self._process and awaited is not NOTHING_YET:
                raise RuntimeError("a forked process cannot await: the event loop is its parent's")
            try:
                try:
                    if awaited is not NOTHING_YET:
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


def _left_at(task: Any) -> tuple[object, ...]:
    """What bodies may leave at the task in whose name they run: references to it (a registry by task, a timer
    that is to cancel it), weak ones, callbacks, a name, requests to cancel it."""
    return (
        getrefcount(task), getweakrefcount(task), len(task._callbacks or ()), task.get_name(),
        task.cancelling(), task._must_cancel,
    )  # fmt: skip


async def _come_back() -> bool:
    """Return to `_serve_line`, and go on when the task drives again. Whether it was cancelled meanwhile."""
    try:
        await hand_over(None)
    except asyncio.CancelledError:
        return True
    return False
