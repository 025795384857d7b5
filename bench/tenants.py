"""Two tenants in one queue on PostgreSQL: how long the small one waits, alone and beside a large one.

`python -m bench.tenants`; the large one has a hundred times its load. Alone, a task of the small one finds a
free slot. Beside the large one all are taken, and it waits until a task there ends, whatever the order:
so what is compared is how long a task takes from its start to its end. `--at-most 2` makes it a proof.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

from podium import codec
from podium.model import NewRun, Write
from tests.postgres import cluster
from tests.processes.support import Host

from .measure import percentile

WORKERS, CONCURRENCY, SECONDS = 2, 8, 0.05
EVERY = 0.25  # s between two tasks of the small one
MODULE = f"""
import os, time
from podium import Queue, idempotency_key, task

@task(queue=Queue("shared", concurrency={CONCURRENCY}))
def work(n: int) -> None:
    with open(os.environ["LEDGER"], "a") as ledger:
        ledger.write(f"{{idempotency_key()}} {{os.getpid()}} {{time.time()}}\\n")
    time.sleep({SECONDS})
"""


def queue(host: Host, tenant: str, count: int) -> list[str]:
    """Put tasks in line; their ids."""
    now = host.app.env.now()
    args, digest = codec.encode_call({"n": 0}, where="work")
    new = [
        NewRun(
            host.app.env.new_id(), "tenants:work", args, digest, now, queue="shared", lane=tenant, rank=now
        )
        for _ in range(count)
    ]
    host.app.store.commit(None, [Write(new_runs=tuple(new))])
    return [run.id for run in new]


def waits(folder: Path, url: str, small: int, big: int) -> list[float]:
    """Seconds from a start to the body, of each task of the small tenant."""
    folder.mkdir()
    with closing(Host(folder, url)) as host:
        host.write("tenants", MODULE)
        (folder / "pyproject.toml").write_text('[project]\nname = "bench"\n')
        for _ in range(WORKERS):
            host.worker("tenants")
        if big:
            queue(host, "big", big)
        started: dict[str, float] = {}
        for _ in range(small):
            (run,) = queue(host, "small", 1)
            started[run] = time.time()
            time.sleep(EVERY)
        for run in started:
            host.ended(run, seconds=60)
        return [line.at - started[line.run] for line in host.lines() if line.run in started]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=100, help="of the small tenant")
    parser.add_argument("--at-most", type=float, help="fail where p99 to the end grows by more, e.g. 2")
    options = parser.parse_args()
    with cluster() as server, tempfile.TemporaryDirectory() as name:
        alone, beside = (
            percentile(waits(Path(name, str(big)), server.new_database(), options.tasks, big), 99)
            for big in (0, 100 * options.tasks)
        )
    grown = (beside + SECONDS) / (alone + SECONDS)
    print(
        f"a task of the small tenant waits: p99 {alone * 1000:.0f} ms alone, {beside * 1000:.0f} ms beside"
        f" 100 times its load; to its end, {SECONDS * 1000:.0f} ms later, it takes {grown:.2f} x as long"
    )
    return int(options.at_most is not None and grown > options.at_most)


if __name__ == "__main__":
    sys.exit(main())
