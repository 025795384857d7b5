"""A turn has a budget: a workflow that computes for ever without waiting must not hold up all the others.

The heartbeat thread looks at the turn under way. One that is over its budget is stopped by an exception
raised in the driving thread, and its run is parked, naming the line.
"""

from __future__ import annotations

import ctypes
import sys
import threading
from collections.abc import Callable
from typing import Any

from ..env import Env
from ..errors import TurnBudgetExceeded
from ..machine import Machine, user_line


class TurnWatch:
    """Who is turning, since when. `run` on the driving thread, `check` on any other."""

    def __init__(self, env: Env, budget_seconds: float) -> None:
        self._env, self._budget = env, budget_seconds
        self._lock = threading.Lock()
        self._turning: tuple[Machine, float] | None = None
        self._thread = 0
        self._fired = False

    def run(self, machine: Machine, act: Callable[..., Any], *args: Any) -> None:
        """Make one turn. Raises TurnBudgetExceeded if it had to be stopped."""
        self._thread = threading.get_ident()
        self._turning = (machine, self._env.monotonic())
        try:
            try:
                act(*args)
            finally:  # `_end` spelled out: this is the way of every step
                with self._lock:
                    self._turning = None
                    fired, self._fired = self._fired, False
                if fired:
                    _let_it_hit()
        except TurnBudgetExceeded as error:
            self._end()  # it may have hit while the turn was being ended
            raise machine.trouble or error from None  # Python raised a bare one, which knows no line

    @property
    def is_turning(self) -> bool:
        """Whether the driving thread is in a turn at this moment."""
        return self._turning is not None

    def _end(self) -> None:
        with self._lock:
            self._turning = None
            fired, self._fired = self._fired, False
        if fired:
            _let_it_hit()

    def check(self) -> None:
        """Stop the turn under way if it is over its budget."""
        turning = self._turning
        if turning is None or self._env.monotonic() - turning[1] < self._budget:
            return
        with self._lock:
            if self._turning is not turning:
                return
            error = TurnBudgetExceeded()
            frames = sys._current_frames()  # pyright: ignore[reportPrivateUsage]  # documented all the same
            line = user_line(frames.get(self._thread))
            error.line = line if line != "?" else turning[0].defined_at()  # it was between two branches
            turning[0].trouble = turning[0].trouble or error
            turning[0].loop.discarded = True  # stops even a body that catches what is raised below
            self._fired = True
            ctypes.pythonapi.PyThreadState_SetAsyncExc(
                ctypes.c_ulong(self._thread), ctypes.py_object(TurnBudgetExceeded)
            )


def _let_it_hit() -> None:
    """Sent but perhaps not delivered yet: it must not hit whatever this thread does next. Rejected: taking it
    back, after which Python 3.11 hangs under a debugger or a coverage tool."""
    try:
        for _ in range(100):
            pass
    except TurnBudgetExceeded:
        pass
