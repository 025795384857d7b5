"""Processes that a task's body forks, in a script, under `podium run` and under `podium worker`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests import forkserver
from tests.processes.support import ROOT, Host

BODIES = """
import multiprocessing as mp, os, signal, sys, time
from podium import task, workflow

def nap(seconds):
    time.sleep(seconds)

def same(n):
    return n

context = mp.get_context("fork")

@task
def terminates(times: int) -> list[int]:
    return ends(times)

@task
async def terminates_async(times: int) -> list[int]:
    return ends(times)

@task(isolation="process")
def terminates_isolated(times: int) -> list[int]:
    return ends(times)

def ends(times):
    codes = []
    for _ in range(times):
        process = context.Process(target=nap, args=(600,))
        process.start()
        process.terminate()
        process.join(30)
        codes.append(process.exitcode)
        process.kill()
    return codes

@task
def pools(times: int) -> int:
    total = 0
    for _ in range(times):
        with context.Pool(2) as pool:
            total += sum(pool.map(same, range(3)))
    return total

@task
def pools_idle(times: int) -> int:
    '''Left right after they were made, when the signal meets processes that are only just there.'''
    for _ in range(times):
        with context.Pool(2):
            pass
    return times

def fork(end: str) -> int:
    '''How the forked process ended.'''
    pid = os.fork()
    if pid:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    print("the child was here")
    if end == "raise":
        raise ValueError("said by the child")
    if end == "exit":
        sys.exit(7)
    return 0

@task
def forks(end: str) -> int:
    return fork(end)

@task
async def forks_async(end: str) -> int:
    return fork(end)

@task
async def forks_and_awaits(end: str) -> int:
    import asyncio
    code = fork(end)
    await asyncio.sleep(0)
    return code

@task(isolation="process")
def forks_isolated(end: str) -> int:
    return fork(end)

@task(isolation="process")
async def forks_isolated_async(end: str) -> int:
    return fork(end)

@workflow
def forking(kind: str, end: str) -> int:
    return globals()[kind].run(end)

@workflow
def ending(kind: str, times: int) -> list[int]:
    return globals()[kind].run(times)

@workflow
def pooling(kind: str, times: int) -> int:
    return globals()[kind].run(times)
"""
CODES = {"return": 0, "raise": 1, "exit": 7}


@pytest.fixture
def bodies(tmp_path: Path) -> Path:
    (tmp_path / "bodies.py").write_text(BODIES, encoding="utf-8")
    return tmp_path


def podium_run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PODIUM_URL": str(folder / "podium.db")}
    return forkserver.run(
        [sys.executable, "-m", "podium", "run", *words],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=60,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "end"),
    [("forks", "return"), ("forks", "raise"), ("forks", "exit"), ("forks_async", "raise"),
     ("forks_isolated", "exit"), ("forks_isolated_async", "return")],
)  # fmt: skip
def test_the_end_of_a_body_is_the_end_of_the_process_that_it_has_forked(
    host: Host, kind: str, end: str
) -> None:
    host.write("bodies", BODIES)
    run = host.start("bodies:forking", kind=kind, end=end)
    worker = host.worker("bodies")
    assert host.ended(run) == CODES[end]
    worker.until("the child was here")
    if end == "raise":
        worker.until("ValueError: said by the child")


def test_a_forked_process_says_that_it_cannot_await_in_its_parents_loop(host: Host) -> None:
    host.write("bodies", BODIES)
    run = host.start("bodies:forking", kind="forks_and_awaits", end="return")
    worker = host.worker("bodies")
    assert host.ended(run) == 1
    worker.until("a forked process cannot await")


@pytest.mark.parametrize("kind", ["terminates", "terminates_async", "terminates_isolated"])
def test_a_forked_process_can_be_terminated_at_once_under_run(bodies: Path, kind: str) -> None:
    done = podium_run(bodies, "bodies:ending", "--", "--kind", kind, "--times", "50")
    assert done.stdout.strip() == str([-signal.SIGTERM] * 50), done.stderr


@pytest.mark.parametrize("kind", ["terminates", "terminates_isolated"])
def test_a_forked_process_can_be_terminated_at_once_under_worker(host: Host, kind: str) -> None:
    host.write("bodies", BODIES)
    run = host.start("bodies:ending", kind=kind, times=50)
    host.worker("bodies")
    assert host.ended(run) == [-signal.SIGTERM] * 50


@pytest.mark.parametrize(("kind", "result"), [("pools", 150), ("pools_idle", 50)])
def test_a_pool_of_processes_is_left_at_once(bodies: Path, kind: str, result: int) -> None:
    done = podium_run(bodies, "bodies:pooling", "--", "--kind", kind, "--times", "50")
    assert done.stdout.strip() == str(result), done.stderr


SCRIPT = (
    BODIES
    + """
if __name__ == "__main__":
    print(ending("terminates", 50))
"""
)


def as_script(folder: Path, text: str) -> subprocess.CompletedProcess[str]:
    (folder / "script.py").write_text(text, encoding="utf-8")
    environment = {**os.environ, "PODIUM_URL": str(folder / "podium.db")}
    return forkserver.run(
        [sys.executable, "script.py"],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=60,
    )  # fmt: skip


def test_a_forked_process_can_be_terminated_at_once_in_a_script(tmp_path: Path) -> None:
    done = as_script(tmp_path, SCRIPT)
    assert done.stdout.strip() == str([-signal.SIGTERM] * 50), done.stderr


BELOW = """
import ctypes, os, time
import podium

@podium.task
async def forks() -> int:
    return ctypes.PyDLL(None).fork()

@podium.workflow
async def forking(times: int) -> int:
    return sum([await forks() > 0 for _ in range(times)])

if __name__ == "__main__":
    print(forking.run(3), flush=True)
"""


def test_a_process_that_is_forked_below_python_records_nothing(tmp_path: Path) -> None:
    done = as_script(tmp_path, BELOW)
    assert (done.stdout, done.returncode) == ("3\n", 0), done.stderr
    assert "StoreRefused" not in done.stderr


USING = """
import os
import podium

@podium.workflow
def double(number: int) -> int:
    return number * 2

@podium.task
def forks() -> int:
    if pid := os.fork():
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os._exit(double.options(id="of-the-child").run(21))

@podium.workflow
def forking() -> int:
    return forks()

if __name__ == "__main__":
    with podium.App():
        print(forking.run(), podium.get("of-the-child").result(), flush=True)
"""


def test_a_process_that_a_task_has_forked_uses_an_app_of_its_own(tmp_path: Path) -> None:
    done = as_script(tmp_path, USING)
    assert (done.stdout, done.returncode) == ("42 42\n", 0), done.stderr
