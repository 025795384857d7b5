"""The processes: how many there are, how long they live, whom they outlive (nobody)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from podium import App, Options
from podium.errors import EngineStopped
from podium.executors import child_process, memory, pool
from podium.executors import children as child_module
from podium.executors.wire import Channel
from podium.model import State
from tests import forkserver
from tests.isolation import tasks
from tests.isolation.conftest import children, noted
from tests.tidy.source import ROOT
from tests.waiting import is_alive, until

SCRIPT = """
import sys
from podium import App, Options
from tests.isolation import tasks

if __name__ == "__main__":
    with App(sys.argv[1], options=Options(grace=0.1)):
        runs = [tasks.hold.start(sys.argv[2], kind) for kind in sys.argv[3].split(",")]
        runs[0].result()
"""


def test_no_process_is_started_before_a_task_needs_one(app: App) -> None:
    _ = app.host
    assert children() == []
    tasks.pids.run(1)
    assert children()


def test_a_process_is_used_again_and_there_is_one_to_spare(app: App) -> None:
    assert len(set(tasks.pids.run(20))) == 1
    until(lambda: len(children()) == 2)


def test_at_most_so_many_at_once_and_the_rest_in_line(app: App, folder: Path) -> None:
    run = tasks.at_once.start(str(folder), 5)
    until(lambda: len(noted(folder)) == 2)
    until(lambda: len(children()) == 3)
    (folder / "gate").touch()
    assert len(run.result()) == 5
    assert set(run.result()) == set(noted(folder))
    assert len(noted(folder)) <= 3


def test_a_process_that_served_long_is_replaced(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child_module, "TASKS_MAX", 5)
    seen = tasks.pids.run(20)
    assert [len(set(seen[at : at + 5])) for at in range(0, 20, 5)] == [1, 1, 1, 1]
    assert len(set(seen)) == 4
    until(lambda: not any(is_alive(pid) for pid in set(seen[:15])))


def test_a_process_that_keeps_much_memory_is_replaced(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "GROWTH_MAX", 50 * 2**20)
    monkeypatch.setattr(memory, "LEVEL_SECONDS", 0.0)
    small, after = tasks.grow.run(1000)
    assert small == after
    large, after = tasks.grow.run(100 * 2**20)
    assert large != after
    until(lambda: not is_alive(large))


def test_idle_processes_leave(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "IDLE_SECONDS", 0.2)
    with App(store):
        tasks.pids.run(1)
        until(lambda: not children())
        assert len(tasks.pids.run(1)) == 1, "and come again"


def test_a_process_that_cannot_start_is_said_and_nobody_waits_for_ever(
    store: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho no such thing >&2\nexit 7\n")
    broken.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(broken))
    monkeypatch.setattr(pool, "RESPAWN_SECONDS", 0.01)
    with App(store), pytest.raises(Exception, match="it exited with code 7") as caught:
        tasks.crash.run("not at all")
    assert "no such thing" in caught.value.__notes__[0]
    assert "did not start" in caplog.text


def test_one_that_fails_to_start_holds_up_the_others_for_a_moment_only(
    store: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    spawn, starts = child_process._spawn, 0

    def kill_some(mark: str) -> tuple[subprocess.Popen[bytes], Channel, int]:
        nonlocal starts
        starts += 1
        child = spawn(mark)
        if 1 < starts < 6:  # more than are failed for: the first one lives, so there is somebody to wait for
            child[0].kill()
        return child

    monkeypatch.setattr(pool, "RESPAWN_SECONDS", 0.01)
    monkeypatch.setattr(child_process, "_spawn", kill_some)
    with App(store, options=Options(process_slots=2, grace=0.1)):
        held = tasks.hold.start(str(folder), "ignores")
        until(lambda: noted(folder))
        assert tasks.add.run(1, 2) == 3
        assert held.state is State.RUNNING
    assert caplog.text.count("did not start") == 4


def test_when_the_system_has_no_more_processes_tasks_wait_until_it_has(
    app: App, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    tries: list[int] = []
    spawn = child_process._spawn

    def refuse_twice(mark: str) -> object:
        tries.append(1)
        if len(tries) <= 2:
            raise BlockingIOError("no more processes")
        return spawn(mark)

    monkeypatch.setattr(pool, "RESPAWN_SECONDS", 0.01)
    monkeypatch.setattr(child_process, "_spawn", refuse_twice)
    assert tasks.add.run(1, 2) == 3
    assert "no more processes" in caplog.text


def test_a_pool_that_fails_stops_the_engine_and_nobody_waits(
    app: App, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(self: pool.Pool) -> None:
        raise RuntimeError("a bug of ours")

    monkeypatch.setattr(pool.Pool, "_assign", fails)
    with pytest.raises(EngineStopped):
        tasks.add.run(1, 2)
    assert "a bug of ours" in caplog.text


def start_a_parent(store: Path, folder: Path, *kinds: str) -> subprocess.Popen[bytes]:
    """One that waits for tasks which never end; they have begun."""
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    parent = forkserver.Popen(
        [sys.executable, "-c", SCRIPT, str(store), str(folder), ",".join(kinds)],
        env={**os.environ, "PYTHONPATH": path},
    )
    until(lambda: len(noted(folder)) >= len(kinds))
    return parent


def test_when_the_parent_is_killed_nobody_is_left(store: Path, folder: Path) -> None:
    parent = start_a_parent(store, folder, "gil for ever", "ignores")
    parent.kill()
    parent.wait()
    until(lambda: not any(map(is_alive, noted(folder))))


def test_ctrl_c_is_for_the_parent_which_ends_the_others(store: Path, folder: Path) -> None:
    parent = start_a_parent(store, folder, "gil for ever", "ignores")
    for pid in noted(folder):
        os.kill(pid, signal.SIGTERM)  # from a supervisor, to everybody: the parent decides all the same
    parent.send_signal(signal.SIGINT)
    assert parent.wait(30) != 0
    assert not any(map(is_alive, noted(folder)))


def test_a_forked_process_keeps_no_task_alive(app: App) -> None:
    pid = tasks.pids.run(1)[0]
    forked = os.fork()
    if forked == 0:
        signal.pause()
    try:
        app.close()
        until(lambda: not is_alive(pid))
    finally:
        os.kill(forked, signal.SIGKILL)
        os.waitpid(forked, 0)


def test_what_it_costs(store: Path) -> None:
    with App(store, options=Options(process_slots=1)):
        began = time.perf_counter()
        tasks.pids.run(1)
        cold = time.perf_counter() - began
        began = time.perf_counter()
        tasks.pids.run(200)
        warm = (time.perf_counter() - began) / 200
    print(f"first call {cold * 1e3:.0f} ms, then {warm * 1e6:.0f} us each with its commit")
    assert cold < 10
    assert warm < 0.1
