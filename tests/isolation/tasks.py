"""Tasks that misbehave, and workflows that call them. A process of the task's own imports this module."""

from __future__ import annotations

import asyncio
import ctypes
import logging
import mmap
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import podium
from podium import PodiumError, Retry, TaskCrashed, TaskTimeout, task, workflow

SLEEPER = [sys.executable, "-c", "import signal, time; signal.signal(2, signal.SIG_IGN); time.sleep(600)"]
CAP = 200_000_000


def note_pids(folder: str, *pids: int) -> None:
    """For the test to see whether they live."""
    for pid in pids:
        Path(folder, str(pid)).touch()


# -- such as end their process -----------------------------------------------------------------------------


def misbehave(how: str) -> None:
    match how:
        case "exit":
            os._exit(3)
        case "abort":
            os.abort()
        case "fault":
            ctypes.string_at(0)
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)  # podium: replay-safe


@task(isolation="process")
def crashes(how: str) -> str:
    print("a last line", file=sys.stderr)
    misbehave(how)
    return "unharmed"


@task(isolation="process", retries=Retry(times=2, wait=0.01, on=TaskCrashed))
def crashes_until_the_third() -> int:
    if podium.attempt() < 3:
        os._exit(1)
    return podium.attempt()


@task(isolation="process", memory=CAP)
def takes(size: int) -> int:
    return len(bytearray(size))


@task(isolation="process", memory=CAP)
def takes_unseen(size: int) -> int:
    """Shared memory, which no limit of the process itself stops."""
    taken = mmap.mmap(-1, size)
    for at in range(0, size, mmap.PAGESIZE):
        taken[at] = 1
        if at % (mmap.PAGESIZE * 100) == 0:
            time.sleep(0.001)  # or it is back before anybody has looked
    return size


@task(isolation="process", timeout=2)
def starts_demons(folder: str) -> None:
    near = subprocess.Popen(SLEEPER, start_new_session=True)
    far = (
        "import subprocess, sys; print(subprocess.Popen(sys.argv[1:], start_new_session=True, stdout=2).pid)"
    )
    shown = subprocess.run([sys.executable, "-c", far, *SLEEPER], check=True, stdout=subprocess.PIPE)
    note_pids(folder, near.pid, int(shown.stdout))
    time.sleep(600)


@task(isolation="process")
def leaves_a_child() -> tuple[int, bool]:
    """How many children this process has after some of the last task's were orphaned."""
    subprocess.run("sleep 0.05 &", shell=True, check=True)
    time.sleep(0.2)
    try:
        os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return os.getpid(), False
    return os.getpid(), True


# -- such as cannot be stopped by asking -------------------------------------------------------------------


@task(isolation="process", timeout=0.3)
def holds_the_gil(folder: str) -> None:
    note_pids(folder, os.getpid())
    re.match(r"(a+)+$", "a" * 60 + "b")


@task(isolation="process")
def holds_the_gil_for_ever(folder: str) -> None:
    note_pids(folder, os.getpid())
    re.match(r"(a+)+$", "a" * 60 + "b")


@task(isolation="process", timeout=0.3)
def starts_others(folder: str) -> None:
    note_pids(folder, os.getpid(), *(subprocess.Popen(SLEEPER).pid for _ in range(2)))
    time.sleep(600)


@task(isolation="process")
def starts_others_for_ever(folder: str) -> None:
    note_pids(folder, subprocess.Popen(SLEEPER).pid, os.getpid())
    time.sleep(600)


@task(isolation="process", timeout=20)
def closes_everything() -> None:
    os.closerange(3, 256)
    time.sleep(600)


@task(isolation="process", timeout=20)
def talks_nonsense() -> None:
    for descriptor in range(3, 256):
        try:
            os.write(descriptor, b"x" * 100)
        except OSError:
            pass
    time.sleep(600)


@task(isolation="process")
def ignores_everything(folder: str) -> None:
    note_pids(folder, os.getpid())
    while True:
        try:
            time.sleep(600)
        except BaseException:
            pass


@task(isolation="process")
async def cleans_up(folder: str) -> None:
    try:
        note_pids(folder, os.getpid())
        await asyncio.sleep(600)
    finally:
        Path(folder, "cleaned").touch()


@task(isolation="process", timeout=60)
def starts_others_and_crashes(folder: str) -> None:
    note_pids(folder, os.getpid(), subprocess.Popen(SLEEPER).pid)
    os._exit(1)


# -- such as say and carry much ----------------------------------------------------------------------------


@task(isolation="process")
def prints(lines: int, width: int) -> int:
    line = "x" * (width - 1)
    for _ in range(lines):
        print(line)
    return lines


@task(isolation="process")
def leaves_a_chatterbox(folder: str) -> str:
    note_pids(folder, subprocess.Popen([sys.executable, "-c", "while True: print('chatter' * 100)"]).pid)
    return "done"


@task(isolation="process")
def speaks() -> None:
    print("to stdout")
    print("to stderr", file=sys.stderr)
    os.write(1, b"past Python\n")
    subprocess.run(["echo", "from below"], check=True)
    sys.stdout.write("no end")


@task(isolation="process")
def logs() -> None:
    logger = logging.getLogger("tasks.deep")
    logger.info("%d of %d", 1, 2)
    try:
        raise ValueError("inner")
    except ValueError:
        logger.exception("it failed")


