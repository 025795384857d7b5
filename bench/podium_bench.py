"""The workloads on Podium with its defaults: an SQLite file with full sync, or a database that is named.

`python -m bench.podium_bench W1 --data DIR [--url postgresql://…]`.
"""

from __future__ import annotations

import asyncio
import importlib
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from podium import Options, task, workflow

from .cli import arguments
from .measure import emit, peak_rss_mb
from .workers import Staff
from .workloads import Peer, check, run


@task
async def inc(x: int) -> int:
    return x + 1


@task
def inc_sync(x: int) -> int:
    return x + 1


@workflow
async def chain(n: int) -> int:
    value = 0
    for _ in range(n):
        value = await inc(value)
    return value


@workflow
def chain_sync(n: int) -> int:
    value = 0
    for _ in range(n):
        value = inc_sync(value)
    return value


@workflow
async def fan(n: int) -> int:
    return sum(await asyncio.gather(*(inc(i) for i in range(n))))


@workflow
async def fan_map(n: int) -> int:
    return sum(await inc.map(range(n)))


@workflow
async def sleeper(seconds: float) -> int:
    await asyncio.sleep(seconds)
    return 1


@task
async def die_once(flag: str) -> None:
    """Kill this process, unless an earlier one already died here."""
    try:
        os.close(os.open(flag, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return
    os.kill(os.getpid(), signal.SIGKILL)


@workflow
async def interrupted(n: int, flag: str) -> int:
    value = 0
    for _ in range(n):
        value = await inc(value)
    await die_once(flag)
    return value


async def large(n: int) -> int:
    """From a module of its own: `bench.turns` measures checkouts that have no such values."""
    blobs: Any = importlib.import_module("bench.podium_blobs")
    return await blobs.large(n)


async def start_sleeper(seconds: float) -> None:
    await sleeper.start(seconds).started()


@workflow
async def stamp() -> float:
    return time.time()  # podium: replay-safe: it says when the body began, and nothing rests on it


@task
def held(path: str) -> None:
    """Say who holds it, until somebody else does."""
    with open(path, "a") as file:
        file.write(f"{os.getpid()} {time.monotonic()}\n")
    while Path(path).read_text().count("\n") < 2:
        time.sleep(0.01)


@workflow
def holding(path: str) -> None:
    held(path)


STAFF = Staff(
    argv=(sys.executable, "-m", "podium", "worker", "bench.podium_bench"),
    ready="serves",
    enqueue=stamp.run,
    hold=lambda path: holding.start(str(path)).id,
    lease=Options().lease,
)

PEER = Peer(
    "podium",
    chain,
    fan,
    chain_sync=chain_sync,
    fan_map=fan_map,
    large=large,
    sleeper=start_sleeper,
    package="podium",
    module="bench.podium_bench",
    replays=True,
    staff=STAFF,
)


def resume(steps: int, data: Path) -> None:
    """Start the run, or pick up the one an earlier process left behind, and say how long its result took."""
    begin = time.perf_counter()
    check(interrupted.options(id="interrupted").run(steps, str(data / "died")), steps)
    emit("podium", "replay", "resume_s", time.perf_counter() - begin, steps)
    emit("podium", "replay", "peak_rss_mb", peak_rss_mb(), steps)


async def measured(workload: str, scale: float, data: Path) -> None:
    await run(PEER, workload, scale, data)
    if workload == "W7":  # an hour of sleep lies ahead of every run; they have told what we wanted to know
        sys.stdout.flush()
        os._exit(0)


def main() -> None:
    """Run one workload in this process."""
    options = arguments()
    options.data.mkdir(parents=True, exist_ok=True)
    os.environ["PODIUM_URL"] = options.url or f"sqlite:///{options.data / 'podium.db'}"
    os.environ["PODIUM_PROJECT"] = "bench"
    if options.workload == "workers":
        os.environ["PODIUM_ENGINE"] = "off"  # this process asks, the workers do
    if options.workload == "resume":
        resume(options.steps, options.data)
    else:
        asyncio.run(measured(options.workload, options.scale, options.data))


if __name__ == "__main__":
    main()
