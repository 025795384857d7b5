"""The workloads, and the one way in which every engine is measured on them.

Every task is `x + 1`, so that only the engine is measured. Each workload runs in a process of its own on a
fresh store on disk, with the engine's default durability; the engine is warm (one run has gone through it)
unless the workload is about starting.

=========== ==========================================================================================
name        what
=========== ==========================================================================================
W1          one async workflow of 1,000 dependent steps of an async task: steps/s. Four in a row: the first
            meets a store whose write-ahead log still grows (a dearer flush), the median of the others is
            what a store in use gives
W1-sync     the same with a plain workflow and a plain task
W2-100      1,000 workflows of 10 dependent steps, 100 of them in flight: steps/s, run latency
W2-1000     the same, all 1,000 in flight
W2-long     100 workflows of 1,000 dependent steps, taking turns: steps/s, bytes written per
            step. Long histories are where an index costs
W3-gather   one workflow, 10,000 parallel tasks under `asyncio.gather`, then their sum: tasks/s, peak RSS
W3-map      the same with `task.map`, where the engine has it
W4          start to result of a one-step workflow, one after the other: latency, from async and sync callers
W5          time of the import in a fresh interpreter; hello world (one run, one step) as a whole process,
            on a new store and on one that exists
W7          100,000 runs that sleep for an hour: memory above idle, processor time while they sleep,
            measured in the very process that started them
W8          one workflow of 100 dependent steps whose results are 1 MB each, incompressible and all different:
            MB/s, peak RSS. As bytes, in Podium by reference (`Blob`); as text where the engine keeps JSON
replay      a run dies (SIGKILL) after 25,000, 50,000 and 100,000 recorded steps; a fresh process picks it
            up and finishes it: time from the call to the result, which is linear if the time per step
            stays the same
workers     two worker processes on one file and a client (`bench/workers.py`): from enqueueing here to the
            body there; processor time of an idle worker; a worker that holds a run is killed or frozen: how
            long until another goes on with it
=========== ==========================================================================================

Rates count what the user asked for (steps of the workflow), never rows or internal events. A run's latency
is what its caller sees. `scale` makes every size smaller by a factor; the row's `n` tells the size used.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from . import workers
from .measure import (
    ROOT,
    child_env,
    cpu_percent,
    emit,
    import_ms,
    peak_rss_mb,
    percentile,
    rss_mb,
    settle,
    wall_ms,
    written_bytes,
)
from .payload import MEGABYTE
from .workers import Staff

LONG_RUNS, LONG_STEPS = 100, 1000

Work = Callable[[int], Awaitable[int]]  # how many steps or tasks -> the workflow's result


@dataclass(frozen=True)
class Peer:
    """An engine under test: its functions as users would call them. None: the engine has no such thing."""

    name: str
    chain: Work  # async workflow of n dependent steps, run to its result
    fan: Work  # async workflow, n parallel tasks, gathered and summed
    chain_sync: Callable[[int], int] | None = None
    fan_map: Work | None = None
    large: Work | None = None  # async workflow of n steps whose results are 1 MB: the size of the last
    sleeper: Callable[[float], Awaitable[object]] | None = None  # acknowledged start of a run that sleeps
    package: str = ""  # for W5; hello world is the module bench.<name>_hello
    module: str = ""  # the peer's own main module, for W5 and replay
    replays: bool = False
    staff: Staff | None = None


def rate(peer: Peer, workload: str, metric: str, count: int, seconds: float, n: int) -> None:
    emit(peer.name, workload, metric, count / seconds, n)


def latency(peer: Peer, workload: str, metric: str, seconds: list[float]) -> None:
    for percent in (50, 99):
        emit(
            peer.name, workload, f"{metric}_p{percent}_ms", percentile(seconds, percent) * 1000, len(seconds)
        )


def check(got: int, expected: int) -> None:
    if got != expected:
        raise AssertionError(f"the workflow returned {got}, not {expected}: nothing here was measured")


async def sequential(peer: Peer, scale: float) -> None:
    n = size(1000, scale)
    first, *later = [await timed(peer.chain, n) for _ in range(4)]
    rate(peer, "W1", "new_store_steps_per_s", n, first, n)
    rate(peer, "W1", "steps_per_s", n, median(later), n)


async def timed(chain: Work, n: int) -> float:
    begin = time.perf_counter()
    check(await chain(n), n)
    return time.perf_counter() - begin


def sequential_sync(peer: Peer, chain_sync: Callable[[int], int], scale: float) -> None:
    n = size(1000, scale)
    taken: list[float] = []
    for _ in range(4):
        begin = time.perf_counter()
        check(chain_sync(n), n)
        taken.append(time.perf_counter() - begin)
    rate(peer, "W1-sync", "steps_per_s", n, median(taken[1:]), n)


async def burst(peer: Peer, workload: str, flight: int, scale: float) -> None:
    n, steps = size(1000, scale), 10
    taken: list[float] = []
    gate = asyncio.Semaphore(flight)

    async def one() -> None:
        async with gate:
            begin = time.perf_counter()
            check(await peer.chain(steps), steps)
            taken.append(time.perf_counter() - begin)

    begin = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(n)))
    rate(peer, workload, "steps_per_s", n * steps, time.perf_counter() - begin, n)
    latency(peer, workload, "run", taken)


async def long_runs(peer: Peer, scale: float) -> None:
    steps = size(LONG_STEPS, scale)
    before = written_bytes()
    begin = time.perf_counter()
    for got in await asyncio.gather(*(peer.chain(steps) for _ in range(LONG_RUNS))):
        check(got, steps)
    rate(peer, "W2-long", "steps_per_s", LONG_RUNS * steps, time.perf_counter() - begin, steps)
    emit(peer.name, "W2-long", "bytes_per_step", (written_bytes() - before) / (LONG_RUNS * steps), steps)


async def fan_out(peer: Peer, workload: str, fan: Work, scale: float) -> None:
    n = size(10_000, scale)
    before = rss_mb()
    begin = time.perf_counter()
    check(await fan(n), n * (n + 1) // 2)
    rate(peer, workload, "tasks_per_s", n, time.perf_counter() - begin, n)
    emit(peer.name, workload, "peak_rss_mb", peak_rss_mb(), n)
    emit(peer.name, workload, "rss_growth_mb", peak_rss_mb() - before, n)


async def one_step(peer: Peer, scale: float) -> None:
    taken: list[float] = []
    for _ in range(size(500, scale) + 20):
        begin = time.perf_counter()
        check(await peer.chain(1), 1)
        taken.append(time.perf_counter() - begin)
    latency(peer, "W4", "async_caller", taken[20:])
    if peer.chain_sync:
        await asyncio.to_thread(one_step_sync, peer, peer.chain_sync, scale)


def one_step_sync(peer: Peer, chain_sync: Callable[[int], int], scale: float) -> None:
    taken: list[float] = []
    for _ in range(size(500, scale) + 20):
        begin = time.perf_counter()
        check(chain_sync(1), 1)
        taken.append(time.perf_counter() - begin)
    latency(peer, "W4", "sync_caller", taken[20:])


def startup(peer: Peer, scratch: Path, scale: float) -> None:
    """Medians of fresh processes; the first of each kind is thrown away (cold page cache, no .pyc)."""
    n = max(3, size(7, scale))
    hello = [sys.executable, "-m", f"bench.{peer.name}_hello"]
    imports = [import_ms(peer.package) for _ in range(n + 1)][1:]
    fresh = [wall_ms([*hello, str(scratch / f"new{turn}.db")], child_env()) for turn in range(n + 1)][1:]
    again = [wall_ms([*hello, str(scratch / "new0.db")], child_env()) for _ in range(n)]
    command = [str(Path(sys.executable).parent / peer.package), "--help"]
    help = [wall_ms(command, child_env()) for _ in range(n + 1)][1:]
    for metric, values in (
        ("import_ms", imports),
        ("hello_new_store_ms", fresh),
        ("hello_again_ms", again),
        ("help_ms", help),
    ):
        emit(peer.name, "W5", metric, percentile(values, 50), n)


async def sleeping(peer: Peer, scale: float) -> None:
    assert peer.sleeper
    n, flight = size(100_000, scale), 500
    await settle()
    idle = rss_mb()
    begin = time.perf_counter()
    for first in range(0, n, flight):
        await asyncio.gather(*(peer.sleeper(3600.0) for _ in range(min(flight, n - first))))
    rate(peer, "W7", "starts_per_s", n, time.perf_counter() - begin, n)
    await settle()
    emit(peer.name, "W7", "rss_above_idle_mb", rss_mb() - idle, n)
    emit(peer.name, "W7", "rss_above_idle_kb_per_run", (rss_mb() - idle) * 1024 / n, n)
    emit(peer.name, "W7", "idle_cpu_percent", await cpu_percent(10), n)


async def large_results(peer: Peer, large: Work, scale: float) -> None:
    n = size(100, scale)
    taken: list[float] = []
    for _ in range(3):
        begin = time.perf_counter()
        check(await large(n), MEGABYTE)
        taken.append(time.perf_counter() - begin)
    rate(peer, "W8", "mb_per_s", n, median(taken), n)
    emit(peer.name, "W8", "peak_rss_mb", peak_rss_mb(), n)


def replay(peer: Peer, scratch: Path, scale: float) -> None:
    """The first child kills itself once its steps are on disk; the second prints its rows."""
    for full in (25_000, 50_000, 100_000):
        argv = [sys.executable, "-m", peer.module, "resume", "--steps", str(size(full, scale))]
        argv += ["--data", str(scratch / str(full))]
        first = subprocess.run(
            argv, env=child_env(), cwd=ROOT, stdout=subprocess.DEVNULL, check=False, timeout=300
        )
        if first.returncode != -9:
            raise RuntimeError(f"the first process was to die by SIGKILL, it ended with {first.returncode}")
        subprocess.run(argv, env=child_env(), cwd=ROOT, check=True, timeout=300)


def size(full: int, scale: float) -> int:
    return max(1, round(full * scale))


async def run(peer: Peer, workload: str, scale: float, scratch: Path) -> None:
    """Measure one workload on one engine and print its rows. `scratch` is an empty directory on disk."""
    if workload not in ("W5", "replay", "workers"):
        check(await peer.chain(1), 1)  # opens the store and warms the engine
    match workload:
        case "W1":
            await sequential(peer, scale)
        case "W1-sync" if peer.chain_sync:
            # In a thread, because a sync caller has no loop around it.
            await asyncio.to_thread(sequential_sync, peer, peer.chain_sync, scale)
        case "W2-100":
            await burst(peer, workload, 100, scale)
        case "W2-1000":
            await burst(peer, workload, 1000, scale)
        case "W2-long":
            await long_runs(peer, scale)
        case "W3-gather":
            await fan_out(peer, workload, peer.fan, scale)
        case "W3-map" if peer.fan_map:
            await fan_out(peer, workload, peer.fan_map, scale)
        case "W4":
            await one_step(peer, scale)
        case "W5" if peer.package:
            startup(peer, scratch, scale)
        case "W7" if peer.sleeper:
            await sleeping(peer, scale)
        case "W8" if peer.large:
            await large_results(peer, peer.large, scale)
        case "workers" if peer.staff:
            await asyncio.to_thread(workers.measure, peer.name, peer.staff, scratch, scale)
        case "replay" if peer.replays:
            replay(peer, scratch, scale)
        case _:
            raise SystemExit(f"{peer.name} has no workload {workload}")
