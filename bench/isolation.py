"""python -m bench.isolation: what a task with a process of its own costs, beside one in a thread and beside
the standard library's pool, which records nothing.

One line each: the first call (the process starts), a warm call, calls of all slots at once, 16 MiB there and
back, and the memory of an idle process.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from podium import App, task, workflow

CALLS = 500
LARGE = 16 * 2**20


def inc(x: int) -> int:
    return x + 1


def same(data: bytes) -> bytes:
    return data


def resident(_: int) -> int:
    """Bytes in memory here."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


inc_process = task(inc, name="inc-process", isolation="process")
inc_thread = task(inc, name="inc-thread")
same_process = task(same, name="same-process", isolation="process")
same_thread = task(same, name="same-thread")
resident_process = task(resident, name="resident-process", isolation="process")


@workflow
def chain(isolated: bool, calls: int) -> int:
    value = 0
    for _ in range(calls):
        value = inc_process(value) if isolated else inc_thread(value)
    return value


@workflow
async def fan(isolated: bool, calls: int) -> int:
    start = inc_process.start if isolated else inc_thread.start
    return sum(await asyncio.gather(*(start(n) for n in range(calls))))


@workflow
def carry(isolated: bool, data: bytes) -> int:
    return len(same_process(data) if isolated else same_thread(data))


@workflow
def weigh() -> int:
    return resident_process(0)


def seconds(act: Callable[..., Any], *args: Any) -> float:
    """How long a call takes."""
    began = time.perf_counter()
    act(*args)
    return time.perf_counter() - began


def row(name: str, first: float, warm: list[float], wide: float, large: float) -> None:
    """Print what was measured."""
    print(
        f"{name:24} first {first * 1e3:6.0f} ms   warm {statistics.median(warm) / CALLS * 1e6:6.0f} us   "
        f"{CALLS / wide:7.0f}/s at once   16 MiB there and back {large * 1e3:5.0f} ms"
    )


def main() -> None:
    """Measure and print."""
    data = os.urandom(LARGE)
    with tempfile.TemporaryDirectory() as folder, App(Path(folder, "podium.db")):
        chain.run(False, 1)
        for name, isolated in (("a thread", False), ('isolation="process"', True)):
            first = seconds(chain.run, isolated, 1)
            size = weigh.run() / 2**20 if isolated else 0.0
            warm = [seconds(chain.run, isolated, CALLS) for _ in range(3)]
            row(name, first, warm, seconds(fan.run, isolated, CALLS), seconds(carry.run, isolated, data))
        print(f"each process has {size:.0f} MiB")
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        first = seconds(lambda: pool.submit(inc, 1).result())
        warm = [seconds(lambda: [pool.submit(inc, n).result() for n in range(CALLS)]) for _ in range(3)]
        wide = seconds(lambda: list(pool.map(inc, range(CALLS))))
        row("ProcessPoolExecutor", first, warm, wide, seconds(lambda: pool.submit(same, data).result()))


if __name__ == "__main__":
    main()
