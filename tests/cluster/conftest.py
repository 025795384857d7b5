"""Real clusters: a Dask scheduler with two workers, and Ray, each in processes of this test run."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import psutil
import pytest

from podium import App, Options
from podium.executors import dask_cluster, ray_cluster
from tests.cluster.programs import KINDS

ROOT = Path(__file__).parents[2]
PATIENCE = 60.0
OPTIONS = Options(poll=0.05, grace=0)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All of it is in the lane of clusters."""
    for item in items:
        if "/tests/cluster/" in str(item.path):
            item.add_marker(pytest.mark.cluster)


def end_tree(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and all that it has started."""
    try:
        family = psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        family = []
    process.kill()
    for member in family:
        try:
            member.kill()
        except psutil.NoSuchProcess:
            pass
    process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class DaskCluster:
    """A scheduler, which can be killed and started again, and workers with nannies."""

    def __init__(self, folder: Path, workers: int = 2) -> None:
        self._folder, self._port = folder, free_port()
        self.address = f"tcp://127.0.0.1:{self._port}"
        self.scheduler = self._start("scheduler", "--host", "127.0.0.1", "--port", str(self._port))
        self._workers = [self._start_worker() for _ in range(workers)]

    def _start_worker(self) -> subprocess.Popen[bytes]:
        return self._start("worker", self.address, "--nthreads", "1", "--host", "127.0.0.1")

    def _start(self, what: str, *words: str) -> subprocess.Popen[bytes]:
        with (self._folder / "log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", f"distributed.cli.dask_{what}", *words, "--no-dashboard"],
                cwd=self._folder, stdout=log, stderr=log, env={**os.environ, "PYTHONPATH": str(ROOT)},
            )  # fmt: skip

    def restart_scheduler(self) -> None:
        """Kill it with all it knows; another one takes its address. Its workers end with it, too."""
        self.scheduler.send_signal(signal.SIGKILL)
        self.scheduler.wait()
        self.scheduler = self._start("scheduler", "--host", "127.0.0.1", "--port", str(self._port))
        self._workers += [self._start_worker() for _ in self._workers]

    def kill_a_worker(self) -> None:
        """Kill one; its nanny starts another."""
        psutil.Process(self._workers[0].pid).children()[-1].kill()

    def tasks(self) -> int:
        """How many its scheduler knows."""
        with import_module("distributed").Client(self.address, set_as_default=False) as client:
            return int(client.run_on_scheduler(_count))

    def close(self) -> None:
        for process in (*self._workers, self.scheduler):
            end_tree(process)


def _count(dask_scheduler: Any) -> int:
    return len(dask_scheduler.tasks)


@pytest.fixture(scope="session")
def dask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaskCluster]:
    """One for all tests that leave its scheduler alone."""
    cluster = DaskCluster(tmp_path_factory.mktemp("dask"))
    yield cluster
    cluster.close()


@pytest.fixture(scope="module", params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def app(kind: str, dask: DaskCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """An app with a cluster of the kind; that of Ray it makes itself."""
    executors = {"dask": dask_cluster(dask.address), "ray": ray_cluster()}
    store = tmp_path_factory.mktemp(kind) / "podium.db"
    with App(store, options=OPTIONS, executors={kind: executors[kind]}) as app:
        yield app
