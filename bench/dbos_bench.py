"""The workloads on dbos with its defaults: an SQLite file, or a database that is named.

`python -m bench.dbos_bench W1 --data DIR [--url postgresql://…]`.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path

from dbos import DBOS, DBOSClient, EnqueueOptions

from .cli import arguments
from .payload import megabyte
from .workers import Staff
from .workloads import Peer, run

VERSION = "bench"  # of the application: a worker takes only what was enqueued for its own


@DBOS.step()
async def inc(x: int) -> int:
    return x + 1


@DBOS.step()
def inc_sync(x: int) -> int:
    return x + 1


@DBOS.workflow()
async def chain(n: int) -> int:
    value = 0
    for _ in range(n):
        value = await inc(value)
    return value


@DBOS.workflow()
def chain_sync(n: int) -> int:
    value = 0
    for _ in range(n):
        value = inc_sync(value)
    return value


@DBOS.workflow()
async def fan(n: int) -> int:
    return sum(await asyncio.gather(*(inc(i) for i in range(n))))


@DBOS.workflow()
async def sleeper(seconds: float) -> int:
    await DBOS.sleep_async(seconds)
    return 1


@DBOS.step()
async def blob(_: int) -> bytes:
    return megabyte()


@DBOS.workflow()
async def large(n: int) -> int:
    last = b""
    for i in range(n):
        last = await blob(i)
    return len(last)


async def start_sleeper(seconds: float) -> None:
    await DBOS.start_workflow_async(sleeper, seconds)


@DBOS.workflow()
async def stamp() -> float:
    return time.time()


def staff(data: Path, url: str) -> Staff:
    """It takes nothing over from a process that ended: only one with that process's identity would."""

    def enqueue() -> float:
        options: EnqueueOptions = {
            "queue_name": "bench",
            "workflow_name": stamp.__qualname__,
            "app_version": VERSION,
        }
        return DBOSClient(system_database_url=url).enqueue(options).get_result()

    argv = (sys.executable, "-m", "bench.dbos_bench", "serve", "--data", str(data), "--url", url)
    return Staff(argv, ready="serves", enqueue=enqueue, enqueues=40)


def serve() -> None:
    """As a worker, until it is killed."""
    DBOS.register_queue("bench")
    print("serves", flush=True)
    signal.pause()


PEER = Peer("dbos", chain, fan, chain_sync=chain_sync, large=large, sleeper=start_sleeper, package="dbos")


def main() -> None:
    """Run one workload in this process."""
    options = arguments()
    options.data.mkdir(parents=True, exist_ok=True)
    url = options.url or f"sqlite:///{options.data / 'dbos.db'}"
    if options.workload not in ("W5", "workers"):
        DBOS(
            config={
                "name": "bench",
                "system_database_url": url,
                "log_level": "ERROR",
                "application_version": VERSION,
            }
        )
        DBOS.launch()
    if options.workload == "serve":
        serve()
    asyncio.run(measured(options.workload, options.scale, options.data, url))
    DBOS.destroy()


async def measured(workload: str, scale: float, data: Path, url: str) -> None:
    await run(replace(PEER, staff=staff(data, url)), workload, scale, data)
    if workload == "W7":  # the sleepers hold this process for an hour; they have told what we wanted to know
        sys.stdout.flush()
        os._exit(0)


if __name__ == "__main__":
    main()
