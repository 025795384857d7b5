"""Tasks for an executor of the user's own, which another process imports by their names."""

from __future__ import annotations

import os
import time

import podium
from podium import Retry, task, workflow


@task(executor="cluster")
def adds(a: int, b: int) -> tuple[int, int, str, int]:
    return a + b, os.getpid(), podium.idempotency_key(), podium.attempt()


@task(executor="cluster")
async def doubles(n: int) -> int:
    return 2 * n


@task(executor="cluster", retries=Retry(times=2, wait=0))
def refuses(n: int) -> int:
    raise ValueError(f"no {n}, attempt {podium.attempt()}")


@task(executor="cluster", retries=Retry(times=1, wait=0))
def speaks(count: int) -> str:
    for n in range(count):
        podium.emit("numbers", n)
        podium.publish("at", n)
    if podium.attempt() == 1:
        raise ValueError("said all, and failed")
    try:
        podium.emit("large", "x" * 60_000)
        for _ in range(20):
            podium.emit("large", "x" * 60_000)
    except podium.PayloadTooLarge as error:
        return str(error)
    return ""


@task(executor="cluster")
def rests() -> None:
    time.sleep(0.01)


@workflow
def sums(a: int, b: int) -> tuple[int, int, str, int]:
    return adds(a, b)


@workflow
async def doubled(n: int) -> int:
    return await doubles(n)


@workflow
def refused(n: int) -> int:
    return refuses(n)


@workflow
def spoken(count: int) -> str:
    return speaks(count)


@workflow
def rested() -> None:
    rests()
