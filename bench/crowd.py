"""A hundred thousand tasks of one workflow on a PostgreSQL of the bench's own, of which one in a hundred
fails: that all are told apart, and the memory that it took. `python -m bench.crowd`.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time

from podium import App, task, workflow
from tests.postgres import cluster

from .measure import child_env, peak_rss_mb

EACH = 100  # of so many one fails


@task
async def odd_one(n: int) -> int:
    if n % EACH == 0:
        raise ValueError(f"{n} will not do")
    return n


@workflow
async def crowd(count: int) -> tuple[int, int]:
    """How many went well, and how many did not."""
    found = await odd_one.map(range(count), on_error="return")
    failed = sum(isinstance(one, Exception) for one in found)
    return len(found) - failed, failed


def measured(url: str, count: int) -> str:
    """What a process says that drives the workflow."""
    began = time.perf_counter()
    with App(url):
        well, failed = crowd.run(count)
    assert (well, failed) == (count - count // EACH, count // EACH), (well, failed)
    seconds = time.perf_counter() - began
    return f"{count:,} tasks, {failed:,} of them failed: {seconds:.0f} s, at most {peak_rss_mb():.0f} MB"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.crowd", description=__doc__)
    parser.add_argument("--tasks", type=int, default=100_000)
    parser.add_argument("--mb", type=int, default=768, help="fail where it takes more")
    parser.add_argument("--url", help="a database that is there; this process drives the workflow")
    given = parser.parse_args()
    if given.url:
        print(measured(given.url, given.tasks))
        return int(peak_rss_mb() > given.mb)
    with cluster() as server:
        words = ["--tasks", str(given.tasks), "--mb", str(given.mb), "--url", server.new_database()]
        command = [sys.executable, "-m", "bench.crowd", *words]
        return subprocess.run(command, env=child_env(), check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
