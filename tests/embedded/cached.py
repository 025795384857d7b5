"""Tasks whose results stand for equal calls; each call of a body leaves a line."""

from __future__ import annotations

import uuid
from typing import Any

import numpy as np

from podium import task, workflow

FACTOR = 2


class Lines(list[str]):
    """No plain global: code that writes into a list depends on nothing that it holds."""


LINES = Lines()


def told(what: str) -> None:
    LINES.append(what)


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
    if len([line for line in LINES if line == f"fails {n}"]) == 1:
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


@task(cache=True, isolation="process")
def apart(n: int) -> str:
    return uuid.uuid4().hex


@workflow
def in_a_process(n: int) -> str:
    return apart(n)
