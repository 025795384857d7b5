"""Scripts that are stopped by a signal."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from itertools import count
from pathlib import Path

import pytest

from podium import App
from podium.client.signals import ECHO_SECONDS
from podium.model import Query, read_engine_info
from tests import forkserver
from tests.processes.support import Host
from tests.waiting import until

STOPPED = """
from podium import sleep, task, workflow

@task
def step() -> None: ...

@task
def begin() -> None:
    open("begun", "w").close()

@workflow
def flow() -> None:
    step()
    begin()
    sleep(600)

if __name__ == "__main__":
    flow()
"""


def started(folder: Path, text: str, *words: str) -> subprocess.Popen[str]:
    """A script with this text, on a store of that folder."""
    (folder / "script.py").write_text(text, encoding="utf-8")
    return forkserver.Popen(
        [sys.executable, "script.py", *words],
        cwd=folder, env={**os.environ, "PODIUM_URL": str(folder / "podium.db")}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_script_that_is_stopped_says_how_to_go_on(tmp_path: Path, how: signal.Signals) -> None:
    script = started(tmp_path, STOPPED)
    until((tmp_path / "begun").exists)
    script.send_signal(how)
    _, said = script.communicate(timeout=30)
    assert "podium: stopped run" in said
    assert "2 steps on record" in said
    assert "go on: run the script again, or podium resume" in said
    assert script.returncode == (128 + how if how is signal.SIGTERM else -how)


STUBBORN = """
import sys, time
from pathlib import Path
from podium import App, task, workflow
import interrupting

@task
def step() -> None:
    interrupting.arm()
    Path("begun").touch()
    time.sleep(600)

@workflow
def flow() -> None:
    step()

if __name__ == "__main__":
    if sys.argv[1] == "in a block":
        with App():
            flow()
    flow()
"""

# Sends a Ctrl-C before the N-th line of those that close the session, up to the one that gives tasks a grace.
INTERRUPTING = """
import atexit, linecache, os, signal, sys, time
from pathlib import Path
from podium.client.signals import ECHO_SECONDS

closing, lines = ("_close_at_exit", "_close", "_close_all"), 0

def watch(frame, event, _):
    file, name = frame.f_code.co_filename, frame.f_code.co_name
    return at_line if name in closing and file.endswith("client/session.py") else None

def at_line(frame, event, _):
    global lines
    lines += event == "line"
    is_last = linecache.getline(frame.f_code.co_filename, frame.f_lineno).strip() == "host.close()"
    if lines == int(sys.argv[2]) or is_last:
        sys.settrace(None)
        if is_last:
            Path("last").touch()
        time.sleep(2 * ECHO_SECONDS)  # closer together they would be one
        os.kill(os.getpid(), signal.SIGINT)
    return at_line

def arm():
    if sys.argv[2] != "0":
        atexit.register(sys.settrace, watch)  # the last one to be registered is called first
"""


def stubborn(folder: Path, place: str, line: int = 0) -> subprocess.Popen[str]:
    """A script whose task does not end, at the first Ctrl-C."""
    (folder / "interrupting.py").write_text(INTERRUPTING, encoding="utf-8")
    script = started(folder, STUBBORN, place, str(line))
    until((folder / "begun").exists)
    script.send_signal(signal.SIGINT)
    return script


def left_at_once(script: subprocess.Popen[str]) -> None:
    _, said = script.communicate(timeout=30)
    assert said.count("podium: left at once: what was running is cut off\n") == 1, said
    assert said.count("go on: run the script again, or podium resume") == 1, said
    assert "Exception ignored" not in said
    assert "podium/client" not in said
    assert said.count("Traceback") == 1, "of the first one"
    assert script.returncode == -signal.SIGINT


@pytest.mark.parametrize("place", ["at exit", "in a block"])
def test_a_second_ctrl_c_leaves_at_once_without_our_frames(tmp_path: Path, place: str) -> None:
    script = stubborn(tmp_path, place)
    with App(tmp_path / "podium.db", drives="nothing") as app:
        until(lambda: [read_engine_info(each.info).state for each in app.store.engines()] == ["draining"])
    time.sleep(2 * ECHO_SECONDS)  # closer together they would be one
    script.send_signal(signal.SIGINT)
    left_at_once(script)


def test_a_second_ctrl_c_may_come_at_any_line_of_the_way_to_the_grace(tmp_path: Path) -> None:
    for line in count(2):  # the first is `try:`, at which Python looks for no signal
        folder = tmp_path / str(line)
        folder.mkdir()
        left_at_once(stubborn(folder, "at exit", line))
        if (folder / "last").exists():
            break
    assert line > 10


ECHOED = """
import os, signal, time
from pathlib import Path
from podium import task, workflow
from podium.engine import EngineHost

@task
def step() -> None:
    Path("begun").touch()
    while not Path("go").exists():
        time.sleep(0.01)

@workflow
def flow() -> None:
    step()

def close(host):
    os.kill(os.getpid(), signal.SIGINT)
    Path("closing").touch()
    close_it(host)

