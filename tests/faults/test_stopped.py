"""A process is stopped in the middle of a commit: nobody can write, and all that look say what is true."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from podium import App, Options
from podium.inspect import cause_of, check_runs
from podium.store import examine
from tests import forkserver
from tests.processes.support import ROOT
from tests.waiting import until, until_stopped

STOPS = """
import os, signal, sys
from podium import App, task, workflow
from podium.store.sqlite.statements import transaction
from tests.faults.meddling import meddles
with App(sys.argv[1], starter="") as app:
    run = meddles.start("waits", sys.argv[2])
    print(run.id, flush=True)
    with app.store._connections.writing() as connection, transaction(connection):
        os.kill(os.getpid(), signal.SIGSTOP)
"""


@pytest.fixture
def stopped(tmp_path: Path) -> Iterator[tuple[int, str]]:
    command = [sys.executable, "-c", STOPS, str(tmp_path / "a.db"), str(tmp_path / "until")]
    with forkserver.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        run = process.stdout.readline().strip()
        until_stopped(process.pid)
        yield process.pid, run
        process.kill()
        process.send_signal(signal.SIGCONT)


def test_why_and_doctor_name_the_process_and_promise_no_takeover(
    stopped: tuple[int, str], tmp_path: Path
) -> None:
    pid, run = stopped
    with App(tmp_path / "a.db", drives="nothing", options=Options(lease=0.5)) as app:
        cause = cause_of(app, app.load(run))
        assert (cause.kind, cause.fix) == ("frozen", f"kill -CONT {pid}")
        assert f"process {pid}" in cause.what
        assert "write lock" in cause.what
        assert "no other engine can take runs over" in cause.details[0]
        found = {finding.name: finding for finding in check_runs(app)}
        assert "holds the write lock" in found["engine"].text
        assert found["orphans"].is_well, "it is not gone"
        assert "gone" in found["orphans"].text
        lock = next(finding for finding in examine(app.url) if finding.name == "write lock")
        assert "which is stopped" in lock.text
        assert lock.fix.startswith(f"kill -CONT {pid}")
        os.kill(pid, signal.SIGKILL)
        until(lambda: app.is_alive(app.store.engines()[0]) is False)
        assert cause_of(app, app.load(run)).kind == "orphaned"
