"""A thread beside the driving one, for large commits or for reading: so that Python and disk overlap."""

from __future__ import annotations

import contextlib
import queue
from collections.abc import Callable
from typing import Any, Protocol

from ..env import Env
from ..executors.protocol import Reactor

Job = tuple[Callable[[], Any], Callable[[Any, BaseException | None], None]]


class Lane(Protocol):
    """Does one store call at a time away from the reactor; `then` gets (result, error) back on it."""

    def do(self, call: Callable[[], Any], then: Callable[[Any, BaseException | None], None]) -> None: ...

    def close(self) -> None: ...


class ThreadLane:
    """One thread, jobs in order. An engine has two: a writer, and a reader that no commit waits for."""

    def __init__(self, env: Env, reactor: Reactor, name: str) -> None:
        self._reactor = reactor
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._thread = env.spawn(self._serve, name=name)

    def do(self, call: Callable[[], Any], then: Callable[[Any, BaseException | None], None]) -> None:
        """Call it there; `then` gets (result, error) on the driving thread."""
        self._jobs.put((call, then))

    def _serve(self) -> None:
        while (job := self._jobs.get()) is not None:
            call, then = job
            result, failure = None, None
            try:
                result = call()
            except BaseException as error:  # every error belongs to whoever asked
                failure = error
            with contextlib.suppress(RuntimeError):  # the loop has ended: nobody waits for the answer
                self._reactor.call_soon_threadsafe(then, result, failure)

    def close(self) -> None:
        """Let the thread end after what it is doing."""
        self._jobs.put(None)
        self._thread.join()
