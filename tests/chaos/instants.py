"""Schedules by real workers: `python -m tests.chaos.instants --seconds 60 --schedules 10000`.

Three workers keep a schedule of one second and are killed again and again: each instant has one run. Then one
worker has so many schedules that are all due at one minute: each is fired within it.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import apsw

from podium.client.schedules import schedules
from podium.model import SCHEDULE, Query
from tests.processes.support import Host
from tests.waiting import until

PAUSE_MAX = 5.0  # seconds from kill to kill
PATIENCE = 300.0  # s
LEAD = timedelta(seconds=45)  # in which all schedules are put on record before they are due
WITHIN = 60.0  # seconds
BEATS = """
import podium

@podium.workflow(schedule=podium.every(1, catch_up="all", overlap="allow"))
def beat() -> str:
    return podium.scheduled_for().isoformat()
"""
TENANTS = """
from podium import cron, workflow

@workflow(schedule=[cron({when!r}, args={{"n": n}}) for n in range({count})])
def tenant(n: int) -> int:
    return n
"""


def beats(folder: Path, seconds: float) -> bool:
    """The instants for which runs were started are all there were, each once."""
    host, chance, kills = Host(folder), random.Random(1), 0
    try:
        host.write("beats", BEATS)
        for _ in range(3):
            host.worker("beats")
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            time.sleep(PAUSE_MAX * chance.random())
            chance.choice([each for each in host.workers if each.process.poll() is None]).kill()
            kills += 1
            host.worker("beats")
        (ours,) = schedules(host.app)
        ours.pause()
        until(lambda: _count(host, "beats:beat") == _count(host, "beats:beat", "succeeded"))
        (ours,) = schedules(host.app)
        rows = host.app.find(Query(function="beats:beat", limit=10_000))
    finally:
        host.close()
    at = sorted(datetime.fromisoformat(row.id.rpartition("@")[2]).timestamp() for row in rows)
    expected, standing = list(ours.schedule.between(at[0] - 1, at[-1])), ours.standing
    print(f"3 workers, {kills} of them killed in {seconds:g} s: {len(at)} runs for {len(expected)} instants,"
          f" {standing.missed} missed, {standing.skipped} skipped")  # fmt: skip
    return at == expected and len(at) >= seconds and not standing.missed


def tenants(folder: Path, count: int) -> bool:
    """All are fired within the minute in which they are due."""
    host = Host(folder)
    due = (datetime.now(UTC) + LEAD).replace(second=0, microsecond=0) + timedelta(minutes=1)
    try:
        host.write("tenants", TENANTS.format(when=f"{due:%M %H * * *}", count=count))
        host.worker("tenants")
        until(lambda: _count(host, SCHEDULE) == count, seconds=PATIENCE)
        print(f"{count} schedules are on record {due.timestamp() - time.time():.0f} s before they are due")
        time.sleep(max(0.0, due.timestamp() - time.time()))
        until(lambda: _count(host, "tenants:tenant", "succeeded") == count, seconds=PATIENCE)
        rows = host.app.find(Query(function="tenants:tenant", limit=2 * count))
    finally:
        host.close()
    begun = sorted(row.created - due.timestamp() for row in rows)
    print(f"fired from {begun[0]:.1f} to {begun[-1]:.1f} s after the instant, half of them by"
          f" {begun[count // 2]:.1f} s")  # fmt: skip
    return len(rows) == count and begun[-1] < WITHIN


def _count(host: Host, function: str, state: str = "%") -> int:
    """How many runs there are; the next look is after a pause, for workers need the processor."""
    time.sleep(0.25)
    with closing(apsw.Connection(str(host.folder / "podium.db"), flags=apsw.SQLITE_OPEN_READONLY)) as store:
        count = "SELECT count(*) FROM runs WHERE function = ? AND state LIKE ?"
        found: int = store.execute(count, (function, state)).get  # pyright: ignore[reportUnknownMemberType]  # of apsw
        return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--schedules", type=int, default=10_000)
    options = parser.parse_args()
    held = True
    with tempfile.TemporaryDirectory() as folder:
        for name, prove, given in (("beats", beats, options.seconds), ("many", tenants, options.schedules)):
            place = Path(folder) / name
            place.mkdir()
            held = prove(place, given) and held if given else held
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
