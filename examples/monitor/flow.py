"""The monitor: which step comes when. The only part that knows Podium.

A failed check stores nothing, and a retry of it (`podium retry RUN`) retrieves nothing again: each page is on
record. `podium worker examples.monitor.flow` keeps the schedule. MONITOR_URL and MONITOR_FILE say what of,
MONITOR_OF what is read there ("machine", "co2"), MONITOR_EVERY how often, MONITOR_GAP what is let through
without a reading ("12h"), PODIUM_CHANNEL_OPS whom it tells when a look fails or is late.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from datetime import timedelta

import podium
from podium import Retry, alert, every, task, workflow

from . import readings, source, warehouse

retrieve = task(retries=Retry(times=4, wait=0.5, factor=2, on=source.Unavailable), timeout=60)(
    source.retrieve
)
transform = task(readings.transform)
find_episodes = task(readings.episodes)
store = task(retries=3)(warehouse.store)


@task
def check(found: list[readings.Reading], of: str) -> list[readings.Reading]:
    """The same readings, if they can be trusted: by what holds now, also in a retry."""
    limits = readings.LIMITS[of]
    if hours := os.environ.get("MONITOR_GAP", "").removesuffix("h"):
        limits = replace(limits, gap=timedelta(hours=float(hours)))
    return readings.check(found, limits)


@dataclass(frozen=True)
class Report:
    """What one look came to."""

    instant: str  # that it was scheduled for
    retrieved: int
    missing: int  # rows without a value
    stored: int
    limit: float
    low: int  # readings below it
    episodes: int

    def __str__(self) -> str:
        without = f"{self.missing:,} without a value, " if self.missing else ""
        return (
            f"{self.instant}: {self.retrieved:,} retrieved, {without}{self.stored:,} stored, "
            f"{self.low:,} below {self.limit:g}, {self.episodes} episodes"
        )


@task
def place() -> tuple[str, str, str]:
    """The table to read, what of, and the file to write."""
    of = os.environ.get("MONITOR_OF", "machine")
    return os.environ["MONITOR_URL"], of, os.environ.get("MONITOR_FILE", "monitor.db")


@workflow(
    schedule=every(os.environ.get("MONITOR_EVERY", "15m"), catch_up="all"),
    alerts=[alert.failed("ops"), alert.late("30m", "ops")],
)
async def monitor() -> Report:
    """Retrieve, transform and check, store."""
    table, of, file = place()
    rows: readings.Rows = []
    address: str | None = source.first_page(table)
    while address is not None:
        page = retrieve(address)
        rows += page.rows
        address = page.next
    checked = check(transform(rows), of)
    stored = store(file, checked)
    limit = readings.LIMITS[of].low
    cold = find_episodes(checked, limit)
    podium.measure(f"{of}.lowest", min(each.value for each in checked))
    podium.measure(f"{of}.episodes", len(cold))
    instant = f"{podium.scheduled_for():%Y-%m-%d %H:%M:%S}"
    missing, low = sum(value is None for _, value in rows), sum(each.readings for each in cold)
    return Report(instant, len(rows), missing, stored, limit, low, len(cold))
