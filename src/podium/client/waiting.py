"""`Waiting`: something asked for, which async code awaits and sync code asks for its `result()`."""

from __future__ import annotations

from collections.abc import Callable, Generator
from concurrent.futures import Future
from typing import Any, Generic, TypeVar

from ..checks import is_number
from ..env import Env
from ..errors import UsageError
from .loop_wakeup import in_event_loop, wait_in_loop
from .process import is_session
from .told import Promise

T = TypeVar("T")
S = TypeVar("S")


class Waiting(Generic[T]):
    """Something asked for: `await it` in async code, `it.result()` in sync code.

    What changes a run (`run.cancel()`, `podium.runs(...).retry()`) is done when the call returns in sync
    code; in a running event loop the call returns at once, and awaiting this says that it is done.

    Example; in async code `await podium.runs().count()`:

    >>> podium.runs().count().result()
    0
    """

    def result(self, timeout: float | None = None) -> T:
        """Block for it, `timeout` seconds at most. Raises what went wrong, or TimeoutError.

        Example:

        >>> podium.runs("tag:nightly").count().result(timeout=10)
        0
        """
        raise NotImplementedError

    def __await__(self) -> Generator[Any, None, T]:
        raise NotImplementedError


class FutureWaiting(Waiting[T]):
    """A `Waiting` for what another thread answers. Sync callers have waited for it when they get it."""

    def __init__(self, future: Future[T]) -> None:
        self._future = future
        if not in_event_loop():
            future.result()

    def result(self, timeout: float | None = None) -> T:
        check_timeout(timeout)
        if in_event_loop() and not self._future.done() and not is_session():  # cells may block
            raise UsageError("result() would block this event loop", fix="await it instead")
        return self._future.result(timeout)

    def __await__(self) -> Generator[Any, None, T]:
        return wait_in_loop(self._future).__await__()

    def __repr__(self) -> str:
        future = self._future
        if not future.done():
            return "<Waiting: under way>"
        failed = future.cancelled() or future.exception() is not None
        value = None if failed else future.result()
        return f"<Waiting: {'failed' if failed else 'done' if value is None else value}>"


class Done(Waiting[None]):
    """A `Waiting` for something that was done at once."""

    def result(self, timeout: float | None = None) -> None:
        check_timeout(timeout)

    def __await__(self) -> Generator[Any, None, None]:
        yield from ()

    def __repr__(self) -> str:
        return "<Waiting: done>"


def check_timeout(timeout: object) -> None:
    """Raise UsageError unless it is None or a number of seconds."""
    if timeout is not None and not is_number(timeout):
        raise UsageError(f"result(timeout={timeout!r}): seconds are needed, or None to wait for ever")


def result_within(future: Promise[T], timeout: float | None, what: Callable[[], str]) -> T:
    """What a future comes to. Raises its failure, or TimeoutError with `what` there is to say by then."""
    try:
        return future.result(timeout)
    except TimeoutError:
        if future.done():  # its own
            raise
        raise TimeoutError(what()) from None


def known(value: T) -> Future[T]:
    """A future that is done."""
    future: Future[T] = Future()
    future.set_result(value)
    return future


def mapped(future: Future[S], convert: Callable[[S], T]) -> Future[T]:
    """A future of `convert(value)`; its failure is the first one's, or what `convert` raises."""
    after: Future[T] = Future()

    def done(before: Future[S]) -> None:
        try:
            after.set_result(convert(before.result()))
        except BaseException as error:  # whoever waits is told
            after.set_exception(error)

    future.add_done_callback(done)
    return after


def answered(act: Callable[[], T], env: Env) -> FutureWaiting[T]:
    """The answer of a call that blocks: made here in sync code, in a thread of its own in an event loop. Not
    `asked`: it changes nothing, or is no app's of this process, so that no app that closes waits for it."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(act())
        except BaseException as error:  # whoever waits is told
            future.set_exception(error)

    if in_event_loop():
        env.spawn(run, name="podium-ask")
    else:
        run()
    return FutureWaiting(future)