@task(isolation="process")
def logs_for_ever(folder: str) -> None:
    note_pids(folder, os.getpid())
    while True:
        logging.getLogger("tasks").warning("again")


@task(isolation="process")
def forks() -> int:
    if (forked := os.fork()) == 0:
        logging.getLogger("tasks").warning("from the fork")
        podium.progress(1, 2)
        os._exit(7)
    return os.waitstatus_to_exitcode(os.waitpid(forked, 0)[1])


@task(isolation="process")
def same(data: bytes) -> bytes:
    return data


@task(isolation="process")
def too_much(size: int) -> bytes:
    return bytes(size)


# -- such as behave ----------------------------------------------------------------------------------------


@task(isolation="process")
def pid() -> int:
    return os.getpid()


@task(isolation="process")
def grows(size: int) -> int:
    """Leave memory behind."""
    KEPT.append(bytearray(b"x") * size)
    return os.getpid()


KEPT: list[bytearray] = []


@task(isolation="process")
def waits_for(folder: str, gate: str) -> int:
    note_pids(folder, os.getpid())
    while not Path(folder, gate).exists():
        time.sleep(0.005)
    return os.getpid()


@task(isolation="process")
def knows() -> tuple[int, str, tuple[int, int], bool]:
    podium.progress(1, 2, "half")
    for n in range(1000):
        podium.progress(n, 1000)
    podium.progress(2, 2, "all")
    return podium.attempt(), podium.idempotency_key(), podium.fencing_token(), os.getpgrp() == os.getpid()


@task(isolation="process")
def raises() -> None:
    error = LookupError("not here", 7)
    error.add_note("look there")
    raise error from KeyError("inner")


@task(isolation="process")
async def raises_async() -> None:
    raise LookupError("not here")


@task(isolation="process", retries=3)
def leaves() -> None:
    sys.exit(5)


@task(isolation="process")
async def adds(a: int, b: int) -> int:
    await asyncio.sleep(0)
    return a + b


# -- workflows ---------------------------------------------------------------------------------------------


@workflow
def crash(how: str) -> str:
    return crashes(how)


@workflow
def third_time() -> int:
    return crashes_until_the_third()


@workflow
def take(size: int, unseen: bool) -> int:
    return takes_unseen(size) if unseen else takes(size)


@workflow
def hold(folder: str, kind: str) -> str:
    """What came of a task that does not end by itself."""
    kinds = {
        "gil": holds_the_gil,
        "gil for ever": holds_the_gil_for_ever,
        "others": starts_others,
        "others for ever": starts_others_for_ever,
        "ignores": ignores_everything,
        "crashes": starts_others_and_crashes,
    }
    try:
        kinds[kind](folder)
    except (TaskTimeout, TaskCrashed) as error:
        return f"{type(error).__name__}: {error.message}"
    return "ended"


@workflow
def demonize() -> None:
    closes_everything()


@workflow
def babble() -> None:
    talks_nonsense()


@workflow
async def hold_async(folder: str) -> None:
    await cleans_up(folder)


@workflow
def say(lines: int, width: int) -> int:
    return prints(lines, width)


@workflow
def chatter(folder: str) -> str:
    return leaves_a_chatterbox(folder)


@workflow
def speak() -> None:
    speaks()


@workflow
def log_for_ever(folder: str) -> None:
    logs_for_ever(folder)


@workflow
def fork() -> int:
    return forks()


@workflow
def log() -> None:
    logs()


@workflow
def carry(data: bytes) -> bytes:
    return same(data)


@workflow
def carry_too_much(size: int) -> str:
    try:
        too_much(size)
    except PodiumError as error:
        return error.code
    return "carried"


@workflow
def ask() -> tuple[int, str, tuple[int, int], bool]:
    return knows()


@workflow
def fail() -> None:
    raises()


@workflow
def leave() -> None:
    leaves()


@workflow
async def add(a: int, b: int) -> int:
    return await adds(a, b)


@workflow
async def pids(count: int) -> list[int]:
    return [pid() for _ in range(count)]


@workflow
def grow(size: int) -> list[int]:
    return [grows(size), pid()]


@workflow
async def at_once(folder: str, count: int) -> list[int]:
    return await asyncio.gather(*(waits_for.start(folder, "gate") for _ in range(count)))


# -- such as wait for runs ---------------------------------------------------------------------------------


@task(isolation="process")
def isolated_leaf(n: int) -> int:
    return n


@workflow
def isolated_below(n: int) -> int:
    return isolated_leaf(n)


@task(isolation="process")
def waits_isolated(n: int) -> int:
    return isolated_below.run(n)


@task(isolation="process")
async def awaits_isolated(n: int) -> int:
    return sum(await asyncio.gather(isolated_below.start(n), isolated_below.start(n)))


@workflow
async def isolated_above(n: int) -> int:
    return waits_isolated(n) + await awaits_isolated(n)


@task(isolation="process")
def waits_isolated_for_those_that_wait(n: int) -> int:
    return sum(isolated_above.map([n, n]))


@workflow
async def each_waits(deep: bool, wide: int) -> int:
    return sum(await (waits_isolated_for_those_that_wait if deep else waits_isolated).map(range(wide)))
