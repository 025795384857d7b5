"""What composing runs costs: `python -m bench.composition [--scale 0.1]`.

children  one run starts so many others by `map` and sums their results: children/s at half the number and at
          the whole (time is linear if the two are the same), memory of the process at both
again     one run that begins so many generations, one after the other: generations/s, memory
send      a signal from another process to a run that waits for it here, one after the other: milliseconds
          from before the send to after the receive, by the clock that all processes of a host share
streams   a task emits so many chunks, 2,000 a second; three other processes read along, one of which leaves
          and comes back: milliseconds from before the emit to after the read, entries of the history
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import podium
from podium import App, Run, get, receive, task, workflow

from .measure import ROOT, child_env, emit, peak_rss_mb, percentile

CHILDREN, GENERATIONS, SIGNALS, CHUNKS = 10_000, 1000, 300, 10_000
RECEIVER, SPEAKER = "receiver", "speaker"
READERS = 3
latencies: list[float] = []
release = threading.Event()


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


@task
async def speak(n: int) -> int:
    await asyncio.to_thread(release.wait)
    for number in range(1, n + 1):
        await podium.emit("chunks", time.time())
        if number % 20 == 0:
            await asyncio.sleep(0.01)
    return n


@workflow
async def speaker(n: int) -> int:
    return await speak(n)


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


def streams(scale: float) -> None:
    number = max(100, round(CHUNKS * scale))
    run = speaker.options(id=SPEAKER).start(number)
    check(run.id == SPEAKER, True)  # it is on record
    readers = [reader(number, leaves=n == 0) for n in range(READERS)]
    for each in readers:
        check(int(line_of(each)), 0)  # it reads
    release.set()
    check(run.result(120), number)
    for n, each in enumerate(readers):
        late = json.loads(line_of(each))
        each.wait(60)
        check(len(late), number)
        name = "reconnecting" if n == 0 else f"reader_{n}"
        emit("podium", "streams", f"{name}_p95_ms", percentile(late, 95), number)
    emit("podium", "streams", "history_entries", len(run.history()), number)


def reader(number: int, leaves: bool) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "bench.composition", "--read", str(number), "--leaves", str(int(leaves))]
    return subprocess.Popen(command, env=child_env(), cwd=ROOT, stdout=subprocess.PIPE, text=True)


def line_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def read(number: int, leaves: bool) -> None:
    """Say the milliseconds of each chunk, all of them, in order; the second half by a connection of its own
    if it `leaves`."""
    late: list[float] = []
    print(0, flush=True)
    for until in (number // 2, number) if leaves else (number,):
        with App(drives="nothing"):
            run: Run[object] = get(SPEAKER)
            for chunk in run.stream("chunks", after=len(late)):
                check(chunk.n, len(late) + 1)
                late.append((time.time() - chunk.value) * 1000)
                if chunk.n == until:
                    break
    print(json.dumps(late))


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
    parser.add_argument("--only", choices=("children", "again", "send", "streams"))
    parser.add_argument("--send", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--read", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--leaves", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.read:
        read(options.read, bool(options.leaves))
        return
    if options.send:
        send(options.send)
        return
    measures = {"children": family, "again": generations, "send": signals, "streams": streams}
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
