"""Series of measured points, read."""

from __future__ import annotations

from typing import Any

from ...model import Measure, MeasureBin, MeasureQuery, SeriesRow
from .finding import FindingReader
from .statements import SQL


class MeasureReader(FindingReader):
    """The looks of a handle, those at series among them."""

    def series(self) -> list[SeriesRow]:
        return [SeriesRow(*row) for row in self.search(SQL["series"])]

    def measures(self, query: MeasureQuery) -> list[Measure]:
        found = self.search(SQL["measures"], _wanted(query))
        return [Measure(*row) for row in reversed(found)]

    def measure_bins(self, query: MeasureQuery, width: float) -> list[MeasureBin]:
        found = self.search(SQL["measure_bins"], {**_wanted(query), "width": float(width)})
        return [MeasureBin(*row) for row in found]


def _wanted(query: MeasureQuery) -> dict[str, Any]:
    return {
        "series": query.series, "tags": list(query.tags), "since": float(query.since),
        "until": float(query.until), "limit": query.limit,
    }  # fmt: skip
