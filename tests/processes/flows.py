"""What the workers of these tests serve. Each body that begins leaves a line in the file LEDGER."""

from __future__ import annotations

import ctypes
import os
import time

from podium import alert, idempotency_key, task, workflow


def note(*words: object) -> None:
    """One system call, so that a killed process leaves whole lines."""
    with open(os.environ["LEDGER"], "a", encoding="utf-8") as ledger:
        ledger.write(" ".join(map(str, (*words, os.getpid(), time.time()))) + "\n")


@task
def step(n: int, seconds: float) -> int:
    note(idempotency_key())
    time.sleep(seconds)
    return n


@task
def hog(seconds: float) -> None:
    """Holds the interpreter as a bad regular expression does: no other thread runs meanwhile."""
    note(idempotency_key())
    ctypes.PyDLL(None).usleep(int(seconds * 1e6))


@task
async def blocks(seconds: float) -> str:
    """Written by somebody who has not met asyncio yet."""
    note(idempotency_key())
    time.sleep(seconds)
    return "done"


@workflow
async def blocking(seconds: float) -> str:
    return await blocks(seconds)


@workflow
def relay(steps: int, seconds: float) -> int:
    return sum(step(n, seconds) for n in range(steps))


@workflow
def hogs(seconds: float) -> None:
    hog(seconds)


@workflow
def fails() -> None:
    raise ValueError("no")


@task
def clock() -> float:
    return time.time()


@workflow
def stamp(number: int) -> float:
    """When it began, wherever it did."""
    return clock()


@workflow(alerts=[alert.failed("ops")])
def tells() -> None:
    raise ValueError("no")
