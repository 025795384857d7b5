"""The monitor: which step comes when. The only part that knows Podium.

A failed check stores nothing, and a retry of it (`podium retry RUN`) retrieves nothing again: each page is on
record. `podium worker examples.monitor.flow` keeps the schedule. MONITOR_URL and MONITOR_FILE say what of,
MONITOR_EVERY how often, MONITOR_GAP what is let through without a reading ("12h"), PODIUM_CHANNEL_OPS whom it
tells when a look fails or is late.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
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
def check(found: list[readings.Reading]) -> list[readings.Reading]:
    """The same readings, if they can be trusted: by what holds now, also in a retry."""
    hours = float(os.environ.get("MONITOR_GAP", "6h").removesuffix("h"))
    return readings.check(found, timedelta(hours=hours))


@dataclass(frozen=True)
class Report:
    """What one look came to."""

    instant: str  # that it was scheduled for
    retrieved: int
    stored: int
    low: int  # readings below the limit
    episodes: int

    def __str__(self) -> str:
        return (
            f"{self.instant}: {self.retrieved:,} retrieved, {self.stored:,} stored, "
            f"{self.low:,} below {readings.LOW:g}, {self.episodes} episodes"
        )


@task
def place() -> tuple[str, str]:
    """The table to read and the file to write."""
    return os.environ["MONITOR_URL"], os.environ.get("MONITOR_FILE", "monitor.db")


@workflow(
    schedule=every(os.environ.get("MONITOR_EVERY", "15m"), catch_up="all"),
    alerts=[alert.failed("ops"), alert.late("30m", "ops")],
)
async def monitor() -> Report:
    """Retrieve, transform and check, store."""
    table, file = place()
    rows: list[tuple[str, float]] = []
    address: str | None = source.first_page(table)
    while address is not None:
        page = retrieve(address)
        rows += page.rows
        address = page.next
    checked = check(transform(rows))
    stored = store(file, checked)
    cold = find_episodes(checked)
    podium.measure("machine.lowest", min(each.degrees for each in checked))
    podium.measure("machine.episodes", len(cold))
    instant = f"{podium.scheduled_for():%Y-%m-%d %H:%M:%S}"
    return Report(instant, len(rows), stored, sum(each.readings for each in cold), len(cold))
