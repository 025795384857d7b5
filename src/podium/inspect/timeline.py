"""A run over time, in parts: how many attempts of each function were under way, however many there are."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from ..model import Entry, Kind
from .dates import iso
from .progress import place

_ATTEMPTS = (Kind.RESULT, Kind.ERROR, Kind.RETRY)


class TimelineGroup(msgspec.Struct, frozen=True, kw_only=True):
    """The attempts of one function. `quantiles`: of their seconds the median, 95 %, 99 % and the most;
    `bins`: how many were under way at some time in each part of the span."""

    function: str
    attempts: int
    failed: int
    retried: int
    quantiles: tuple[float, float, float, float]
    begin: str | None
    end: str | None
    bins: list[int]


class Timeline(msgspec.Struct, frozen=True, kw_only=True):
    """A span of a run, in parts of `bin` seconds. Without attempts there are no groups."""

    begin: str | None
    end: str | None
    bin: float
    groups: list[TimelineGroup]
    version: int = 1


def timeline(entries: Iterable[Entry], bins: int, begin: float | None, end: float | None) -> Timeline:
    """Attempts that are on record, between two times: by default from the first to the last."""
    attempts: dict[str, list[Entry]] = {}
    for entry in entries:
        inside = (begin is None or entry.at >= begin) and (end is None or entry.began <= end)
        if entry.kind in _ATTEMPTS and entry.began and inside:
            attempts.setdefault(place(entry)[1], []).append(entry)
    every = [entry for group in attempts.values() for entry in group]
    if not every:
        return Timeline(begin=iso(begin), end=iso(end), bin=0.0, groups=[])
    low = min(entry.began for entry in every) if begin is None else begin
    high = max(entry.at for entry in every) if end is None else end
    width = max(high - low, 1e-6) / bins
    groups = [_group(function, group, bins, low, width) for function, group in attempts.items()]
    return Timeline(begin=iso(low), end=iso(high), bin=width, groups=groups)


def _group(function: str, entries: list[Entry], bins: int, low: float, width: float) -> TimelineGroup:
    seconds = sorted(max(0.0, entry.at - entry.began) for entry in entries)
    steps = [0] * (bins + 1)  # how many more begin than ended, at each part
    for entry in entries:
        first, last = (min(bins - 1, max(0, int((at - low) / width))) for at in (entry.began, entry.at))
        steps[first] += 1
        steps[last + 1] -= 1
    under_way, count = [0] * bins, 0
    for number in range(bins):
        count += steps[number]
        under_way[number] = count
    return TimelineGroup(
        function=function,
        attempts=len(entries),
        failed=sum(entry.kind is Kind.ERROR for entry in entries),
        retried=sum(entry.kind is Kind.RETRY for entry in entries),
        quantiles=(_at(seconds, 50), _at(seconds, 95), _at(seconds, 99), seconds[-1]),
        begin=iso(min(entry.began for entry in entries)),
        end=iso(max(entry.at for entry in entries)),
        bins=under_way,
    )


def _at(ordered: list[float], percent: int) -> float:
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]
