"""What the engine asks of the world, on virtual time: `Env`, `Reactor`, `Lane`."""

from __future__ import annotations

import random
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from ..env import encode_id
from .scheduler import Lane, Scheduler, Timer

EPOCH = 1_800_000_000.0  # UTC seconds when every world begins
WRITER_SECONDS = 0.004  # a job waits up to so long for the writer thread


class VirtualEnv:
    """One process's clocks and chance. Its wall clock may be wrong, and may jump."""

    def __init__(self, scheduler: Scheduler, chance: random.Random, skew: float) -> None:
        self._scheduler, self._chance = scheduler, chance
        # Of its own, so that one secret more changes nothing else in a world.
        self._secrets = random.Random(repr(chance.getstate()))
        self._offset = EPOCH + skew
        self._booted = scheduler.time

    def follow(self, clock: Callable[[], float | None]) -> None:
        """All of a world have one clock."""

    def now(self) -> float:
        return self._offset + self._scheduler.time

    def jump(self, seconds: float) -> None:
        """Set the wall clock so far ahead of the truth; set back, it is not followed (see `Env.now`)."""
        self._offset = max(self._offset, EPOCH + seconds)

    def monotonic(self) -> float:
        return self._scheduler.time - self._booted

    def uniform(self, low: float, high: float) -> float:
        return self._chance.uniform(low, high)

    def new_id(self) -> str:
        return encode_id(int(self.now() * 1000), self._chance.getrandbits(45))

    def secret(self) -> str:
        return f"{self._secrets.getrandbits(96):024x}"

    def spawn(self, target: Callable[..., Any], *args: Any, name: str) -> threading.Thread:
        raise AssertionError(f"the engine started a thread of its own: {name}")


class VirtualReactor:
    """One process's event loop."""

    def __init__(self, scheduler: Scheduler, lane: Lane) -> None:
        self._scheduler, self._lane = scheduler, lane
        self._readers: dict[int, Callable[..., Any]] = {}

    def call_soon(self, callback: Callable[..., Any], *args: Any) -> None:
        self._scheduler.post(self._lane, callback, *args)

    def call_soon_threadsafe(self, callback: Callable[..., Any], *args: Any) -> None:
        self._scheduler.post(self._lane, callback, *args)

    def call_later(self, delay: float, callback: Callable[..., Any], *args: Any) -> Timer:
        return self._scheduler.later(delay, self._lane, callback, *args)

    def add_reader(self, descriptor: int, callback: Callable[..., Any], /) -> None:
        self._readers[descriptor] = callback

    def remove_reader(self, descriptor: int, /) -> None:
        del self._readers[descriptor]

    def add_writer(self, descriptor: int, callback: Callable[..., Any], /) -> None:
        raise AssertionError("a simulated server takes all at once")

    def remove_writer(self, descriptor: int, /) -> None:
        raise AssertionError("a simulated server takes all at once")

    def readable(self, descriptor: int) -> None:
        """Something has come."""
        if (callback := self._readers.get(descriptor)) is not None:
            self._scheduler.post(self._lane, callback)


class VirtualLane:
    """One process's writer or reader thread: one job at a time, each after a wait drawn by chance."""

    def __init__(
        self, scheduler: Scheduler, chance: random.Random, lane: Lane, answer_to: VirtualReactor
    ) -> None:
        self._scheduler, self._chance, self._lane, self._reactor = scheduler, chance, lane, answer_to
        self._jobs: deque[tuple[Callable[[], Any], Callable[[Any, BaseException | None], None]]] = deque()
        self._busy = False

    def do(self, call: Callable[[], Any], then: Callable[[Any, BaseException | None], None]) -> None:
        self._jobs.append((call, then))
        if not self._busy:
            self._busy = True
            self._next()

    def _next(self) -> None:
        self._scheduler.later(self._chance.uniform(0.0, WRITER_SECONDS), self._lane, self._serve)

    def _serve(self) -> None:
        call, then = self._jobs.popleft()
        result, failure = None, None
        try:
            result = call()
        except Exception as error:  # every error belongs to whoever asked
            failure = error
        self._reactor.call_soon_threadsafe(then, result, failure)
        self._busy = bool(self._jobs)
        if self._busy:
            self._next()

    def close(self) -> None:
        self._jobs.clear()
