"""Transforms and checks readings. Knows what can be true of what is read, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

QUIET = timedelta(hours=1)  # low readings further apart are two episodes
Rows = list[tuple[str, float | None]]  # when, and what was read: None, nothing


class Untrusted(Exception):
    """The readings cannot be right: nothing of them is to be stored."""


@dataclass(frozen=True)
class Limits:
    """What is to be expected of readings."""

    low: float  # below, something is wrong
    least: float  # outside of these two nothing is to be trusted
    most: float
    gap: timedelta  # without any reading: likewise


LIMITS = {
    "machine": Limits(50, -50, 200, timedelta(hours=6)),  # degrees
    "co2": Limits(300, 250, 600, timedelta(weeks=26)),  # parts of a million in air, a reading a week
}


@dataclass(frozen=True)
class Reading:
    """One reading."""

    at: datetime
    value: float


@dataclass(frozen=True)
class Episode:
    """A time of low readings."""

    begin: datetime
    end: datetime
    readings: int


def transform(rows: Rows) -> list[Reading]:
    """Readings in order, one for each instant: of those recorded twice the later record counts."""
    found = {datetime.fromisoformat(at): value for at, value in rows if value is not None}
    return [Reading(at, found[at]) for at in sorted(found)]


def check(readings: list[Reading], limits: Limits) -> list[Reading]:
    """The same readings. Raises Untrusted for a gap, or a value that cannot be."""
    for before, after in pairwise(readings):
        if after.at - before.at > limits.gap:
            raise Untrusted(f"no reading from {before.at} to {after.at}")
    for each in readings:
        if not limits.least < each.value < limits.most:
            raise Untrusted(f"{each.value} at {each.at}")
    return readings


def episodes(readings: list[Reading], low: float) -> list[Episode]:
    """The times at which values were too low."""
    found: list[Episode] = []
    for each in readings:
        if each.value >= low:
            continue
        if found and each.at - found[-1].end <= QUIET:
            last = found.pop()
            found.append(Episode(last.begin, each.at, last.readings + 1))
        else:
            found.append(Episode(each.at, each.at, 1))
    return found
