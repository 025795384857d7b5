"""`Told`: what another thread answers once, for who blocks for it and for who awaits it in a loop.

A `concurrent.futures.Future` has a lock, a condition and a queue of waiters, made for each: of a run that is
awaited, as most are, that was more than the rest of what its caller does while it waits.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

log = logging.getLogger("podium")

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Promise(Protocol[T_co]):
    """What another thread answers: a `Told`, or a `Future`."""

    def done(self) -> bool: ...

    def result(self, timeout: float | None = None) -> T_co: ...

    def add_done_callback(self, fn: Callable[[Any], object], /) -> None: ...


_NOTHING: Any = object()


class Told(Generic[T]):
    """One answer. Without a lock, which a fork could copy while it is held: `append` and `pop` are atomic."""

    __slots__ = ("_answer", "_waiting")

    def __init__(self, answer: T = _NOTHING) -> None:
        self._answer: T | BaseException = answer
        self._waiting: list[Callable[[Any], object]] = []

    def tell(self, answer: T | BaseException) -> None:
        """A value or, as an exception, why there is none: the first one stands. Any thread, one at a time."""
        if self._answer is _NOTHING:
            self._answer = answer
        self._call()

    def done(self) -> bool:
        """Whether it is known."""
        return self._answer is not _NOTHING

    def add_done_callback(self, fn: Callable[[Any], object], /) -> None:
        """Have this called with it once it is known: here and now, or in the thread that tells it."""
        self._waiting.append(fn)
        if self._answer is not _NOTHING:  # looked at after that: who tells looks in the other order
            self._call()

    def _call(self) -> None:
        while self._waiting:
            try:
                callback = self._waiting.pop(0)
            except IndexError:  # another thread has called the last one
                return
            try:
                callback(self)
            except Exception:  # its own; who tells is the engine's thread, and others wait for the same
                log.exception("what was to be called with an answer failed: %r", callback)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Why there is no value; None: there is one. Blocks for that, and raises TimeoutError."""
        answer = self._known(timeout)
        return answer if isinstance(answer, BaseException) else None

    def result(self, timeout: float | None = None) -> T:
        """The value, or raises why there is none. Blocks for that, and raises TimeoutError."""
        answer = self._known(timeout)
        if not isinstance(answer, BaseException):
            return answer
        try:
            raise answer
        finally:
            del answer, self  # else the traceback would keep both, which keep it

    def _known(self, timeout: float | None) -> T | BaseException:
        if self._answer is _NOTHING:
            self._wait(timeout)
        return self._answer

    def _wait(self, timeout: float | None) -> None:
        gate = threading.Lock()
        gate.acquire()

        def open_gate(_: object) -> None:
            gate.release()

        self.add_done_callback(open_gate)
        try:
            if not gate.acquire(timeout=-1 if timeout is None else max(timeout, 0.0)):
                raise TimeoutError
        finally:
            with contextlib.suppress(ValueError):  # it was called
                self._waiting.remove(open_gate)
