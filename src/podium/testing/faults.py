"""What can go wrong, and how often: drawn anew for each seed, so that most worlds lack most faults.

A world in which everything fails all the time hides more than it shows (nothing gets far), so each seed
switches most kinds off and draws a rate of its own for the others.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from enum import Enum

import msgspec

from ..errors import StoreFatal, StoreUnavailable


class Fault(str, Enum):
    """What may befall one store call."""

    FAIL_BEFORE = "fail before"  # StoreUnavailable, nothing happened
    APPLY_THEN_FAIL = "apply then fail"  # it happened, but the caller is told that nobody knows
    UNKNOWN_BEFORE = "unknown, not applied"  # the same words, and it did not happen
    KILL_BEFORE = "kill before"
    KILL_AFTER = "kill after"
    PAUSE_BEFORE = "pause before"  # the process stands still for a while, the others go on
    PAUSE_AFTER = "pause after"
    FATAL = "failed sync"  # StoreFatal: this process may not write again

    def __str__(self) -> str:
        return self.value


class Trouble(str, Enum):
    """What may befall a process, or all of them, between calls."""

    CRASH = "crash"
    FREEZE = "freeze"
    STOP = "clean stop"
    JUMP = "clock jump"
    LOCK = "foreign write lock"  # somebody else holds SQLite's write lock for a while
    OUTAGE = "store outage"  # every call of everybody fails for a while

    def __str__(self) -> str:
        return self.value


class Weather(msgspec.Struct, frozen=True):
    """The faults of one world. `calls`: chance per store call; `troubles`: relative weights."""

    calls: Mapping[Fault, float] = {}
    troubles: Mapping[Trouble, float] = {}
    trouble_seconds: float = 3.0  # mean time from one trouble to the next
    skew_seconds: float = 0.0  # wall clocks differ by up to so much
    planned: Mapping[int, Fault] = {}  # by number of the store call, instead of by chance


CALM = Weather()
# Exponents of ten between which a kind's rate is drawn.
_RATES: Mapping[Fault, tuple[float, float]] = {
    Fault.PAUSE_BEFORE: (-2.5, -1.2),
    Fault.PAUSE_AFTER: (-2.5, -1.2),
    Fault.KILL_BEFORE: (-3.0, -1.5),
    Fault.KILL_AFTER: (-3.0, -1.5),
    Fault.FATAL: (-3.0, -1.5),
}


def draw_weather(chance: random.Random) -> Weather:
    """The faults of a seed's world."""
    calls: dict[Fault, float] = {}
    for fault in Fault:
        if chance.random() < 0.35:
            calls[fault] = 10 ** chance.uniform(*_RATES.get(fault, (-3.0, -0.7)))
    troubles = {trouble: chance.random() for trouble in Trouble if chance.random() < 0.4}
    return Weather(
        calls=calls,
        troubles=troubles,
        trouble_seconds=10 ** chance.uniform(-0.3, 1.0),
        skew_seconds=chance.choice((0.0, 0.5, 30.0)),
    )


def refuse(fault: Fault | None, call: str) -> None:
    """Raise what a store says of a call before it has done anything, or has not done it at all."""
    if fault is Fault.FAIL_BEFORE:
        raise StoreUnavailable(f"{call}: simulated, not applied")
    if fault is Fault.UNKNOWN_BEFORE:
        raise unknown(f"{call}: simulated, not applied but nobody knows")
    if fault is Fault.FATAL:
        raise StoreFatal(f"{call}: simulated failed sync")


def lose(fault: Fault | None, call: str) -> None:
    """Raise that nobody knows of a call which was done."""
    if fault is Fault.APPLY_THEN_FAIL:
        raise unknown(f"{call}: simulated, applied but nobody knows")


def unknown(text: str) -> StoreUnavailable:
    """Nobody knows whether it was applied."""
    error = StoreUnavailable(text)
    error.unknown = True
    return error


def draw_fault(weather: Weather, chance: random.Random) -> Fault | None:
    """What befalls the next store call."""
    for fault, rate in weather.calls.items():
        if chance.random() < rate:
            return fault
    return None
