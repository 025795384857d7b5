"""W4-process: what passes between processes. A client puts runs in line, workers drive them, some are killed.

`start`: from the call in this process to the first line of the task in a worker's. `recovery`: from the
SIGKILL of a worker to the next line of one of its runs in another.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from podium import App, task, workflow
from podium.model import Query, State

from .measure import ROOT, child_env, emit, percentile

WORKERS = 3
KILLS = 9
SAMPLES = 300


@task
def clock() -> float:
    return time.time()


@workflow
def stamp() -> float:
    return clock()


@task
def beat(number: int, paper: str) -> int:
    """A line in a file, after 10 ms."""
    time.sleep(0.01)
    with open(paper, "a", encoding="utf-8") as ledger:
        ledger.write(f"{os.getpid()} {time.time()}\n")
    return number


@workflow
def relay(steps: int, paper: str) -> int:
    return sum(beat(number, paper) for number in range(steps))


@contextmanager
def worker(data: Path) -> Iterator[subprocess.Popen[str]]:
    """One more process that drives runs of this module."""
    process = subprocess.Popen(
        [sys.executable, "-m", "podium", "worker", "bench.processes"],
        cwd=ROOT, env=child_env(PODIUM_URL=os.environ["PODIUM_URL"]), stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr is not None
    for _ in range(3):
        process.stderr.readline()
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def measure(scale: float, data: Path) -> None:
    """Both, in a store of their own."""
    with App(engine=False) as app:
        started(max(10, int(SAMPLES * scale)), data)
        recovered(app, max(3, int(KILLS * scale)), data)


def started(samples: int, data: Path) -> None:
    latencies: list[float] = []
    with worker(data):
        stamp.run()
        for _ in range(samples):
            time.sleep(0.01)  # the worker is idle again
            before = time.time()
            latencies.append((stamp.run() - before) * 1000)
    for percent in (50, 99):
        emit("podium", "W4-process", f"start_p{percent}_ms", percentile(latencies, percent), samples)


def recovered(app: App, kills: int, data: Path) -> None:
    recoveries: list[float] = []
    for number in range(kills):
        paper = data / f"ledger-{number}"
        with worker(data) as first, worker(data) as second:
            run = relay.start(200, str(paper))
            time.sleep(1.0)  # both have seen each other
            owners = {row.id: row.pid for row in app.store.engines()}
            (row,) = app.find(Query(states=frozenset({State.RUNNING})))
            victim = first if owners[row.owner or ""] == first.pid else second
            killed = time.time()
            victim.kill()
            run.result(30)
        lines = (line.split() for line in paper.read_text("utf-8").splitlines())
        went_on = next(float(at) for pid, at in lines if int(pid) != victim.pid)
        recoveries.append((went_on - killed) * 1000)
    emit("podium", "W4-process", "recovery_p50_ms", percentile(recoveries, 50), kills)
