"""What sleeping runs and long histories cost: `python -m tests.chaos.sleepers --runs 100000`.

Sleepers: so many runs that wait for a due time far away, in a process that goes on living. Memory is what
the process has above what it had idle, with an engine and one run done; the processor's share is measured
over quiet seconds. Replay: histories of growing length, each replayed by a fresh engine; the time per
doubling may grow by a factor of 2.6 at most.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import sys
import tempfile
import threading
import time
import tracemalloc
from collections import Counter
from itertools import pairwise
from pathlib import Path
from types import FrameType

import apsw
import psutil

from podium import App, Options, task, workflow
from podium.model import State

BYTES_MAX = 60e6  # for 100,000 sleepers
CPU_MAX = 0.01
WINDOWS = 3
DOUBLING_MAX = 2.6
DUE = 86_400.0
WIDTH = 50  # of the fans that a long history is made of
PATIENCE = 600.0
AT_ONCE = 2_000  # starts on their way at once


@task
async def step(number: int) -> int:
    return number


@workflow
async def sleeper(number: int) -> int:
    first = await step(number)
    await asyncio.sleep(DUE)
    return first


calls: Counter[str] = Counter()
marks: list[float] = []  # the engine thread's processor time when `long` begins, when its past is behind it


@workflow
async def long(length: int, gate: str) -> int:
    """So many steps, then one that waits for the file `gate`."""
    marks.append(time.thread_time())  # podium: replay-safe
    total = 0
    for first in range(0, length, WIDTH):
        total += sum(await step.map(range(first, first + WIDTH)))
    return total + await past(gate)


@task
async def past(gate: str) -> int:
    marks.append(time.thread_time())
    while not Path(gate).exists():
        await asyncio.sleep(0.01)
    return 0


async def put_to_sleep(store: Path, until: int, numbers: range) -> None:
    """Start them and wait until all of that number sleep, apart from the store's own connections."""
    await asyncio.gather(*[sleeper.start(number).started() for number in numbers])
    connection = apsw.Connection(str(store), flags=apsw.SQLITE_OPEN_READONLY)
    asleep = "SELECT count(*) FROM runs WHERE owner IS NULL AND state = 'waiting'"
    while next(connection.execute(asleep))[0] < until:
        await asyncio.sleep(0.02)
    connection.close()


def share_of_processor(process: psutil.Process, seconds: float) -> float:
    before = process.cpu_times()
    time.sleep(seconds)
    after = process.cpu_times()
    return (after.user + after.system - before.user - before.system) / seconds


def sleepers(store: Path, count: int, seconds: float, trace: bool) -> tuple[float, float]:
    """Bytes above idle, and the share of one processor that they cost."""
    process = psutil.Process()
    with App(store):
        asyncio.run(put_to_sleep(store, AT_ONCE, range(AT_ONCE)))  # what the first ones bring is idle
        gc.collect()
        idle = process.memory_info().rss
        if trace:
            tracemalloc.start(8)
        began = time.perf_counter()
        for first in range(AT_ONCE, count, AT_ONCE):
            last = min(count, first + AT_ONCE)
            asyncio.run(put_to_sleep(store, last, range(first, last)))
        took = time.perf_counter() - began
        gc.collect()
        grown = process.memory_info().rss - idle
        if trace:
            for line in tracemalloc.take_snapshot().statistics("lineno")[:15]:
                print(line)
        # What they cost, they cost in each window; what a crowded machine adds is not in all of them.
        cpu = min(share_of_processor(process, seconds) for _ in range(WINDOWS))
    print(f"{count} sleepers: {grown / 1e6:.1f} MB above idle, {cpu:.2%} of a processor over {seconds:g} s,"
          f" put to sleep in {took:.1f} s")  # fmt: skip
    return grown, cpu


def replay(store: Path, length: int, count: bool) -> float:
    """What a fresh engine takes to replay a history of this length: processor seconds, or calls."""
    gate = store.parent / f"gate-{length}"
    with App(store, options=Options(grace=0.0)) as app:
        run = long.options(id=f"long-{length}").start(length, str(gate))
        while app.load(run.id).entries < length:
            time.sleep(0.05)
    marks.clear()
    calls.clear()
    gate.touch()
    threading.setprofile(_count if count else None)
    try:
        with App(store) as app:
            assert app.wait(run.id).result(PATIENCE).state is State.SUCCEEDED
    finally:
        threading.setprofile(None)
    began, ended = marks
    took = float(calls.total()) if count else ended - began
    print(f"replay of {length} steps: {took:,.0f} calls" if count else
          f"replay of {length} steps: {took:.2f} s, {1e6 * took / length:.0f} µs a step")  # fmt: skip
    return took


def _count(_frame: FrameType, event: str, _argument: object) -> None:
    if len(marks) == 1 and event in ("call", "c_call"):
        calls[event] += 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--steps", type=int, default=100_000, help="of the longest history; 0: none")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--count", action="store_true", help="judge the replay by calls, not by time")
    parser.add_argument("--trace", action="store_true", help="show who holds the memory")
    options = parser.parse_args()
    held = True
    with tempfile.TemporaryDirectory() as folder:
        if options.runs:
            grown, cpu = sleepers(Path(folder, "sleepers.db"), options.runs, options.seconds, options.trace)
            held = grown < BYTES_MAX * max(options.runs / 100_000, 0.2) and cpu < CPU_MAX
        if options.steps:
            lengths = [options.steps // 4, options.steps // 2, options.steps]
            times = [replay(Path(folder, "long.db"), length, options.count) for length in lengths]
            ratios = [longer / shorter for shorter, longer in pairwise(times)]
            print("ratio per doubling:", ", ".join(f"{ratio:.2f}" for ratio in ratios))
            held = held and max(ratios) <= DOUBLING_MAX
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
