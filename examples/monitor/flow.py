"""The monitor: which step comes when. The only part that knows Podium.

A failed check stores nothing, and a retry of it (`podium retry RUN`) retrieves nothing again: each page is on
record. `podium worker examples.monitor.flow` keeps the schedule; MONITOR_URL and MONITOR_FILE say what of.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import podium
from podium import Retry, cron, task, workflow

from . import readings, source, warehouse

retrieve = task(retries=Retry(times=4, wait=0.5, factor=2, on=source.Unavailable), timeout=60)(
    source.retrieve
)
transform = task(readings.transform)
check = task(readings.check)
find_episodes = task(readings.episodes)
store = task(retries=3)(warehouse.store)


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


@workflow(schedule=cron("*/15 * * * *", catch_up="all"))
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
    instant = f"{podium.scheduled_for():%Y-%m-%d %H:%M}"
    return Report(instant, len(rows), stored, sum(each.readings for each in cold), len(cold))
