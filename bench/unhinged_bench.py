"""The workloads on unhinged with its defaults (SQLite, WAL, full sync), each as it is fastest there.
`python -m bench.unhinged_bench W1 --data DIR`.

Its worker polls (a quarter of a second until it sees a run), so rates begin with the first step of the first
run and not with the call: that is to its favour. Its best worker for many runs has one thread.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from statistics import median
from typing import Any

from unhinged import AsyncUnhinged, Unhinged

from .cli import arguments
from .measure import emit, peak_rss_mb, written_bytes
from .payload import MEGABYTE, megabyte_of_text
from .workloads import LONG_RUNS, LONG_STEPS, check, size

STEPS = 10  # of each of the many runs


class Clock:
    """When the first step began and the last run ended; `ended` is set by the last of `runs`."""

    def __init__(self, runs: int) -> None:
        self.began, self.took, self._left = 0.0, 0.0, runs
        self.ended = threading.Event()

    def begin(self) -> None:
        self.began = self.began or time.perf_counter()

    def end(self) -> None:
        self._left -= 1
        if not self._left:
            self.took = time.perf_counter() - self.began
            self.ended.set()


def in_background(work: Callable[[], Any]) -> None:
    threading.Thread(target=work, daemon=True).start()


def plain(data: Path, runs: int, steps: int) -> float:
    """Seconds of so many runs of dependent steps, plain functions, a worker of one thread."""
    app, clock = Unhinged(str(data), queue_name="q"), Clock(runs)

    @app.register_task("chain")
    def chain(params: dict[str, int], ctx: Any) -> int:
        clock.begin()
        value = 0
        for i in range(params["n"]):
            value = ctx.step(f"s{i}", lambda value=value: value + 1)
        check(value, params["n"])
        clock.end()
        return value

    for _ in range(runs):
        app.spawn("chain", {"n": steps})
    in_background(lambda: app.start_worker(concurrency=1))
    clock.ended.wait()
    return clock.took


async def awaited(data: Path, steps: int) -> float:
    """Seconds of one run of dependent steps, async functions."""

    async def inc(x: int) -> int:
        return x + 1

    async def chain(params: dict[str, int], ctx: Any) -> None:
        value = 0
        for i in range(params["n"]):
            value = await ctx.step(f"s{i}", lambda value=value: inc(value))
        check(value, params["n"])

    return await alone(data, chain, steps)


async def large(data: Path, steps: int) -> float:
    """Seconds of one run of steps whose results are large."""

    async def text() -> str:
        return megabyte_of_text()

    async def chain(params: dict[str, int], ctx: Any) -> None:
        last = ""
        for i in range(params["n"]):
            last = await ctx.step(f"s{i}", text)
        check(len(last), MEGABYTE)

    return await alone(data, chain, steps)


async def alone(data: Path, body: Callable[[dict[str, int], Any], Awaitable[None]], steps: int) -> float:
    """Seconds of one run of an async function, from its first step on."""
    app, clock = AsyncUnhinged(str(data), queue_name="q"), Clock(1)

    @app.register_task("chain")
    async def chain(params: dict[str, int], ctx: Any) -> None:
        clock.begin()
        await body(params, ctx)
        clock.end()

    app.spawn("chain", {"n": steps})
    await app.start_worker(concurrency=1, poll_interval=0.01, stop_when_idle=True)
    return clock.took


def fan_out(data: Path, tasks: int) -> float:
    """Seconds of one run that starts so many others in a queue of their own, and sums their results."""
    path = str(data)
    parents, clock = Unhinged(path, queue_name="parents"), Clock(1)
    children = Unhinged(path, queue_name="children")

    @children.register_task("inc")
    def inc(params: dict[str, int], ctx: Any) -> int:
        return params["x"] + 1

    @parents.register_task("fan")
    def fan(params: dict[str, int], ctx: Any) -> int:
        clock.begin()
        started = [children.spawn("inc", {"x": i})["task_id"] for i in range(params["n"])]
        total = 0
        for task in started:
            snapshot = ctx.await_task_result(task, queue_name="children")
            total += snapshot.result
        check(total, params["n"] * (params["n"] + 1) // 2)
        clock.end()
        return total

    parents.spawn("fan", {"n": tasks})
    in_background(lambda: children.start_worker(concurrency=1, poll_interval=0.01))
    in_background(lambda: parents.start_worker(concurrency=1, claim_timeout=3600))
    clock.ended.wait()
    return clock.took


def measure(workload: str, scale: float, data: Path) -> None:
    """Print the rows of one workload."""

    def rate(metric: str, count: int, seconds: float, n: int) -> None:
        emit("unhinged", workload, metric, count / seconds, n)

    def store(name: str = "unhinged") -> Path:
        return data / f"{name}.db"

    match workload:
        case "W1" | "W1-sync":
            n = size(1000, scale)
            asynchronous = workload == "W1"
            taken = [
                asyncio.run(awaited(store(), n)) if asynchronous else plain(store(f"plain-{turn}"), 1, n)
                for turn in range(4)
            ]
            rate("steps_per_s", n, median(taken[1:]), n)
        case "W2-100":
            n = size(1000, scale)
            rate("steps_per_s", n * STEPS, plain(store(), n, STEPS), n)
        case "W2-long":
            runs, steps = LONG_RUNS, size(LONG_STEPS, scale)
            before = written_bytes()
            rate("steps_per_s", runs * steps, plain(store(), runs, steps), steps)
            emit("unhinged", workload, "bytes_per_step", (written_bytes() - before) / (runs * steps), steps)
        case "W3-gather":
            n = size(10_000, scale)
            rate("tasks_per_s", n, fan_out(store(), n), n)
            emit("unhinged", workload, "peak_rss_mb", peak_rss_mb(), n)
        case "W8":
            n = size(100, scale)
            taken = [asyncio.run(large(store(), n)) for _ in range(3)]
            rate("mb_per_s", n, median(taken), n)
            emit("unhinged", workload, "peak_rss_mb", peak_rss_mb(), n)
        case _:
            raise SystemExit(f"unhinged has no workload {workload}")


def main() -> None:
    """Run one workload in this process."""
    options = arguments()
    options.data.mkdir(parents=True, exist_ok=True)
    measure(options.workload, options.scale, options.data)
    sys.stdout.flush()
    os._exit(0)  # its workers never end


if __name__ == "__main__":
    main()
