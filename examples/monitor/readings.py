"""Transforms and checks readings. Knows temperatures alone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

LOW = 50.0  # degrees; below, something is wrong
QUIET = timedelta(hours=1)  # low readings further apart are two episodes
GAP = timedelta(hours=6)  # without any reading: nothing of it is to be trusted


class Untrusted(Exception):
    """The readings cannot be right: nothing of them is to be stored."""


@dataclass(frozen=True)
class Reading:
    """One reading of the machine."""

    at: datetime
    degrees: float


@dataclass(frozen=True)
class Episode:
    """A time of low readings."""

    begin: datetime
    end: datetime
    readings: int


def transform(rows: list[tuple[str, float]]) -> list[Reading]:
    """Readings in order, one for each instant: of those recorded twice the later record counts."""
    found = {datetime.fromisoformat(at): degrees for at, degrees in rows}
    return [Reading(at, found[at]) for at in sorted(found)]


def check(readings: list[Reading], gap: timedelta = GAP) -> list[Reading]:
    """The same readings. Raises Untrusted for a gap, or a temperature that no machine has."""
    for before, after in pairwise(readings):
        if after.at - before.at > gap:
            raise Untrusted(f"no reading from {before.at} to {after.at}")
    for each in readings:
        if not -50 < each.degrees < 200:
            raise Untrusted(f"{each.degrees} degrees at {each.at}")
    return readings


def episodes(readings: list[Reading]) -> list[Episode]:
    """The times at which the machine was too cold."""
    found: list[Episode] = []
    for each in readings:
        if each.degrees >= LOW:
            continue
        if found and each.at - found[-1].end <= QUIET:
            last = found.pop()
            found.append(Episode(last.begin, each.at, last.readings + 1))
        else:
            found.append(Episode(each.at, each.at, 1))
    return found
