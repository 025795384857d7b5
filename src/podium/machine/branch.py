"""What runs on a machine's loop: callbacks, timers, futures, and tasks, which are the branches of a run."""

from __future__ import annotations

import asyncio
import contextvars
import sys
from asyncio import tasks as asyncio_tasks
from collections.abc import Callable
from typing import Any, TypeVar

from .parts import RunLoop
from .scope import Scope
from .steps import Step

T = TypeVar("T")

# asyncio keeps "the current task" per loop, and `asyncio.current_task` reads it. Private names, but the same
# ones on 3.11 to 3.13.
enter_task: Callable[[Any, Any], None] = asyncio_tasks._enter_task
leave_task: Callable[[Any, Any], None] = asyncio_tasks._leave_task
# Before 3.12 asyncio's own is a function of Python around this look.
current_task: Callable[[Any], Any] = (
    vars(asyncio_tasks)["_current_tasks"].get if sys.version_info < (3, 12) else asyncio_tasks.current_task
)


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

    def __init__(self, *, loop: RunLoop) -> None:
        super().__init__(loop=loop)
        self.number = loop.number()

    def __hash__(self) -> int:
        return self.number


def is_open(body: Any) -> bool:
    """Whether a coroutine, or what passes for one, has begun or will, and has not ended."""
    return (getattr(body, "cr_frame", None) or getattr(body, "gi_frame", None)) is not None


class Task(asyncio.Future[Any]):
    """A branch: drives one coroutine, as asyncio.Task does, and knows its scope.

    Not asyncio's own. The C one cannot say that a branch is parked in a plain call: it would count as
    running, and a cancellation would strike twice, now in the plain call and at the next await. The
    Python one can be told, but rests on a future in Python, which doubles the cost of every branch.
    """

    __slots__ = (  # a future has a dict as well, where Python looks for each name anew
        "number", "scope", "context", "parked_on", "must_cancel", "cancel_message", "failed_at", "_branch_of",
        "_coro", "_name", "_awaits", "_cancels",
    )  # fmt: skip

    def __init__(self, coro: Any, *, loop: RunLoop, scope: Scope, name: str | None, context: Any) -> None:
        super().__init__(loop=loop)
        self.number = loop.number()
        self.scope = scope
        self.parked_on: asyncio.Future[Any] | None = None  # while it waits in a plain call
        self._branch_of, self._coro, self._name = loop, coro, name
        self.context: contextvars.Context = contextvars.copy_context() if context is None else context
        self._awaits: asyncio.Future[Any] | None = None
        self._cancels = 0
        self.must_cancel = False
        self.cancel_message: Any = None
        self.failed_at: tuple[str, int] | None = None  # the call that failed it
        loop.wake(self)  # in line, as who waits for a step is when that is answered

    def __hash__(self) -> int:
        return self.number

    # -- what asyncio and users ask of a task ---------------------------------------------------------

    def get_coro(self) -> Any:
        return self._coro

    def get_context(self) -> contextvars.Context:
        return self.context

    def get_name(self) -> str:
        return self._name or f"branch-{self.scope.path}"

    def set_name(self, value: object) -> None:
        self._name = str(value)

    def set_result(self, result: Any) -> None:
        raise RuntimeError("a task's result comes from its coroutine")

    def set_exception(self, exception: Any) -> None:
        raise RuntimeError("a task's exception comes from its coroutine")

    def cancel(self, msg: Any = None) -> bool:
        if self.done():
            return False
        self._cancels += 1
        waits = self.parked_on or self._awaits
        if waits is None or not waits.cancel(msg):
            self.must_cancel, self.cancel_message = True, msg
        return True

    def cancelling(self) -> int:
        return self._cancels

    def uncancel(self) -> int:
        if self._cancels > 0:
            self._cancels -= 1
            if self._cancels == 0:
                self.must_cancel = False
        return self._cancels

    # Names that anyio and others read of asyncio's own tasks.

    @property
    def _must_cancel(self) -> bool:
        return self.must_cancel

    @property
    def _fut_waiter(self) -> asyncio.Future[Any] | None:
        return self.parked_on or self._awaits

    # -- driving --------------------------------------------------------------------------------------

    def go_on(self, error: BaseException | None = None) -> None:
        """Resume the coroutine, until it waits again or ends. What it waited for is done, unless it is thrown
        an `error`."""
        awaited: Any = self._awaits
        self._awaits = None
        if awaited is not None:
            # A cancelled one carries the message.
            error = awaited._make_cancelled_error() if awaited.cancelled() else awaited.exception()
        if self.must_cancel:
            if not isinstance(error, asyncio.CancelledError):
                error = cancelled_error(self.cancel_message)
            self.must_cancel = False
        loop = self._branch_of
        enter_task(loop, self)
        try:
            next_awaited = self._coro.send(None) if error is None else self._coro.throw(error)
        except StopIteration as stop:
            if self.must_cancel:
                self.must_cancel = False
                super().cancel(self.cancel_message)
            else:
                super().set_result(stop.value)
            loop.branch_ended(self)
        except asyncio.CancelledError as cancelled:
            super().cancel(*cancelled.args[:1])
            loop.branch_ended(self)
        except BaseException as failure:
            if is_open(self._coro):
                # It does not come from there: a turn was stopped between two branches. This one stays
                # unfinished, so that `Loop.abandon` closes it, and not the collector.
                raise
            self.failed_at = getattr(awaited, "line", None)
            super().set_exception(failure)
            loop.branch_ended(self)
        else:
            if (
                type(next_awaited) is Step
                and next_awaited._asyncio_future_blocking
                and next_awaited._loop is loop
                and not (next_awaited.waiter or next_awaited._callbacks or self.must_cancel)
            ):  # as `_await` does it: this is the way of most
                next_awaited._asyncio_future_blocking = False
                next_awaited.waiter = self
                self._awaits = next_awaited
            else:
                self._await(next_awaited)
        finally:
            leave_task(loop, self)
            # A failure holds the frames it passed through, and these hold us: without that cycle a failed
            # branch, and an async generator in its frames, goes at once and not at the collector's time.
            del self, error, awaited

    def _await(self, awaited: Any) -> None:
        """The coroutine waits for `awaited`: step again when it is done."""
        if getattr(awaited, "_asyncio_future_blocking", None) and awaited._loop is self._branch_of:
            awaited._asyncio_future_blocking = False
            if type(awaited) is Step and awaited.waiter is None and not awaited._callbacks:
                awaited.waiter = self  # the first to wait for it, and most are the only one
            else:
                awaited.add_done_callback(self._wakeup, context=self.context)
            self._awaits = awaited
            if self.must_cancel and awaited.cancel(self.cancel_message):
                self.must_cancel = False
        elif awaited is None:  # a bare yield: asyncio.sleep(0)
            self._branch_of.call_soon(self.go_on, context=self.context)
        else:
            wrong = RuntimeError(f"a workflow awaited {awaited!r}, which belongs to no event loop of its own")
            self._branch_of.call_soon(self.go_on, wrong, context=self.context)

    def let_go(self) -> None:
        """Nothing wakes it any more: it goes at once, and not at the collector's time."""
        self._awaits = None

    def _wakeup(self, _: asyncio.Future[Any]) -> None:
        """What it waits for is done."""
        try:
            self.go_on()
        finally:
            del self, _  # as in `go_on`


def cancelled_error(message: Any) -> asyncio.CancelledError:
    """CancelledError with the message of the cancellation, if it had one."""
    return asyncio.CancelledError() if message is None else asyncio.CancelledError(message)
