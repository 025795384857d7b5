"""Ctrl-C of a terminal, and SIGTERM of systemd, go to a script and to all that it has started: the subprocess
that a task waits for is gone with it, and what the task makes of that is not its outcome."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from podium import App
from podium.model import Query
from tests.waiting import until

SCRIPT = """
import asyncio, os, subprocess, sys, time
from podium import App, Options, task, workflow

WORDS = ["sh", "-c", "test -e again || { touch begun; exec sleep 600; }"]

def note(text):
    with open("ledger", "a") as ledger:
        ledger.write(text + "\\n")

@task
def step():
    note("step")

@task
def waits():
    note("waits")
    subprocess.run(WORDS, check=True)
    return "done"

@task
async def awaits():
    note("waits")
    process = await asyncio.create_subprocess_exec(*WORDS)
    if await process.wait():
        raise OSError("it was killed")
    return "done"

@task(once=True)
def lasting():
    note("waits")
    subprocess.run(WORDS, check=True)
    return "done"

@workflow
def plain():
    step()
    return waits()

@workflow
async def of_a_loop():
    step()
    return await awaits()

@workflow
def effect():
    step()
    return lasting()

@task
def fails():
    note("fails")
    raise ValueError("as ever")

def called(flow):
    print(flow.run())

def started(flow):  # the main thread is nowhere in Podium when the signal comes
    run = flow.start()
    while run.state != "succeeded":
        time.sleep(600)
    print(run.result())

def in_a_loop(flow):
    async def main():
        print(await flow.start())
    asyncio.run(main())

def swallowed(flow):
    with App(options=Options(grace=0.5)):
        try:
            flow()
        except KeyboardInterrupt:
            pass
        print("goes on", flush=True)
        try:
            fails.start().result()
        except ValueError as error:
            print(error)

if __name__ == "__main__":
    globals()[sys.argv[1]](globals()[sys.argv[2]])
"""


def begun(folder: Path, how: str, flow: str) -> subprocess.Popen[str]:
    """A script in a process group of its own."""
    (folder / "script.py").write_text(SCRIPT, encoding="utf-8")
    return subprocess.Popen(
        [sys.executable, "script.py", how, flow],
        cwd=folder, env={**os.environ, "PODIUM_URL": str(folder / "podium.db")}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip


def stopped(folder: Path, how: str, flow: str, by: signal.Signals) -> str:
    """What a script said whose group was told to end while a subprocess of a task ran."""
    script = begun(folder, how, flow)
    until((folder / "begun").exists)
    os.killpg(script.pid, by)
    _, said = script.communicate(timeout=30)
    (folder / "again").touch()
    return said


def ledger(folder: Path) -> list[str]:
    return (folder / "ledger").read_text(encoding="utf-8").split()


@pytest.mark.parametrize(
    ("how", "flow", "by"),
    [
        ("called", "plain", signal.SIGINT),
        ("called", "plain", signal.SIGTERM),
        ("called", "of_a_loop", signal.SIGINT),
        ("started", "plain", signal.SIGINT),
        ("in_a_loop", "plain", signal.SIGINT),
        ("in_a_loop", "of_a_loop", signal.SIGTERM),
    ],
)
def test_a_task_that_fails_as_its_subprocess_was_killed_begins_again(
    tmp_path: Path, how: str, flow: str, by: signal.Signals
) -> None:
    said = stopped(tmp_path, how, flow, by)
    assert "podium: stopped run" in said
    assert "1 step on record" in said
    assert "all the same" not in said
    assert "begin again" not in said, "one line says how it goes on"
    script = begun(tmp_path, "called", flow)
    assert script.communicate(timeout=30)[0] == "done\n"
    assert ledger(tmp_path) == ["step", "waits", "waits"], "the same run went on"


def test_one_with_an_effect_has_failed_and_is_not_begun_again(tmp_path: Path) -> None:
    stopped(tmp_path, "called", "effect", signal.SIGINT)
    with App(tmp_path / "podium.db", drives="nothing") as app:
        assert [str(row.state) for row in app.find(Query())] == ["failed"]


def test_a_program_that_goes_on_after_ctrl_c_has_its_failures_again(tmp_path: Path) -> None:
    script = begun(tmp_path, "swallowed", "plain")
    until((tmp_path / "begun").exists)
    (tmp_path / "again").touch()
    os.killpg(script.pid, signal.SIGINT)
    out, said = script.communicate(timeout=30)
    assert out == "goes on\nas ever\n", said
    with App(tmp_path / "podium.db", drives="nothing") as app:
        assert "failed" in [str(row.state) for row in app.find(Query())]
