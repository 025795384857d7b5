"""Where task bodies run in a simulated process: at once when their time has come, while their outcome
takes as long as chance has it. Every body that begins is written into the ledger, outside of the product.
"""

from __future__ import annotations

import contextvars
import random
from collections.abc import Callable
from typing import Any

import msgspec

from ..executors import Attempt, Ended, current_attempt, is_loss
from .scheduler import Lane, Scheduler


class Invocation(msgspec.Struct, frozen=True):
    """One line of the ledger: a body began."""

    stamp: int  # unique in the world; the body puts it into its result
    run: str
    step: str
    attempt: int
    token: int
    process: str
    time: float  # virtual seconds
    asks: bool = False  # it asks what became of the step


current_invocation: contextvars.ContextVar[Invocation] = contextvars.ContextVar("podium_invocation")


class VirtualExecutor:
    """Stands in for both local executors; `lane` is the thread in which bodies begin."""

    def __init__(
        self,
        scheduler: Scheduler,
        chance: random.Random,
        lane: Lane,
        invoked: Callable[[Attempt], Invocation],
        ended: Callable[[Ended], None],
        finish: Callable[[Any], Any],
    ) -> None:
        """`invoked` writes the line of a body that begins; `finish` runs the coroutine of one to its end."""
        self._finish = finish
        self._scheduler, self._chance, self._lane = scheduler, chance, lane
        self._invoked, self._ended = invoked, ended

    def submit(self, attempt: Attempt) -> None:
        """Begin soon."""
        self._later(self._chance.choice((0.0, 0.001, 0.05)), self._begin, attempt)

    def cancel(self, attempt: Attempt) -> None:
        """Drop its outcome; a body that has begun is past stopping."""
        attempt.cancelled = True

    def _later(self, delay: float, callback: Callable[..., Any], *args: Any) -> None:
        self._scheduler.later(delay, self._lane, callback, *args)

    def _begin(self, attempt: Attempt) -> None:
        if attempt.cancelled:
            return
        attempt.handle, attempt.has_begun = self, True  # whoever cancels it is to know
        invocation = self._invoked(attempt)
        context = contextvars.Context()
        context.run(current_attempt.set, attempt)
        context.run(current_invocation.set, invocation)
        ended = context.run(_run, attempt, self._finish)
        slow = self._chance.random()
        seconds = self._chance.uniform(1.0, 12.0) if slow < 0.1 else self._chance.uniform(0.0, 0.3)
        self._later(seconds, self._end, attempt, ended)

    def _end(self, attempt: Attempt, ended: Ended) -> None:
        if not attempt.cancelled:
            self._ended(ended)


def _run(attempt: Attempt, finish: Callable[[Any], Any]) -> Ended:
    try:
        value = attempt.call()
        if attempt.function.is_async:
            value = finish(value)
        return Ended(attempt, attempt.encode(value))
    except Exception as error:
        return Ended(attempt, b"", error, lost=is_loss(error))


def run_at_once(coroutine: Any) -> Any:
    """Run a coroutine that awaits nothing real to its end."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    coroutine.close()
    raise AssertionError("a simulated task body awaited something")
