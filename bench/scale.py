"""What a load asks of one PostgreSQL, by the model of docs/scale.md; and the model held against this machine.

    python -m bench.scale --runs 20 --steps 10 --seconds 0.5 --workers 8
    python -m bench.scale --check

The costs below are of one machine; `--check` measures yours with few and with many runs at once, and says how
well the model tells what lies between.
"""

from __future__ import annotations

import argparse
import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from podium import App
from tests.postgres import Cluster, cluster

from .podium_bench import chain

CONNECTIONS = 4  # of a process, at most
ROW_BYTES = 200  # of a step on record, beside its result
# Milliseconds of the server's processor; of a run: to start, claim and end it.
COMMIT_MS, STEP_MS, RUN_MS = 0.2, 0.015, 0.2


@dataclass(frozen=True)
class Load:
    """What is to be carried; `batch`: steps that an engine commits together."""

    runs: float  # a second
    steps: int  # of each
    seconds: float  # that a step takes
    workers: int
    result: int = 100  # bytes
    commit_seconds: float = 0.005  # from the first of a batch to the answer

    @property
    def rate(self) -> float:
        """Steps a second."""
        return self.runs * self.steps

    @property
    def batch(self) -> float:
        return max(1.0, self.rate / self.workers * self.commit_seconds)

    @property
    def commits(self) -> float:
        """Of steps, a second."""
        return self.rate / self.batch

    @property
    def cores(self) -> float:
        """Of the server that are busy."""
        return (self.commits * COMMIT_MS + self.rate * STEP_MS + self.runs * RUN_MS) / 1000

    def told(self) -> str:
        day = self.rate * 86_400
        return "\n".join(
            (
                f"steps a second        {self.rate:12,.0f}   {self.batch:.1f} a commit",
                f"slots that are busy   {self.rate * self.seconds:12,.0f}   of {self.workers} workers",
                f"cores of the server   {self.cores:12.2f}",
                f"connections           {self.workers * CONNECTIONS:12,}   at most",
                f"history a day         {day:12,.0f}   rows, {day * (ROW_BYTES + self.result) / 1e9:.1f} GB",
            )
        )


class Sample(NamedTuple):
    """So many runs, of so many steps each, so many at once."""

    at_once: int
    runs: int
    steps: int


class Spent(NamedTuple):
    """What a sample took: transactions that wrote, steps, runs; and seconds of the server's processor."""

    amounts: tuple[float, float, float]
    seconds: float


# One after the other, some at once, some that only start and end: these give the costs. The last is foretold.
SAMPLES = (Sample(1, 4, 250), Sample(10, 20, 100), Sample(10, 200, 1), Sample(10, 100, 10))


def processor_seconds(server: Cluster) -> float:
    """Of the server and its processes so far, those that have ended with them."""
    ticks = 0
    parent = str(server.process.pid)
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if stat.parent.name == parent:
            ticks += sum(map(int, fields[11:15]))  # with its children that were waited for
        elif fields[1] == parent:
            ticks += sum(map(int, fields[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")


async def measured(server: Cluster) -> list[Spent]:
    """What each of the samples took."""
    found: list[Spent] = []
    await chain(1)
    for sample in SAMPLES:
        gate = asyncio.Semaphore(sample.at_once)

        async def one(gate: asyncio.Semaphore = gate, steps: int = sample.steps) -> None:
            async with gate:
                await chain(steps)

        before, number = processor_seconds(server), transactions(server)
        await asyncio.gather(*(one() for _ in range(sample.runs)))
        seconds = processor_seconds(server) - before
        amounts = transactions(server) - number, sample.runs * sample.steps, sample.runs
        found.append(Spent(amounts, seconds))
    return found


def transactions(server: Cluster) -> int:
    """How many have written so far."""
    return server.execute("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint")[0][0]


def solved(rows: Sequence[Sequence[float]], values: Sequence[float]) -> list[float]:
    """The unknowns of so many equations, by elimination."""
    left = [[*row, value] for row, value in zip(rows, values, strict=True)]
    for column in range(len(left)):
        for other in range(len(left)):
            if other != column:
                factor = left[other][column] / left[column][column]
                left[other] = [a - factor * b for a, b in zip(left[other], left[column], strict=True)]
    return [row[-1] / row[place] for place, row in enumerate(left)]


def check() -> None:
    """Three samples give the costs of this machine; the fourth is foretold by them, and measured."""
    with cluster() as server:
        os.environ["PODIUM_PROJECT"] = "bench"
        with App(server.new_database()):
            *known, last = asyncio.run(measured(server))
    costs = solved([spent.amounts for spent in known], [spent.seconds for spent in known])
    foretold = sum(cost * amount for cost, amount in zip(costs, last.amounts, strict=True))
    commit, step, run = (cost * 1000 for cost in costs)
    print(f"the server spends {commit:.3f} ms on a commit, {step:.3f} ms on a step, {run:.3f} ms on a run")
    print(
        f"{SAMPLES[-1]}: foretold {foretold:.2f} s of its processor, measured {last.seconds:.2f} s"
        f" ({foretold / last.seconds:.2f} x)"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--runs", type=float, default=20.0, help="that are started a second")
    parser.add_argument("--steps", type=int, default=10, help="of each")
    parser.add_argument("--seconds", type=float, default=0.5, help="that a step takes")
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--result", type=int, default=100, help="bytes of a step's result")
    parser.add_argument("--check", action="store_true", help="measure here, on a server of its own")
    options = parser.parse_args()
    if options.check:
        check()
    else:
        print(Load(options.runs, options.steps, options.seconds, options.workers, options.result).told())


if __name__ == "__main__":
    main()
