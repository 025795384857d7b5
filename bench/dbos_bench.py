"""The workloads on dbos with its defaults (an SQLite file). `python -m bench.dbos_bench W1 --data DIR`."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from dbos import DBOS

from .cli import arguments
from .workloads import Peer, run


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


async def start_sleeper(seconds: float) -> None:
    await DBOS.start_workflow_async(sleeper, seconds)


PEER = Peer("dbos", chain, fan, chain_sync=chain_sync, sleeper=start_sleeper, package="dbos")


def main() -> None:
    """Run one workload in this process."""
    options = arguments()
    options.data.mkdir(parents=True, exist_ok=True)
    if options.workload != "W5":
        DBOS(
            config={
                "name": "bench",
                "system_database_url": f"sqlite:///{options.data / 'dbos.db'}",
                "log_level": "ERROR",
            }
        )
        DBOS.launch()
    asyncio.run(measured(options.workload, options.scale, options.data))
    DBOS.destroy()


async def measured(workload: str, scale: float, data: Path) -> None:
    await run(PEER, workload, scale, data)
    if workload == "W7":  # the sleepers hold this process for an hour; they have told what we wanted to know
        sys.stdout.flush()
        os._exit(0)


if __name__ == "__main__":
    main()
