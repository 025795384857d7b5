"""Processes without an engine: they ask, and workers drive."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from podium import App, Options, RunCancelled
from podium.errors import EngineStopped
from podium.model import Query, State
from tests import forkserver
from tests.processes import flows
from tests.processes.support import FLOWS, ROOT, Host
from tests.waiting import until


@pytest.fixture
def client(host: Host) -> App:
    return App(host.url, drives="nothing", starter="")


def test_start_result_cancel_and_failure_work_while_a_worker_drives(host: Host, client: App) -> None:
    host.worker(FLOWS)
    with client:
        run = flows.relay.start(3, 0.0)
        assert run.result(20) == 3
        assert (run.state, len(run.history())) == (State.SUCCEEDED, 3)
        with pytest.raises(ValueError, match="no"):
            flows.fails.run()
        assert list(flows.stamp.map([1, 2, 3], limit=2))
        endless = flows.relay.start(1000, 0.05)
        until(lambda: endless.state is State.RUNNING)
        endless.cancel()
        with pytest.raises(RunCancelled):
            endless.result(20)


def test_many_waits_are_all_told(host: Host, client: App) -> None:
    host.worker(FLOWS)
    with client:
        runs = [flows.relay.start(2, 0.001) for _ in range(50)]
        assert [run.result(20) for run in runs] == [1] * 50


def test_a_run_waits_for_a_worker_and_closing_leaves_nobody_waiting(host: Host, client: App) -> None:
    with client:
        run = flows.relay.start(1, 0.0)
        waiting = client.wait(run.id)
        with pytest.raises(TimeoutError):
            run.result(0.05)
    with pytest.raises(EngineStopped):
        waiting.result(30)
    host.worker(FLOWS)
    assert host.ended(run.id) == 0


SCRIPT = """
from podium import task, workflow

@task
def greet(name: str) -> str:
    return f"hello {name}"

@workflow
def flow(name: str) -> str:
    return greet(name)

if __name__ == "__main__":
    print(flow.run("there"))
"""


def test_a_script_asks_and_a_worker_of_its_file_drives(host: Host) -> None:
    host.write("script", SCRIPT)
    host.worker("script.py")
    asked = forkserver.run(
        [sys.executable, "script.py"],
        cwd=host.folder,
        env={**os.environ, "PODIUM_URL": host.url, "PODIUM_ENGINE": "off", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert (asked.stdout, asked.returncode) == ("hello there\n", 0), asked.stderr
    (row,) = host.app.find(Query())
    assert (row.function, row.state) == ("script:flow", State.SUCCEEDED)


def test_an_app_whose_engine_was_taken_for_dead_goes_on_with_a_fresh_one(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'podium.db'}"
    with App(url, options=Options(lease=1.0)) as app, App(url, drives="nothing") as other:
        first = app.host
        (row,) = other.store.engines()
        while other.store.engines():  # by a beat that it has at this moment
            (row,) = other.store.engines()
            other.store.release({row.id: row.beat}, 0.0)
        until(lambda: app.host is not first)
        assert app.start(flows.fails._function, (), {}, flows.fails._call).id.result(20)
        assert [found.id for found in other.store.engines()] == [app.host.id]
