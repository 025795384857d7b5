"""Tasks whose results stand for equal calls; each call of a body logs a line."""

from __future__ import annotations

import logging
import os
import uuid
from typing import Any

import numpy as np

from podium import task, workflow

FACTOR = 2
log = logging.getLogger("tests.cached")  # and no list: it would be another one, and the key, at each call


def told(what: str) -> None:
    log.warning(what)


def helps(n: int) -> int:
    return n * FACTOR


@task(cache=True)
def doubled(n: int, plus: int = 0) -> int:
    told(f"doubled {n} {plus}")
    return helps(n) + plus


@task(cache="30d")
async def squared(n: int) -> int:
    told(f"squared {n}")
    return n * n


@task(cache=True, version="2")
def fails_once(n: int) -> int:
    told(f"fails {n}")
    if "FAILS" in os.environ:
        raise ValueError("no")
    return n


@task(cache=True)
def array(size: int) -> Any:
    told(f"array {size}")
    return np.arange(size)


@task(cache=True)
def summed(values: Any) -> int:
    told("summed")
    return int(values.sum())


@workflow
def calls(n: int) -> list[int]:
    return [doubled(n), doubled(n, plus=0), doubled(n=n)]


@workflow
async def squares(numbers: list[int]) -> list[int]:
    return await squared.map(numbers)


@workflow
def anew(n: int) -> int:
    return doubled.options(refresh=True)(n)


@workflow
def fallible(n: int) -> int:
    return fails_once(n)


@workflow
def by_reference(size: int) -> int:
    return summed(array(size))


@task(cache=True)
def written(value: dict[str, int]) -> str:
    told(f"written {value}")
    return repr(value)


@workflow
def as_written(value: dict[str, int]) -> str:
    return written(value)


@task(cache=True, isolation="process")
def apart(n: int) -> str:
    return uuid.uuid4().hex


@workflow
def in_a_process(n: int) -> str:
    return apart(n)
