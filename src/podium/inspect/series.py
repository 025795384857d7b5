"""Series in stretches of time: what a sparkline and a chart show, however many points there are."""

from __future__ import annotations

import math

import msgspec

from ..model import Measure, MeasureBin, MeasureQuery
from .dates import iso
from .store_view import StoreView


class SeriesShape(msgspec.Struct, frozen=True, kw_only=True):
    """A series as programs get it: by `--json` and by the HTTP API."""

    name: str
    count: int
    first: str | None
    last: str | None
    value: float


class BinShape(msgspec.Struct, frozen=True, kw_only=True):
    """What a series did in a stretch of time that begins at `at`."""

    at: str | None
    count: int
    mean: float
    low: float
    high: float


class SeriesView(msgspec.Struct, frozen=True):
    """One series from `begin` to `end`, in bins of `width` seconds; of the last point what it says."""

    begin: float
    end: float
    width: float
    bins: list[MeasureBin]
    last: Measure | None

    @property
    def count(self) -> int:
        """Points, all together."""
        return sum(each.count for each in self.bins)


def series_shapes(view: StoreView) -> list[SeriesShape]:
    """All series of a store, by name."""
    return [
        SeriesShape(name=row.name, count=row.count, first=iso(row.first), last=iso(row.last), value=row.value)
        for row in view.store.series()
    ]


def bin_shape(each: MeasureBin) -> BinShape:
    """A bin as programs get it."""
    return BinShape(
        at=iso(each.begin), count=each.count, mean=each.total / each.count, low=each.low, high=each.high
    )


def series_view(view: StoreView, query: MeasureQuery, bins: int) -> SeriesView | None:
    """One series in at most so many stretches of the same length; None where it has no points.

    Without `query.since` from its first point on, without `query.until` up to its last one.
    """
    rows = {row.name: row for row in view.store.series()}
    row = rows.get(query.series)
    if row is None:
        return None
    begin = row.first if math.isinf(query.since) else query.since
    end = row.last if math.isinf(query.until) else query.until
    width = max((end - begin) / bins, 1e-3) * (1 + 1e-9)  # so that the last point is in the last bin
    query = msgspec.structs.replace(query, since=begin)
    found = view.store.measure_bins(query, width)
    last = view.store.measures(msgspec.structs.replace(query, limit=1))
    return SeriesView(begin, end, width, found, last[0] if last else None)
