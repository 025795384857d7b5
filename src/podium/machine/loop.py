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
from asyncio import tasks as asyncio_tasks
from collections import deque
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Iterator
from types import CoroutineType
from typing import Any, NoReturn, TypeVar

from greenlet import getcurrent, greenlet

from ..errors import Discarded
from .branch import Future, Handle, Task, cancelled_error, enter_task, is_open, leave_task
from .generators import Generators
from .guard import refuse_effect
from .leak import leak_forever, silenced
from .lines import waits_at
from .refused import not_a_coroutine, refuse_outside
from .scope import Scope
from .steps import Step
from .timers import TimedLoop
from .workers import new_worker, workers

T = TypeVar("T")

REFUSALS_MAX = 100  # how often what is being dropped may catch Discarded and try again
ROUNDS_MAX = 3  # of closing what is being dropped, which may go on with something else


def _done() -> None:
    """What a handle calls once it has been called."""


class Loop(TimedLoop):
    """One run's event loop. Only the machine that owns it calls `drain`, `fire` and `abandon`."""

    _dropped = 0  # async generators whose last reference went away unfinished
    _refusals = 0

    def __init__(self, run: str, now: float) -> None:
        super().__init__(run, now)
        self.entered = False  # between an event and the end of its turn: only then may anything reach in
        self.root_scope = Scope()
        self.tasks: dict[int, Task] = {}  # unfinished ones, by number
        self.ready: deque[Handle | Task | greenlet] = deque()  # the last two: a step of theirs is answered
        self.hub = None
        self._generators: Generators | None = None
        self._parked: dict[greenlet, None] = {}

    # -- what asyncio asks of a loop -------------------------------------------------------------------

    def is_running(self) -> bool:
        return self.hub is not None

    def create_future(self) -> Future[Any]:
        if self.discarded:
            self.refuse()
        return Future(loop=self)

    def current_scope(self) -> Scope:
        """The scope of the running branch; callbacks that belong to none share the root's."""
        task = asyncio_tasks.current_task(self)
        return task.scope if isinstance(task, Task) else self.root_scope

    def create_task(  # pyright: ignore[reportIncompatibleMethodOverride]  # asyncio's stubs want a C task
        self,
        coro: Any,
        *,
        name: str | None = None,
        context: Any = None,
        **_: Any,
    ) -> Task:
        if type(coro) is not CoroutineType and not isinstance(coro, (Coroutine, Generator)):
            raise not_a_coroutine(coro)
        return self.open_task(coro, self.current_scope().child(), name, context)

    def open_task(self, coro: Any, scope: Scope, name: str | None = None, context: Any = None) -> Task:
        """Create a task in a scope that is already open."""
        if self.discarded:
            coro.close()
            self.refuse()
        task = Task(coro, loop=self, scope=scope, name=name, context=context)
        self.tasks[task.number] = task
        return task

    def line_outside(self) -> str:
        """The line of the user's own code that waits for the running branch, which a library has begun."""
        path, line = self.current_scope().path, ""
        while path and not line:
            path = path.rpartition(".")[0]
            outer = (task for task in self.tasks.values() if task.scope.path == path)
            line = next(filter(None, (waits_at(task.get_coro()) for task in outer)), "")
        return line

    def branch_ended(self, task: Task) -> None:
        """Called by a task whose coroutine has ended."""
        self.tasks.pop(task.number, None)

    def call_soon(self, callback: Any, *args: Any, context: Any = None) -> Any:
        if not (self.entered or self.discarded):
            raise refuse_outside("this wakes")
        handle = Handle(callback, args, context)
        self.ready.append(handle)
        return handle

    def fire(self, identity: str) -> bool:
        """Make that timer's callback ready; False if there is no such timer."""
        handle = self.take_timer(identity)
        if handle is not None:
            self.ready.append(handle)
        return handle is not None

    # -- async generators ------------------------------------------------------------------------------

    def generator_born(self, generator: AsyncGenerator[Any, Any]) -> None:
        """An async generator was first iterated here; in most runs none is."""
        if self._generators is None:
            self._generators = Generators(self)
        self._generators.born(generator)

    def generator_dropped(self, generator: AsyncGenerator[Any, Any]) -> None:
        """Its last reference went away unfinished: close it in a scope that no ordinal depends on."""
        if not self.discarded:
            self._dropped += 1
            entered, self.entered = self.entered, True  # the collector may come at any time
            self.open_task(generator.aclose(), Scope(f"~{self._dropped}"))
            self.entered = entered

    # -- running --------------------------------------------------------------------------------------

    def drain(self) -> None:
        """Run until nothing is ready. The caller is the hub to which parked branches return."""
        hub = self.hub = getcurrent()
        idle, ready = workers.idle, self.ready
        try:
            while ready and not self.discarded:
                worker = ready[0]
                if isinstance(worker, greenlet):  # parked: straight to it, and not by way of another one
                    ready.popleft()
                else:
                    worker = idle.pop() if idle else new_worker()
                if worker.parent is not hub:
                    worker.parent = hub
                worker.switch(self)
        finally:
            self.hub = None

    def work(self) -> None:
        """Serve the queue until it is empty or a parked worker is next. Worker greenlets only."""
        ready = self.ready
        while ready and not self.discarded:
            handle = ready[0]
            if isinstance(handle, greenlet):
                return  # to the hub, which goes on with that one
            del ready[0]
            try:
                if isinstance(handle, Task):  # first, as most are
                    handle.context.run(handle.go_on)
                else:
                    try:
                        if not handle.dropped:
                            handle.context.run(handle.callback, *handle.args)
                    finally:
                        handle.callback, handle.args = _done, ()  # as below
            except (KeyboardInterrupt, SystemExit):
                pass  # a task already holds it as its outcome
            except Exception as error:
                self.call_exception_handler({"message": f"a callback failed: {error!r}", "exception": error})
            finally:
                del handle  # a failure's frames lead here, see `Task.go_on`

    def wait_plainly(self, future: asyncio.Future[T]) -> T:
        """Park the running branch until `future` is done; the others go on. Returns or raises its outcome."""
        if self.discarded:
            self.refuse()
        if not future.done():
            task: Any = asyncio_tasks.current_task(self)
            worker = getcurrent()
            if task is None or self.hub is None or worker is self.hub:
                refuse_effect("a plain call in a callback, where no branch could wait,")
                raise RuntimeError("a plain wait needs a branch of a workflow to wait in")
            if type(future) is not Step or not future.is_first(worker):
                future.add_done_callback(lambda _: self.ready.append(worker))
            if task.must_cancel and future.cancel(task.cancel_message):  # which wakes it
                task.must_cancel = False
            task.parked_on = future
            self._parked[worker] = None
            leave_task(self, task)
            try:
                self.hub.switch()
            finally:
                self._parked.pop(worker, None)
                enter_task(self, task)
                task.parked_on = None
            if task.must_cancel:
                task.must_cancel = False
                raise cancelled_error(task.cancel_message)
        return future.result()

    # -- the end --------------------------------------------------------------------------------------

    def refuse(self) -> NoReturn:
        """Raise Discarded; one that is caught and tried again for ever is left where it stands."""
        self._refusals += 1
        if self._refusals > REFUSALS_MAX and self.hub is not None and getcurrent() is not self.hub:
            leak_forever(getcurrent())
            while True:
                self.hub.switch()
        raise Discarded

    def abandon(self) -> None:
        """Close every coroutine and greenlet of a discarded run, here and now, never by the collector.

        Their `finally` blocks run and may try to act: whatever they ask for raises Discarded, which they
        may catch and try again, hence the bounds. What is still alive then is leaked: it never runs again.
        """
        self.discarded = True
        self.drop_timers()
        if not (self.ready or self._parked or self.tasks or self._generators):
            return  # the body has ended and left nothing behind
        bodies: list[Any] = []
        outer, self.hub = self.hub, getcurrent()
        with silenced():
            try:
                for _ in range(ROUNDS_MAX):
                    self.ready.clear()
                    if not self._close_all(bodies):
                        break
            finally:
                self.hub = outer
            for left in (*self._parked, *filter(is_open, bodies)):
                leak_forever(left)
            bodies.clear()
            self.ready.clear()
            self._parked.clear()
            for task in self.tasks.values():
                task.let_go()
            self.tasks.clear()
        if self._generators is not None:
            self._generators.forget()

    def _close_all(self, bodies: list[Any]) -> bool:
        """One round, which adds to `bodies` what it finds; True if something is still alive."""
        for worker in list(self._parked):
            worker.parent = getcurrent()
            self._refusals = 0
            _quietly(worker.throw, Discarded)
        for task in self.tasks.values():
            if not task.done():
                bodies.extend(_awaited_in(task.get_coro()))
        for body in bodies:
            if is_open(body):
                self._close(body.close)
        for generator in self._generators.alive() if self._generators else ():
            self._close(generator.aclose().send, None)
        return bool(self._parked) or any(map(is_open, bodies))

    def _close(self, close: Callable[..., object], *args: Any) -> None:
        self._refusals = 0
        greenlet(_quietly).switch(close, *args)  # in a greenlet, so that it can be left where it stands


def _awaited_in(body: Any) -> Iterator[Any]:
    """A coroutine and those it awaits in turn: an outer one may end while an inner one refuses to."""
    while is_open(body):
        yield body
        body = getattr(body, "cr_await", None) or getattr(body, "gi_yieldfrom", None)


def _quietly(close: Callable[..., object], *args: Any) -> None:
    try:
        close(*args)
    except BaseException:  # whatever a body makes of its end, nobody is left to hear
        pass
