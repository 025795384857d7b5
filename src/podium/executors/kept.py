"""What a body says while it runs where no engine hears it: kept, and on its way with the outcome."""

from __future__ import annotations

import threading
from concurrent.futures import Future

from ..errors import PayloadTooLarge
from ..model import Measure
from ..sizes import spelled_size
from .attempt import Attempt
from .wire import Done, Spoken

KEPT_MAX = 1024 * 1024  # bytes of chunks and published values of one attempt


class Kept:
    """Measures, chunks and published values of one attempt. A sink of its streams; any thread."""

    def __init__(self) -> None:
        self.measures: list[Measure] = []
        self._lock = threading.Lock()
        self._chunks: list[Spoken] = []
        self._values: dict[str, Spoken] = {}
        self._bytes = 0

    def emit(self, attempt: Attempt, name: str, payload: bytes) -> Future[None] | None:
        """Keep a chunk. Raises PayloadTooLarge where an outcome has no room for it."""
        with self._lock:
            self._make_room("emit", attempt, name, len(payload))
            self._chunks.append(Spoken(name, payload))
        return None

    def publish(self, attempt: Attempt, name: str, payload: bytes) -> None:
        """Replace the value of a name. Raises PayloadTooLarge likewise."""
        with self._lock:
            there = self._values.get(name)
            self._make_room("publish", attempt, name, len(payload) - (len(there.payload) if there else 0))
            self._values[name] = Spoken(name, payload, is_value=True)

    def _make_room(self, verb: str, attempt: Attempt, name: str, more: int) -> None:
        if self._bytes + more > KEPT_MAX:
            raise PayloadTooLarge(
                f"{verb}({name!r}, ...) in {attempt.function.label}, which runs where what it says goes with "
                f"its outcome: {spelled_size(KEPT_MAX)} of that are kept at most",
                fix="say less, or let it run on the store's host: without executor=",
            )
        self._bytes += more

    def done(self, good: bool, final: bool = False, lost: bool = False) -> Done:
        """The outcome that takes all of it along."""
        with self._lock:
            return Done(good, final, lost, self.measures, [*self._chunks, *self._values.values()])


def take_over(attempt: Attempt, done: Done) -> None:
    """In the engine's process: what the outcome has brought is the attempt's."""
    attempt.measures = done.measures
    streams = attempt.services.streams
    if streams is None:
        return
    for said in done.spoken:
        if said.is_value:
            streams.publish(attempt, said.name, said.payload)
        else:
            streams.emit(attempt, said.name, said.payload)
