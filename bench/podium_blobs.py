"""The workload W8 on Podium: results of a megabyte, kept by reference."""

from __future__ import annotations

from podium import Blob, task, workflow

from .payload import megabyte


@task
async def blob(_: int) -> Blob:
    return Blob(megabyte())


@task
async def length(value: Blob) -> int:
    return len(value)


@workflow
async def large(n: int) -> int:
    last = await blob(0)
    for i in range(1, n):
        last = await blob(i)
    return await length(last)  # what stands here is its stand-in
