"""What the parts of a machine know of each other: interfaces, so that none has to import the whole."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncGenerator, Callable
from typing import Any, NoReturn, Protocol

from ..functions import Function


class RunLoop(asyncio.AbstractEventLoop):
    """A run's event loop, as its tasks, timers, generators and workers see it."""

    now: float  # UTC seconds of the last event
    discarded: bool
    entered: bool  # between an event and the end of its turn: only then may anything reach in
    hub: Any  # the greenlet that drains it; None: nobody does
    numbers: int  # how many were given, see `number`
    ready: deque[Any]  # what is to be called, branches that go on, parked greenlets

    def number(self) -> int:
        """The next creation number: what tasks and futures hash by."""
        raise NotImplementedError

    def line_outside(self) -> str:
        """The line of the user's own code that waits for the running branch; "" where there is none."""
        raise NotImplementedError

    def branch_ended(self, task: Any) -> None:
        """Called by a task whose coroutine has ended."""
        raise NotImplementedError

    def generator_born(self, generator: AsyncGenerator[Any, Any]) -> None:
        """An async generator was first iterated here."""
        raise NotImplementedError

    def generator_dropped(self, generator: AsyncGenerator[Any, Any]) -> None:
        """Its last reference went away unfinished."""
        raise NotImplementedError

    def wake(self, waiter: Any) -> None:
        """Put a branch back in line: what it waits for is about to be done."""
        raise NotImplementedError

    def work(self) -> None:
        """Serve the ready queue until it is empty or a parked worker is next."""
        raise NotImplementedError

    def refuse(self) -> NoReturn:
        """Raise Discarded."""
        raise NotImplementedError


class RunMachine(Protocol):
    """The machine whose turn a thread is in, as guard, logging and generators see it."""

    run: str
    function: Function
    replaying: bool
    trouble: BaseException | None
    on_log: Callable[[str, logging.LogRecord], None] | None  # told the run and what its body logs

    @property
    def loop(self) -> RunLoop:
        """The run's loop."""
        ...


class Redriven(Protocol):
    """What does again, in a retry of the run, what has failed in its past."""

    def redrive(self) -> None:
        """That past ends here."""
        ...
