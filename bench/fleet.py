"""Workers on one PostgreSQL of the bench's own: how long from a start in one process to the body in another,
and what more workers bring on tasks that wait. `python -m bench.fleet`."""

from __future__ import annotations

import statistics
import tempfile
import time
from contextlib import closing
from pathlib import Path

from tests.postgres import cluster
from tests.processes.support import FLOWS, Host

STARTS = 60
STEPS, SECONDS = 20, 0.1
SLOTS = 4
ROUNDS = 2  # as many runs as there are slots, so many times


def starting(host: Host) -> float:
    """Seconds at the median from a start to the first line of the body, which another process runs."""
    host.worker(FLOWS)
    host.ended(host.start(f"{FLOWS}:relay", steps=1, seconds=0.0))
    took: list[float] = []
    for _ in range(STARTS):
        before = time.time()
        run = host.start(f"{FLOWS}:relay", steps=1, seconds=0.0)
        host.ended(run)
        took.append(next(line.at for line in host.lines() if line.run == run) - before)
    return statistics.median(took)


def waiting(host: Host, workers: int) -> float:
    """Steps a second of runs whose tasks only wait, with so many workers of a few slots each."""
    for _ in range(workers):
        host.worker(FLOWS, "-c", str(SLOTS))
    count = ROUNDS * SLOTS * workers
    began = time.monotonic()
    runs = [host.start(f"{FLOWS}:relay", steps=STEPS, seconds=SECONDS) for _ in range(count)]
    for run in runs:
        host.ended(run, seconds=120)
    return count * STEPS / (time.monotonic() - began)


def main() -> None:
    with cluster() as server, tempfile.TemporaryDirectory() as folder:
        for workers in (0, 1, 2, 4, 8):
            place = Path(folder, str(workers))
            place.mkdir()
            with closing(Host(place, server.new_database())) as host:
                if workers:
                    rate, most = waiting(host, workers), workers * SLOTS / SECONDS
                    print(
                        f"{workers} workers of {SLOTS} slots: {rate:,.0f} steps/s, {rate / most:.0%} of what"
                        " their slots can do",
                        flush=True,
                    )
                else:
                    print(f"start to body in another process: {starting(host) * 1000:.1f} ms at the median")


if __name__ == "__main__":
    main()
