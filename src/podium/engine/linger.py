"""The engine's thread waits a moment for the plain task that it has just begun, where there is no other work.

Most bodies are short. To go to sleep in the event loop and be woken there (a byte through a pipe, a look at
what woke it, a callback) costs more than many of them, and while the loop gets ready to sleep the task's
thread waits for the interpreter. A body that takes longer is met in the loop as ever; then it is not waited
for any more for a while.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence

from ..env import Env

MOMENT_SECONDS = 0.0003  # for one body
TURN_SECONDS = 0.005  # for several in a row: then the loop looks at everything else
NOT_NOW = 64  # outcomes after a wait in vain, until the next one


class Linger:
    """`rounds` on the engine's thread, `ring` on others. `is_lone`: a plain body runs, and nothing else."""

    def __init__(self, env: Env, is_lone: Callable[[], bool]) -> None:
        self._env, self._is_lone = env, is_lone
        self._bell = threading.Lock()
        self._bell.acquire()
        # One item while the engine's thread waits. Who takes it out decides: a ring, or the end of the wait.
        self._waiting: list[None] = []
        self._not_now = 0

    def ring(self) -> bool:
        """Something has ended. Whether the engine's thread waits for that here; else it is to be woken."""
        if not self._take():
            return False
        self._bell.release()
        return True

    def rounds(self, outcomes: Sequence[object]) -> Iterator[None]:
        """One for each time that there are outcomes, as long as it is worth waiting for them here."""
        until = self._env.monotonic() + TURN_SECONDS
        while self._is_lone() and self._env.monotonic() < until and self._waits(outcomes):
            yield

    def _waits(self, outcomes: Sequence[object]) -> bool:
        if self._not_now:
            self._not_now -= 1
            return False
        self._waiting.append(None)
        rang = not outcomes and self._bell.acquire(timeout=MOMENT_SECONDS)
        if not rang and not self._take():
            self._bell.acquire()  # it rings at this very moment
        if not outcomes:
            self._not_now = NOT_NOW
        return bool(outcomes)

    def _take(self) -> bool:
        try:
            self._waiting.pop()
        except IndexError:
            return False
        return True