if __name__ == "__main__":
    close_it, EngineHost.close = EngineHost.close, close
    flow()
"""


def test_the_same_ctrl_c_twice_is_one(tmp_path: Path) -> None:
    """`timeout` sends it to the script, and then to the group that it is in."""
    script = started(tmp_path, ECHOED)
    until((tmp_path / "begun").exists)
    script.send_signal(signal.SIGINT)
    until((tmp_path / "closing").exists)
    (tmp_path / "go").touch()
    _, said = script.communicate(timeout=30)
    assert "left at once" not in said
    assert "succeeded all the same" in said
    assert script.returncode == -signal.SIGINT


def test_a_script_that_is_stopped_beside_a_worker_says_who_goes_on(host: Host) -> None:
    """Whoever presses Ctrl-C to stop a mail-out must not read that it was stopped when the rest is sent."""
    host.write("mails", STOPPED)
    worker = host.worker("mails")
    script = forkserver.Popen(
        [sys.executable, "mails.py"],
        cwd=host.folder, env={**os.environ, "PODIUM_URL": host.url}, text=True, stderr=subprocess.PIPE,
    )  # fmt: skip
    until((host.folder / "begun").exists)
    script.send_signal(signal.SIGINT)
    _, said = script.communicate(timeout=30)
    (row,) = host.app.find(Query())
    last = said.splitlines()[-1]
    assert "stopped run" not in said
    assert last.startswith(f"podium: run {row.id} is not stopped: process {worker.process.pid} on ")
    assert last.endswith(f"goes on with it; podium cancel {row.id} ends it")


GIVES_UP = """
import asyncio, time
from pathlib import Path
from podium import Options, App, on_failure, task, workflow

@task
def note(what: str) -> None:
    time.sleep(0.2)
    with open("notes", "a") as notes:
        notes.write(f"{what}\\n")

@workflow
async def below(n: int) -> None:
    on_failure(note, "below")
    await asyncio.sleep(3600)

@workflow
async def child(n: int) -> int:
    on_failure(note, "child")
    await below(n)
    return n

@workflow
async def stubborn(n: int) -> int:
    while True:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            note("stays")

@workflow
async def by_timeout() -> str:
    try:
        await asyncio.wait_for(child(1), 0.2)
    except TimeoutError:
        return "gave up"

@workflow
async def by_first() -> str:
    first = asyncio.ensure_future(asyncio.sleep(0.2))
    await asyncio.wait([first, asyncio.ensure_future(child(1))], return_when="FIRST_COMPLETED")
    return "gave up"

@workflow
async def in_vain() -> str:
    task = asyncio.ensure_future(stubborn(1))
    await asyncio.wait([task], timeout=0.2)
    return "gave up"

@workflow
async def never() -> str:
    await asyncio.sleep(3600)

if __name__ == "__main__":
    import sys
    with App("podium.db", drives="own", options=Options(grace=float(sys.argv[2]))):
        never.start()  # this one waits, and was asked nothing
        print(globals()[sys.argv[1]].run())
"""


def gave_up(folder: Path, how: str, grace: float) -> tuple[dict[str, str], str]:
    """How the runs of the script stand when it has ended, by function, and what it has said."""
    (folder / "script.py").write_text(GIVES_UP, encoding="utf-8")
    ran = forkserver.run(
        [sys.executable, "script.py", how, str(grace)],
        cwd=folder, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert ran.stdout == "gave up\n", ran.stderr
    with App(folder / "podium.db", drives="nothing") as app:
        return {row.function.rpartition(":")[2]: str(row.state) for row in app.find(Query())}, ran.stderr


@pytest.mark.parametrize("how", ["by_timeout", "by_first"])
def test_children_that_were_given_up_are_brought_to_their_end_before_the_script_ends(
    tmp_path: Path, how: str
) -> None:
    """Nobody else would: the same call is a new run, whose children are its own."""
    states, said = gave_up(tmp_path, how, grace=30)
    assert states == {how: "succeeded", "child": "cancelled", "below": "cancelled", "never": "waiting"}
    assert sorted((tmp_path / "notes").read_text().split()) == ["below", "child"]
    stopped = [line for line in said.splitlines() if line.startswith("podium: stopped run")]
    assert len(stopped) == 1
    assert "more" not in stopped[0], "of never alone"
    assert "asked to stop" not in said


def test_one_that_does_not_stop_in_time_is_told_of_as_what_it_is(tmp_path: Path) -> None:
    """To run the script again would make another one."""
    began = time.monotonic()
    states, said = gave_up(tmp_path, "in_vain", grace=1)
    assert time.monotonic() - began < 20, "the grace bounds it"
    assert states == {"in_vain": "succeeded", "stubborn": "waiting", "never": "waiting"}
    with App(tmp_path / "podium.db", drives="nothing") as app:
        (stubborn,) = app.find(Query(function="script:stubborn"))
    (line,) = [line for line in said.splitlines() if "asked to stop" in line]
    assert f"podium: run {stubborn.id} was asked to stop, and has not ended yet: podium resume" in line
    assert "run the script again" not in line
