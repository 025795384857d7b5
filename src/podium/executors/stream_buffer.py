"""What one attempt emits and publishes, until the engine takes it into a Write.

Nothing is lost: a task that emits faster than the store writes waits for room.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future

from ..errors import PayloadTooLarge
from ..model import PublishedValue, StreamChunk

ROOM = 1024 * 1024  # bytes that may wait to be written; then the next one who emits waits, too
FULL = 16 * ROOM  # of who does not wait for room


class StreamBuffer:
    """Of one attempt. `emit` and `publish` in any thread, `take` in the engine's."""

    def __init__(self, step: str, attempt: int, now: Callable[[], float]) -> None:
        self._step, self._attempt, self._now = step, attempt, now
        self._lock = threading.Lock()
        self._chunks: list[StreamChunk] = []
        self._values: dict[str, tuple[bytes, float]] = {}
        self._bytes = self._ordinal = 0
        self._room: Future[None] | None = None
        self._is_closed = False

    def emit(self, name: str, payload: bytes) -> Future[None] | None:
        """Keep a chunk; a future of that there is room again, None where there is. Raises PayloadTooLarge
        where nobody waits for room."""
        with self._lock:
            if self._is_closed:
                return None
            if self._bytes > FULL:
                raise PayloadTooLarge(
                    f"emit({name!r}): {self._bytes:,} bytes wait to be written",
                    fix="await podium.emit(...), which waits for room",
                )
            self._ordinal += 1
            self._chunks.append(
                StreamChunk(name, payload, self._now(), self._step, self._attempt, 0, self._ordinal)
            )
            self._bytes += len(payload)
            if self._bytes <= ROOM:
                return None
            if self._room is None:
                self._room = Future()
            return self._room

    def publish(self, name: str, payload: bytes) -> None:
        """Replace the value of a name."""
        with self._lock:
            if not self._is_closed:
                self._values[name] = (payload, self._now())

    def take(self, turn: int, last: bool = False) -> tuple[list[StreamChunk], list[PublishedValue]]:
        """All since the last call. `turn`: the number of the run's last entry; `last`: what comes later is
        not kept."""
        with self._lock:
            self._is_closed = self._is_closed or last
            chunks, self._chunks = self._chunks, []
            values, self._values = self._values, {}
            room, self._room, self._bytes = self._room, None, 0
        if room is not None:
            room.set_result(None)
        published = [
            PublishedValue(name, payload, at, self._step, self._attempt, turn)
            for name, (payload, at) in values.items()
        ]
        return chunks, published
