"""The tiny event loop that each run in memory owns: deterministic, without a clock, a socket or a thread.

It has a ready queue and a heap of timers. `drain` runs callbacks until nothing is ready; time stands
still while it does, and is whatever the last event said. asyncio's own coroutines (gather, TaskGroup,
timeout, Queue, ...) run on it unchanged, because all they ask of a loop is here.

Plain calls. A `def` task is called like any function, and only its branch may wait. So callbacks run
inside a worker greenlet: `wait_plainly` parks the greenlet, the hub goes on with another worker, and the
parked one is put back in line, in the same queue as everything else, when its future is done.
"""

from __future__ import annotations

import asyncio
import contextvars
import heapq
import weakref
from asyncio import tasks as asyncio_tasks
from collections import deque
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from typing import Any, TypeVar

from greenlet import getcurrent, greenlet

from ..errors import Discarded, EffectInWorkflow
from .lines import user_line
from .scope import Scope

T = TypeVar("T")

# asyncio keeps "the current task" per loop; a parked greenlet is in the middle of a task's step, so it
# must step out of that register and in again. Private names, but the same ones on 3.11 to 3.13.
_enter_task: Callable[[Any, Any], None] = asyncio_tasks._enter_task  # pyright: ignore
_leave_task: Callable[[Any, Any], None] = asyncio_tasks._leave_task  # pyright: ignore


class Handle:
    """A callback in the ready queue."""

    __slots__ = ("callback", "args", "context", "dropped")

    def __init__(
        self, callback: Callable[..., object], args: tuple[Any, ...], context: contextvars.Context | None
    ) -> None:
        self.callback = callback
        self.args = args
        self.context = contextvars.copy_context() if context is None else context
        self.dropped = False

    def cancel(self) -> None:
        self.dropped = True

    def cancelled(self) -> bool:
        return self.dropped


class Timer(Handle):
    """A callback that waits for a point in time. `identity` is how the history names its firing."""

    __slots__ = ("due", "identity", "order", "_timers")

    def __init__(
        self,
        due: float,
        identity: str,
        order: int,
        callback: Callable[..., object],
        args: tuple[Any, ...],
        context: contextvars.Context | None,
        timers: dict[str, Timer],
    ) -> None:
        super().__init__(callback, args, context)
        self.due, self.identity, self.order, self._timers = due, identity, order, timers
        timers[identity] = self

    def __lt__(self, other: Timer) -> bool:
        return (self.due, self.order) < (other.due, other.order)

    def cancel(self) -> None:
        self.dropped = True
        self._timers.pop(self.identity, None)

    def when(self) -> float:
        return self.due


class Future(asyncio.Future[T]):
    """A future that hashes by creation number, so that a set of them iterates the same in each replay."""

    def __init__(self, *, loop: Loop) -> None:
        super().__init__(loop=loop)
        self._number = loop.number()

    def __hash__(self) -> int:
        return self._number


class Task(asyncio_tasks._PyTask):  # type: ignore[misc,name-defined]  # pyright: ignore
    """A branch of a workflow: asyncio's own task in Python, with a scope.

    The C task would do but for one thing: a branch parked in a plain call is, to it, still running, and
    its flags for a cancellation in that state cannot be cleared from outside.
    """

    def __init__(self, coro: Any, *, loop: Loop, scope: Scope, name: str | None, context: Any) -> None:
        self._number = loop.number()
        self.scope = scope
        self.parked_on: asyncio.Future[Any] | None = None
        super().__init__(coro, loop=loop, name=name or f"branch-{scope.path}", context=context)

    def __hash__(self) -> int:
        return self._number

    def cancel(self, msg: Any = None) -> bool:
        if self.parked_on is None:
            return super().cancel(msg)  # pyright: ignore
        self._num_cancels_requested += 1
        return self.parked_on.cancel(msg)


class _Wake:
    """In the ready queue: put this parked greenlet back to work."""

    __slots__ = ("worker",)

    def __init__(self, worker: greenlet) -> None:
        self.worker = worker


