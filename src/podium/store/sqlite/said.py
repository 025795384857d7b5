"""What runs say while they go on, read: log, progress, streams, series; who decided what; the queues."""

from __future__ import annotations

from ...model import (
    AuditRow,
    LaneDepth,
    LogLine,
    Loss,
    Measure,
    MeasureBin,
    MeasureQuery,
    PublishedValue,
    QueueRow,
    SeriesRow,
    StepProgress,
    StreamChunk,
)
from . import queues
from . import rows as records
from .connections import Connections
from .statements import SQL, rows


class SaidReader:
    """These looks of a handle."""

    _connections: Connections

    def logs(self, run: str, after: int = 0, limit: int = 1000, step: str | None = None) -> list[LogLine]:
        with self._connections.reading() as connection:
            if step is None:
                found = rows(connection, SQL["logs"], (run, after, limit))
            else:
                found = rows(connection, SQL["logs_of_step"], (run, after, step, limit))
            return [LogLine(*row) for row in found]

    def audited(self, before: int | None = None, limit: int = 100, run: str | None = None) -> list[AuditRow]:
        with self._connections.reading() as connection:
            if run is None:
                found = rows(connection, SQL["audited"], (before, limit))
            else:
                found = rows(connection, SQL["audited_of_run"], (run, before, limit))
            return [AuditRow(*row) for row in found]

    def progress(self, run: str) -> list[StepProgress]:
        with self._connections.reading() as connection:
            return [StepProgress(*row) for row in rows(connection, SQL["progress"], (run,))]

    def queues(self) -> list[QueueRow]:
        with self._connections.reading() as connection:
            return queues.read(connection)

    def lanes(self) -> list[LaneDepth]:
        with self._connections.reading() as connection:
            return queues.depths(connection)

    def series(self) -> list[SeriesRow]:
        with self._connections.snapshot() as connection:
            return [SeriesRow(*row) for row in rows(connection, SQL["series"])]

    def measures(self, query: MeasureQuery) -> list[Measure]:
        with self._connections.reading() as connection:
            found = rows(connection, SQL["measures"], records.measured(query))
        return [Measure(*row) for row in reversed(found)]

    def measure_bins(self, query: MeasureQuery, width: float) -> list[MeasureBin]:
        with self._connections.reading() as connection:
            found = rows(connection, SQL["measure_bins"], {**records.measured(query), "width": width})
        return [MeasureBin(*row) for row in found]

    def chunks(self, run: str, name: str, after: int = 0, limit: int = 1000) -> list[StreamChunk]:
        with self._connections.reading() as connection:
            return [StreamChunk(*row) for row in rows(connection, SQL["chunks"], (run, name, after, limit))]

    def streams(self, run: str) -> dict[str, int]:
        with self._connections.reading() as connection:
            return dict(rows(connection, SQL["streams"], (run,)))

    def losses(self, run: str, limit: int = 100) -> list[Loss]:
        with self._connections.reading() as connection:
            return [Loss(*row) for row in rows(connection, SQL["losses"], (run, limit))]

    def values(self, run: str) -> list[PublishedValue]:
        with self._connections.reading() as connection:
            return [PublishedValue(*row) for row in rows(connection, SQL["values"], (run,))]
