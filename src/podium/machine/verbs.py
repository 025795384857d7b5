"""What a body may ask for that replays the same: the time, ids, chance, and a sleep for sync code."""

from __future__ import annotations

import asyncio
import random
import uuid
from hashlib import blake2b

from ..model import Measure, Undone
from .loop import Loop
from .streams import BodyStreams


class Verbs(BodyStreams):
    """Of one run. `lineage` names it and what it was retried or forked from: chance is drawn from that."""

    def __init__(self, loop: Loop, lineage: str) -> None:
        super().__init__()
        self._loop, self.lineage = loop, lineage
        self.undone: Undone | None = None  # of a retry
        self.generation = 0  # of the run
        self.measured: dict[str, Measure] = {}  # by the place that has measured it, since the engine looked

    def lineage_at(self, identity: str) -> str:
        """What the id derives from that a step gives to what it starts or asks."""
        return self.lineage if self.undone is None else self.lineage + self.undone.suffix(identity, False)

    def now(self) -> float:
        """UTC seconds of the last event."""
        self._check_alive()
        return self._loop.now

    def uuid4(self) -> uuid.UUID:
        """A version 4 UUID, by the place that asks for it."""
        bits = bytearray(self._chance("uuid4"))
        bits[6] = bits[6] & 0x0F | 0x40
        bits[8] = bits[8] & 0x3F | 0x80
        return uuid.UUID(bytes=bytes(bits))

    def random(self) -> random.Random:
        """A generator, seeded by the place that asks for it."""
        return random.Random(self._chance("random"))

    def sleep(self, seconds: float) -> None:
        """A durable sleep of the calling branch, for sync code."""
        self._check_alive()
        future = self._loop.create_future()
        self._loop.call_later(seconds, _wake, future)
        self._loop.wait_plainly(future)

    def measure(self, name: str, value: float, tags: str) -> None:
        """A point of a series; the same call in a replay makes the same one."""
        self._check_alive()
        step = self._loop.current_scope().identify(f"measure:{name}")
        at = round(self._loop.now, 6)  # as datetimes are
        self.measured[step] = Measure(name, at, value, tags, step, generation=self.generation)

    def emit(self, name: str, payload: bytes) -> None:
        """Add a chunk to a stream of the run."""
        self._check_alive()
        self._emit(name, payload, self._loop.now)

    def publish(self, name: str, payload: bytes) -> None:
        """Replace the value that the run has published under this name."""
        self._check_alive()
        self._publish(name, payload, self._loop.now)

    def _chance(self, name: str) -> bytes:
        """16 bytes that look random and are the same in every replay at this place."""
        self._check_alive()
        identity = self._loop.current_scope().identify(name)
        return blake2b(f"{self.lineage}/{identity}".encode(), digest_size=16).digest()

    def _check_alive(self) -> None:
        if self._loop.discarded:
            self._loop.refuse()


def _wake(sleeper: asyncio.Future[None]) -> None:
    if not sleeper.done():  # its branch may have been cancelled
        sleeper.set_result(None)
