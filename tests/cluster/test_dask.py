"""What is Dask's own: its scheduler dies, its plugin, bodies that cannot be stopped, modules gone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import psutil
import pytest

from podium import App, RunParked
from podium.errors import RunCancelled
from podium.executors import dask_cluster
from podium.executors.dask_plugin import OnceEach
from tests.cluster import programs
from tests.cluster.conftest import OPTIONS, PATIENCE, ROOT, DaskCluster
from tests.waiting import until


def test_a_scheduler_that_is_killed_costs_attempts_and_no_run(tmp_path: Path) -> None:
    cluster = DaskCluster(tmp_path)
    try:
        with App(
            tmp_path / "podium.db", options=OPTIONS, executors={"dask": dask_cluster(cluster.address)}
        ) as app:
            run = programs.one.start("dask", "waits", str(tmp_path))
            until((tmp_path / "attempt-1").exists, seconds=PATIENCE)
            cluster.restart_scheduler()
            until((tmp_path / "attempt-2").exists, seconds=PATIENCE)
            (tmp_path / "go").touch()
            # One that begins before the workers are all back is lost, too.
            assert run.result(timeout=PATIENCE) >= 2
            said = "\n".join(line.text for line in app.store.logs(run.id))
            assert "attempt 1 is lost: " in said
            assert cluster.address in said
    finally:
        cluster.close()


def noted(folder: str, key: str) -> bytes:
    """A body that leaves a trace of each time it runs; the process is found by it."""
    with Path(folder, key).open("a") as file:
        file.write(f"{os.getpid()}\n")
    return b"x"


def test_a_result_that_is_lost_before_it_was_fetched_is_not_made_again(
    dask: DaskCluster, tmp_path: Path
) -> None:
    distributed: Any = import_module("distributed")
    with distributed.Client(dask.address, set_as_default=False) as client:
        client.register_plugin(OnceEach())
        ours = client.submit(noted, str(tmp_path), "ours", key=f"podium-{tmp_path.name}", pure=False)
        until(ours.done, seconds=PATIENCE)
        os.kill(int((tmp_path / "ours").read_text()), signal.SIGKILL)
        until(lambda: ours.status != "finished", seconds=PATIENCE)
        client.wait_for_workers(2, timeout=PATIENCE)
        assert ours.status in ("cancelled", "lost")
        assert len((tmp_path / "ours").read_text().split()) == 1


def test_a_cancelled_run_is_over_at_once_and_what_waits_never_begins(
    dask: DaskCluster, tmp_path: Path
) -> None:
    with App(tmp_path / "podium.db", options=OPTIONS, executors={"dask": dask_cluster(dask.address)}):
        folders = [tmp_path / str(n) for n in range(4)]
        for folder in folders:
            folder.mkdir()
        runs = [programs.one.start("dask", "waits", str(folder)) for folder in folders]
        until(lambda: sum((folder / "attempt-1").exists() for folder in folders) == 2, seconds=PATIENCE)
        for run in runs:
            run.cancel()
        for run in runs:
            with pytest.raises(RunCancelled):
                run.result(timeout=10)
        until(lambda: dask.tasks() == 0, seconds=PATIENCE)  # it has heard of it
        for folder in folders:
            (folder / "go").touch()
        assert programs.one.start("dask", "adds", 1, 2).result(timeout=PATIENCE)[0] == 3
        assert sum((folder / "attempt-1").exists() for folder in folders) == 2


def test_a_module_that_no_worker_has_parks_the_run_with_its_name(
    dask: DaskCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "only_here.py"
    source.write_text(
        "from podium import task, workflow\n\n"
        '@task(executor="dask")\ndef far() -> int:\n    return 1\n\n'
        "@workflow\ndef goes() -> int:\n    return far()\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    module = import_module("only_here")
    source.unlink()
    with App(tmp_path / "podium.db", options=OPTIONS, executors={"dask": dask_cluster(dask.address)}):
        what = r"far cannot run on Dask at tcp://\S+: tcp://\S+: .*could not import only_here"
        with pytest.raises(RunParked, match=what):
            module.goes.start().result(timeout=PATIENCE)


PROGRAM = """
from pathlib import Path
from tests.cluster import programs
from podium import App
with App("podium.db"):
    programs.one.start("dask", "waits", ".").result()
"""


def test_a_cluster_that_was_made_here_ends_with_a_process_that_is_killed(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    until((tmp_path / "attempt-1").exists, seconds=PATIENCE)
    family = psutil.Process(process.pid).children(recursive=True)
    assert any("podium.executors.cluster_driver" in member.cmdline() for member in family)
    process.kill()
    process.wait()
    _, alive = psutil.wait_procs(family, timeout=PATIENCE)
    assert not alive
