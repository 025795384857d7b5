"""The one place that reads a clock, draws a number or an id, or starts a thread.

An `Env` is passed in everywhere, so that the simulator can stand in for time and chance. A lint test
bans the direct modules elsewhere.
"""

from __future__ import annotations

import base64
import functools
import os
import random
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from . import changes
from .shortage import shortage_of

_DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford base 32: no i, l, o, u
_PAIRS = [high + low for high in _DIGITS for low in _DIGITS]
_DIGIT_OF_BYTE = _DIGITS.encode() * 8


STEP_SECONDS = 0.005  # two clocks that differ by no more are in step
_PIECES = 128  # of the system's chance that are drawn in one go
_PIECE_BYTES = 12
_PIECES_SECONDS = 1.0  # for which they are good


class Env(Protocol):
    """Time, chance and threads."""

    def now(self) -> float:
        """UTC seconds since the epoch; never goes back within a process, whatever the wall clock does."""
        ...

    def follow(self, clock: Callable[[], float | None]) -> None:
        """Go by another clock from now on, which is asked here (UTC seconds; None: there is none); again now
        and then, since clocks drift. Raises what it raises."""
        ...

    def monotonic(self) -> float:
        """Seconds of a clock that only runs forward, for waiting and for observing others."""
        ...

    def uniform(self, low: float, high: float) -> float:
        """A random number between low and high, for jitter."""
        ...

    def new_id(self) -> str:
        """A fresh id: 18 characters, time-ordered, unique across processes."""
        ...

    def secret(self) -> str:
        """24 hex digits of chance, for what others must not guess."""
        ...

    def spawn(self, target: Callable[..., Any], *args: Any, name: str) -> threading.Thread:
        """Start a daemon thread. Raises ResourceShortage."""
        ...


def seconds_asleep() -> float:
    """How long this machine was suspended since it booted; 0.0 where the system does not tell."""
    boottime = getattr(time, "CLOCK_BOOTTIME", None)  # Linux: it goes on meanwhile, the other does not
    if boottime is None:
        return 0.0
    return time.clock_gettime(boottime) - time.clock_gettime(time.CLOCK_MONOTONIC)


def is_stopped(pid: int) -> bool:
    """Whether a process of this host is stopped; False where the system does not say (no /proc)."""
    try:
        stat = Path(os.sep, "proc", str(pid), "stat").read_text("utf-8", "replace")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] in ("T", "t")


def new_secret() -> str:
    """43 characters of chance, for what must not be guessed."""
    return base64.urlsafe_b64encode(os.urandom(32)).rstrip(b"=").decode()


def encode_id(milliseconds: int, chance: int) -> str:
    """9 base-32 characters of time (45 bits) and 9 of chance (45 bits)."""
    return f"{_time_of_id(milliseconds)}{_base_32(chance, 9)}"


def _time_of_id(milliseconds: int) -> str:
    last = milliseconds & 0x7FFF  # every start needs one, and for half a minute the rest is the same
    return f"{_half_minute(milliseconds >> 15)}{_PAIRS[last >> 5]}{_DIGITS[last & 31]}"


@functools.lru_cache(1)
def _half_minute(number: int) -> str:
    return _base_32(number, 6)


def _base_32(number: int, digits: int) -> str:
    """Its last so many."""
    return "".join([_DIGITS[number >> 5 * place & 31] for place in reversed(range(digits))])


class _Chance:
    """The system's chance, drawn for many starts in one go: to ask there lets go of the interpreter, and who
    starts a hundred runs waited two hundred times for the engine's thread to give it back.

    What is left over is thrown away after a second, and in a forked child at once. So a process that goes on
    twice, as one of a machine's snapshot does, does not draw the same twice for longer than that.
    """

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._drawn = 0.0  # by the wall clock, which knows that a snapshot was taken long ago

    def forget(self) -> None:
        """Give away nothing that is drawn already."""
        self._pieces = []

    def piece(self) -> bytes:
        """12 bytes that nobody else gets. Any thread."""
        if abs(time.time() - self._drawn) > _PIECES_SECONDS:
            self._draw()
        while True:
            try:
                return self._pieces.pop()
            except IndexError:  # used up, maybe by other threads
                self._draw()

    def _draw(self) -> None:
        drawn = os.urandom(_PIECES * _PIECE_BYTES)
        self._pieces = [drawn[at : at + _PIECE_BYTES] for at in range(0, len(drawn), _PIECE_BYTES)]
        self._drawn = time.time()


_chance = _Chance()
changes.at_fork(
    "chance",
    when=changes.DECLARED,
    why="a forked process draws ids of its own",
    in_child=_chance.forget,
)


class RealEnv:
    """The machine's own clocks and randomness."""

    def __init__(self) -> None:
        # Of the wall clock; one number, so that no thread ever sees half of it.
        self._offset = time.time() - time.monotonic()
        self._least: float | None = None  # that `now` tells of a clock that is followed; None: of none
        # The system's, which has no state here: a fork would copy it, and draw what its parent draws.
        self._chance = random.SystemRandom()

    def now(self) -> float:
        # A wall clock set back must not stretch a durable sleep, so elapsed time is the floor; one set
        # forward is followed, because after a laptop's sleep that is the truth, and for good.
        mono = time.monotonic()
        elapsed = mono + self._offset
        if self._least is not None:  # the machine's clock may be set; what was asked is carried on without it
            return max(elapsed, self._least)
        wall = time.time()
        if wall <= elapsed:
            return elapsed
        self._offset = wall - mono
        return wall

    def follow(self, clock: Callable[[], float | None]) -> None:
        before = time.monotonic()
        theirs = clock()
        after = time.monotonic()
        if theirs is None:
            return
        error = (after - before) / 2
        theirs += error
        if self._least is None:
            self._least = 0.0  # nothing has been told by this clock yet
        elif abs(theirs - self.now()) <= error + STEP_SECONDS:
            return  # no more than such a look can be wrong
        else:
            self._least = self.now()  # where we were ahead, time stands still until it is true
        self._offset = theirs - after

    monotonic = staticmethod(time.monotonic)  # asked for at every turn: no frame of ours around it

    def uniform(self, low: float, high: float) -> float:
        return self._chance.uniform(low, high)

    def uuid4(self) -> uuid.UUID:
        """A random UUID, for verbs called outside of workflows."""
        return uuid.uuid4()

    def random(self) -> random.Random:
        """A freshly seeded generator, for the same."""
        return random.Random(self._chance.getrandbits(64))

    def new_id(self) -> str:
        chance = _chance.piece()[3:].translate(_DIGIT_OF_BYTE).decode()  # 5 bits of each byte
        return f"{_time_of_id(int(self.now() * 1000))}{chance}"

    def secret(self) -> str:
        return _chance.piece().hex()

    def spawn(self, target: Callable[..., Any], *args: Any, name: str) -> threading.Thread:
        thread = threading.Thread(target=target, args=args, name=name, daemon=True)
        try:
            thread.start()
        except (RuntimeError, MemoryError) as error:
            raise shortage_of(error) or error from error
        return thread
