"""A turn has a budget: a workflow that computes for ever without waiting must not hold up all the others.

The heartbeat thread looks at the turn under way. One that is over its budget is stopped by an exception
raised in the driving thread, and its run is parked, naming the line.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable
from typing import Any

from ..env import Env
from ..errors import TurnBudgetExceeded
from ..machine import Machine, user_line
from ..process import frame_of


class TurnWatch:
    """Who is turning, since when. `run` on the driving thread, `check` on any other."""

    def __init__(self, env: Env, budget_seconds: float) -> None:
        self._monotonic, self._budget = env.monotonic, budget_seconds
        self._lock = threading.Lock()
        # The turn under way. Who takes it out of its list has it: this thread, which ends it, or `check`,
        # which stops it. So a turn that ends in time needs no lock.
        self._turning: list[tuple[Machine, float]] = []
        self._thread = 0

    def run(self, machine: Machine, act: Callable[..., Any], *args: Any) -> None:
        """Make one turn. Raises TurnBudgetExceeded if it had to be stopped."""
        if not self._thread:
            self._thread = threading.get_ident()
        monotonic = self._monotonic  # Python finds it twice as fast as a method that is none
        turning = self._turning = [(machine, monotonic())]
        try:
            try:
                act(*args)
            finally:
                try:  # `_take` spelled out: this is the way of every step
                    turning.pop()
                except IndexError:
                    self._let_it_hit()
        except TurnBudgetExceeded as error:
            if not _take(turning):  # it may have hit while the turn was being ended
                self._let_it_hit()
            raise machine.trouble or error from None  # Python raised a bare one, which knows no line

    @property
    def is_turning(self) -> bool:
        """Whether the driving thread is in a turn at this moment."""
        return bool(self._turning)

    def check(self) -> None:
        """Stop the turn under way if it is over its budget."""
        turning = self._turning
        late = [machine for machine, since in turning if self._monotonic() - since >= self._budget]
        if not late:
            return
        with self._lock:  # until it is sent
            if not _take(turning):
                return
            machine, error = late[0], TurnBudgetExceeded()
            line = user_line(frame_of(self._thread))
            error.line = line if line != "?" else machine.defined_at()  # it was between two branches
            machine.trouble = machine.trouble or error
            machine.loop.discarded = True  # stops even a body that catches what is raised below
            ctypes.pythonapi.PyThreadState_SetAsyncExc(
                ctypes.c_ulong(self._thread), ctypes.py_object(TurnBudgetExceeded)
            )

    def _let_it_hit(self) -> None:
        """Sent, or about to be: it must not hit whatever this thread does next. Rejected: taking it back,
        after which Python 3.11 hangs under a debugger or a coverage tool."""
        try:
            with self._lock:
                pass
            for _ in range(100):
                pass
        except TurnBudgetExceeded:
            pass


def _take(turning: list[tuple[Machine, float]]) -> bool:
    """End the turn, unless it was ended or stopped already."""
    try:
        turning.pop()
    except IndexError:
        return False
    return True
