"""`Asking`: looks at the store for callers in an event loop, who ask for something and must not wait here.

What a verb is to do to a run depends on how that stands, so a look comes before the write. On an event loop
all else would wait for the answer, up to half a minute of a server that says nothing; and on the engine's,
every run that it drives.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from ..env import Env
from .loop_wakeup import in_event_loop
from .waiting import Answer

T = TypeVar("T")


class Asking:
    """Does what it is asked for on a thread of its own, in order: signals of one sender stay in theirs. Any
    thread; there is none while nothing is asked."""

    def __init__(self, env: Env) -> None:
        self._env = env
        self._lock = threading.Lock()
        self._asked: deque[tuple[Callable[[], Future[Any]], Future[Any]]] = deque()
        self._is_serving = False

    def ask(self, act: Callable[[], Future[T]]) -> Future[T]:
        """Do it soon; what it gives comes to what the future of `act` does. Raises ResourceShortage."""
        answer: Future[T] = Future()
        with self._lock:
            if not self._is_serving:
                self._env.spawn(self._serve, name="podium-ask")  # it waits for the lock
                self._is_serving = True
            self._asked.append((act, answer))
        return answer

    def _serve(self) -> None:
        while True:
            with self._lock:
                if not self._asked:
                    self._is_serving = False
                    return
                act, answer = self._asked.popleft()
            try:
                pass_on(act(), answer)
            except BaseException as error:  # whoever waits is told
                answer.set_exception(error)


def pass_on(before: Future[T], after: Future[T]) -> None:
    """Let a future come to what another one comes to."""

    def done(known: Future[T]) -> None:
        error = known.exception()
        if error is None:
            after.set_result(known.result())
        else:
            after.set_exception(error)

    before.add_done_callback(done)


def asked(asking: Asking, act: Callable[[], Future[T]]) -> Answer[T]:
    """The answer of what begins with a look: made here in sync code, elsewhere in an event loop."""
    return Answer(asking.ask(act) if in_event_loop() else act())