class Loop(asyncio.AbstractEventLoop):
    """One run's event loop. Only the machine that owns it calls `drain`, `fire` and `abandon`."""

    def __init__(self, now: float) -> None:
        self.now = now
        self.discarded = False
        self.root_scope = Scope()
        self.tasks: dict[int, Task] = {}  # unfinished ones, by number
        self._ready: deque[Handle | _Wake] = deque()
        self._heap: list[Timer] = []
        self._timers: dict[str, Timer] = {}
        self._numbers = 0
        self._hub: greenlet | None = None
        self._next: greenlet | None = None
        self._generators: weakref.WeakSet[AsyncGenerator[Any, Any]] | None = None
        self._parked: dict[greenlet, None] = {}
        self.unhandled: list[BaseException] = []

    # -- what asyncio asks of a loop -------------------------------------------------------------------

    def number(self) -> int:
        self._numbers += 1
        return self._numbers

    def time(self) -> float:
        return self.now

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return self._hub is not None

    def is_closed(self) -> bool:
        return self.discarded

    def create_future(self) -> Future[Any]:
        return Future(loop=self)

    def current_scope(self) -> Scope:
        """The scope of the running branch; callbacks that belong to none share the root's."""
        task = asyncio_tasks.current_task(self)
        return task.scope if isinstance(task, Task) else self.root_scope

    def create_task(  # type: ignore[override]  # asyncio's stubs want a C task
        self, coro: Coroutine[Any, Any, T] | Generator[Any, None, T], *, name: str | None = None, context: Any = None, **_: Any
    ) -> Task:
        return self.open_task(coro, self.current_scope().child(), name, context)

    def open_task(self, coro: Any, scope: Scope, name: str | None = None, context: Any = None) -> Task:
        """Create a task in a scope that is already open."""
        if self.discarded:
            coro.close()
            raise Discarded
        task = Task(coro, loop=self, scope=scope, name=name, context=context)
        self.tasks[task._number] = task
        task.add_done_callback(self._task_done)
        return task

    def _task_done(self, task: Any) -> None:
        self.tasks.pop(task._number, None)

    def call_soon(self, callback: Any, *args: Any, context: Any = None) -> Any:
        handle = Handle(callback, args, context)
        self._ready.append(handle)
        return handle

    def call_later(self, delay: float, callback: Any, *args: Any, context: Any = None) -> Any:
        return self.call_at(self.now + delay, callback, *args, context=context)

    def call_at(self, when: float, callback: Any, *args: Any, context: Any = None) -> Any:
        identity = self.current_scope().identify("timer")
        timer = Timer(when, identity, self.number(), callback, args, context, self._timers)
        heapq.heappush(self._heap, timer)
        return timer

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if isinstance(error, BaseException):
            self.unhandled.append(error)

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> Any:
        raise EffectInWorkflow(f"running {getattr(func, '__qualname__', func)} in a thread", user_line())

    def call_soon_threadsafe(self, callback: Any, *args: Any, context: Any = None) -> Any:
        return self.call_soon(callback, *args, context=context)  # only ever called from within a turn

    # -- time -----------------------------------------------------------------------------------------

    def next_timer(self) -> Timer | None:
        """The timer that is due first, or None."""
        heap = self._heap
        while heap and heap[0].dropped:
            heapq.heappop(heap)
        return heap[0] if heap else None

    def fire(self, identity: str) -> bool:
        """Make that timer's callback ready; False if there is no such timer."""
        timer = self._timers.pop(identity, None)
        if timer is None:
            return False
        self._ready.append(Handle(timer.callback, timer.args, timer.context))
        timer.dropped = True
        return True

    # -- async generators ------------------------------------------------------------------------------

    def generator_born(self, generator: AsyncGenerator[Any, Any]) -> None:
        if self._generators is None:
            self._generators = weakref.WeakSet()
        self._generators.add(generator)

    def generator_dropped(self, generator: AsyncGenerator[Any, Any]) -> None:
        """Its last reference went away unfinished: close it in a scope that no ordinal depends on."""
        if not self.discarded:
            self.open_task(generator.aclose(), Scope("~"))

    # -- running --------------------------------------------------------------------------------------

    def drain(self) -> None:
        """Run until nothing is ready. The caller is the hub to which parked branches return."""
        self._hub = getcurrent()
        try:
            while True:
                worker = self._next
                if worker is not None:
                    self._next = None
                elif self._ready:
                    worker = greenlet(self._work)
                else:
                    return
                worker.parent = self._hub
                worker.switch()
        finally:
            self._hub = None

    def _work(self) -> None:
        """Body of a worker greenlet: serve the queue until it is empty or a parked worker is next."""
        ready = self._ready
        while ready and not self.discarded:
            handle = ready.popleft()
            if isinstance(handle, _Wake):
                self._next = handle.worker
                return
            if not handle.dropped:
                self._call(handle)

    def _call(self, handle: Handle) -> None:
        try:
            handle.context.run(handle.callback, *handle.args)
        except (KeyboardInterrupt, SystemExit) as error:  # a task already holds it as its outcome
            self.unhandled.append(error)
        except Exception as error:
            self.unhandled.append(error)

    def wait_plainly(self, future: asyncio.Future[T]) -> T:
        """Park the running branch until `future` is done; the others go on. Returns or raises its outcome."""
        if not future.done():
            task: Any = asyncio_tasks.current_task(self)
            worker = getcurrent()
            if task is None or self._hub is None or worker is self._hub:
                raise RuntimeError("a plain wait needs a branch of a workflow to wait in")
            future.add_done_callback(lambda _: self._ready.append(_Wake(worker)))
            task.parked_on = future
            self._parked[worker] = None
            _leave_task(self, task)
            try:
                self._hub.switch()
            finally:
                self._parked.pop(worker, None)
                _enter_task(self, task)
                task.parked_on = None
            if self.discarded:
                raise Discarded
        return future.result()

    # -- the end --------------------------------------------------------------------------------------

    def abandon(self, rounds: int = 3) -> None:
        """Close every coroutine and greenlet of a discarded run, here and now, never by the collector.

        Their `finally` blocks run and may try to act: every verb raises Discarded, which they may catch
        and try again, hence the bounded number of rounds. What is still alive then is cut loose.
        """
        self.discarded = True
        self._ready.clear()
        self._heap.clear()
        self._timers.clear()
        self._hub = getcurrent()
        try:
            for _ in range(rounds):
                if not self._close_all():
                    break
        finally:
            self._hub = None
        self._ready.clear()
        self._parked.clear()
        self.tasks.clear()
        self._next = None

    def _close_all(self) -> bool:
        """One round; True if something is still alive."""
        for worker in list(self._parked):
            worker.parent = getcurrent()
            if not worker.dead:
                try:
                    worker.throw(Discarded)
                except BaseException:  # whatever a body makes of it, nobody is left to hear
                    pass
        alive = False
        for task in list(self.tasks.values()):
            if task.done():
                continue
            coro: Any = task.get_coro()
            task._log_destroy_pending = False
            try:
                coro.close()
            except BaseException:  # as above; also RuntimeError for ignoring GeneratorExit
                alive = alive or getattr(coro, "cr_frame", None) is not None
        for generator in list(self._generators or ()):
            try:
                generator.aclose().send(None)
            except BaseException:  # StopIteration when it closed; anything else as above
                pass
        return alive or bool(self._parked)
