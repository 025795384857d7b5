"""What composing runs costs: `python -m bench.composition [--scale 0.1]`.

children  one run starts so many others by `map` and sums their results: children/s at half the number and at
          the whole (time is linear if the two are the same), memory of the process at both
again     one run that begins so many generations, one after the other: generations/s, memory
send      a signal from another process to a run that waits for it here, one after the other: milliseconds
          from before the send to after the receive, by the clock that all processes of a host share
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from podium import App, Run, get, receive, task, workflow

from .measure import ROOT, child_env, emit, peak_rss_mb, percentile

CHILDREN, GENERATIONS, SIGNALS = 10_000, 1000, 300
RECEIVER = "receiver"
latencies: list[float] = []


@workflow
async def child(x: int) -> int:
    return x + 1


@workflow
async def parent(n: int) -> int:
    return sum(await child.map(range(n)))


@task
async def inc(x: int) -> int:
    return x + 1


@workflow
async def poll(left: int) -> int:
    value = await inc(left - 1)
    return poll.again(value - 1) if left else value


@task
async def arrived(sent: float) -> None:
    latencies.append((time.time() - sent) * 1000)


@workflow
async def receiver(n: int) -> int:
    for _ in range(n):
        await arrived(await receive("tick", float))
    return n


def family(scale: float) -> None:
    for share in (0.5, 1.0):
        number = max(10, round(CHILDREN * scale * share))
        seconds = timed(lambda number=number: check(parent.run(number), number * (number + 1) // 2))
        emit("podium", "children", "children_per_s", number / seconds, number)
        emit("podium", "children", "peak_rss_mb", peak_rss_mb(), number)


def generations(scale: float) -> None:
    for share in (0.5, 1.0):
        number = max(10, round(GENERATIONS * scale * share))
        seconds = timed(lambda number=number: check(poll.run(number), 0))
        emit("podium", "again", "generations_per_s", number / seconds, number)
        emit("podium", "again", "peak_rss_mb", peak_rss_mb(), number)


def signals(scale: float) -> None:
    """The sender is a process of its own, which drives nothing."""
    number = max(10, round(SIGNALS * scale))
    run = receiver.options(id=RECEIVER).start(number)
    sender = [sys.executable, "-m", "bench.composition", "--send", str(number)]
    subprocess.run(sender, env=child_env(), cwd=ROOT, check=True)
    check(run.result(60), number)
    for percent in (50, 95):
        emit("podium", "send", f"send_to_receive_p{percent}_ms", percentile(latencies, percent), number)


def send(number: int) -> None:
    with App(drives="nothing"):
        run: Run[object] = get(RECEIVER)
        for _ in range(number):
            run.send("tick", time.time())
            time.sleep(0.01)  # one under way at a time


def timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def check(found: int, expected: int) -> None:
    if found != expected:
        raise AssertionError(f"{found} instead of {expected}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.composition")
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--only", choices=("children", "again", "send"))
    parser.add_argument("--send", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.send:
        send(options.send)
        return
    measures = {"children": family, "again": generations, "send": signals}
    if options.only is None:  # each in a process of its own, on a store of its own
        for name in measures:
            one = [sys.executable, "-m", "bench.composition", "--only", name, "--scale", str(options.scale)]
            subprocess.run(one, cwd=ROOT, check=True)
        return
    tools = ROOT / ".tools"
    tools.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=tools) as scratch:
        os.environ["PODIUM_URL"] = f"sqlite:///{Path(scratch) / 'podium.db'}"
        with App():
            check(poll.run(1), 0)
            measures[options.only](options.scale)


if __name__ == "__main__":
    main()
