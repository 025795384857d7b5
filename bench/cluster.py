"""A wide fan-out on Dask, by `distributed` alone and by Podium, on one cluster: `python -m bench.cluster`.

Needs the extra `dask`. Tasks that only add one; the rounds take turns, and of each the best counts.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from importlib import import_module
from pathlib import Path
from typing import Any

from podium import App, task, workflow
from podium.executors import dask_cluster


def plain(n: int) -> int:
    return n + 1


@task(executor="dask")
def one_more(n: int) -> int:
    return n + 1


@workflow
def fan_out(count: int) -> int:
    return sum(one_more.map(range(count)))


def bare_seconds(client: Any, count: int) -> float:
    began = time.perf_counter()
    total = sum(client.gather(client.map(plain, range(count), pure=False)))
    assert total == count * (count + 1) // 2
    return time.perf_counter() - began


def podium_seconds(count: int) -> float:
    began = time.perf_counter()
    total = fan_out.run(count)
    assert total == count * (count + 1) // 2
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.cluster", description=__doc__.partition("\n")[0])
    parser.add_argument("--tasks", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    distributed: Any = import_module("distributed")
    with (
        tempfile.TemporaryDirectory() as folder,
        distributed.LocalCluster(n_workers=1, threads_per_worker=2, dashboard_address=None) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
        App(Path(folder, "podium.db"), executors={"dask": dask_cluster(cluster.scheduler_address)}),
    ):
        bare_seconds(client, 100), podium_seconds(100)
        bare, ours = [], []
        for _ in range(given.rounds):
            bare.append(bare_seconds(client, given.tasks))
            ours.append(podium_seconds(given.tasks))
            print(f"{given.tasks:,} tasks: distributed {bare[-1]:.2f} s, Podium {ours[-1]:.2f} s", flush=True)
        print(f"ratio of the best: {min(ours) / min(bare):.2f}")


if __name__ == "__main__":
    main()
