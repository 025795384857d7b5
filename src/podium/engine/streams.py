"""What runs emit and publish, on its way into their Writes.

What an attempt says stays in its buffer until a Write of its run is made, which is asked for at once: so
while one is under way the next ones gather, and a store that is slow makes who emits wait.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from concurrent.futures import Future

from .. import codec
from ..executors import Attempt, StreamBuffer
from .context import Context
from .owned import OwnedRun

_NOTHING_SAID = codec.encode({})  # of its progress, by an attempt that is on record because it emits


class StreamCollector:
    """Takes from the buffers of one engine's attempts. Engine thread only, but for what a task calls."""

    def __init__(self, context: Context, owned: Mapping[str, OwnedRun]) -> None:
        self._reactor, self._now, self._owned = context.reactor, context.env.now, owned
        self._lock = threading.Lock()
        self._speaking: dict[Attempt, None] = {}  # since the last look
        self._is_woken = False

    def emit(self, attempt: Attempt, name: str, payload: bytes) -> Future[None] | None:
        """An attempt emits a chunk. A future of that there is room for more; None: there is. Any thread."""
        room = self._buffer(attempt).emit(name, payload)
        self._wake(attempt)
        return room

    def publish(self, attempt: Attempt, name: str, payload: bytes) -> None:
        """An attempt publishes a value. Any thread."""
        self._buffer(attempt).publish(name, payload)
        self._wake(attempt)

    def _buffer(self, attempt: Attempt) -> StreamBuffer:
        if attempt.stream is None:
            with self._lock:
                if attempt.stream is None:
                    # So that it is on record as begun: the next attempt has another number, and its chunks
                    # are not taken for these.
                    attempt.said = attempt.said or attempt.last or _NOTHING_SAID
                    attempt.stream = StreamBuffer(attempt.step, attempt.number, self._now)
        return attempt.stream

    def _wake(self, attempt: Attempt) -> None:
        self._speaking[attempt] = None
        if not self._is_woken:
            self._is_woken = True
            self._reactor.call_soon_threadsafe(self._look)

    def _look(self) -> None:
        self._is_woken = False  # before looking, so that what is said meanwhile wakes again
        while self._speaking:
            attempt, _ = self._speaking.popitem()
            owned = self._owned.get(attempt.run)
            if owned is None or owned.attempts.running.get(attempt.step) is not attempt:
                self._close(attempt)  # it spoke after its outcome
            elif not owned.ignores_events:
                owned.attempts.speaking[attempt] = None
                owned.touch()

    def _close(self, attempt: Attempt) -> None:
        if attempt.stream is not None:
            attempt.stream.take(0, last=True)

    def ended(self, attempt: Attempt) -> None:
        """An attempt that has spoken ended or was cancelled: its last words go with its outcome."""
        owned = self._owned.get(attempt.run)
        if owned is None or owned.residence.is_gone:
            self._close(attempt)
        else:
            owned.attempts.speaking.pop(attempt, None)
            owned.outbox.say(attempt, self._now(), last=True)
            owned.touch()
