"""python -m tests.chaos.program WORKLOAD SIZE: what is killed. An ordinary script on the public API.

The store is PODIUM_URL's. CHAOS_LEDGER gets a line per task body, CHAOS_ACKNOWLEDGED the id of each run
whose start was acknowledged, and the standard output what came out.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable

from podium import Retry, attempt, idempotency_key, task, workflow
from tests.chaos.ledger import write_line


class Hiccup(Exception):
    """Fails a first attempt."""


def stamp() -> str:
    """A value that no other attempt has, on paper before it is given to Podium."""
    value = os.urandom(6).hex()
    write_line(os.environ["CHAOS_LEDGER"], idempotency_key(), attempt(), value)
    return value


@task
async def on_the_loop(number: int) -> str:
    return stamp()


@task
def in_a_thread(number: int) -> str:
    return stamp()


@task(retries=Retry(times=20, wait=0.001))
async def at_the_second_try(number: int) -> str:
    if attempt() == 1:
        raise Hiccup(number)
    return stamp()


@workflow
async def chain(length: int) -> list[str]:
    """One step after the other."""
    return [await on_the_loop(n) if n % 4 else in_a_thread(n) for n in range(length)]


@workflow
async def fan(width: int) -> list[str]:
    """All at once."""
    return await on_the_loop.map(range(width))


@workflow
async def mixed(number: int) -> list[str]:
    """A little of everything; values in the order of the calls."""
    first = await on_the_loop(number)
    pair = await asyncio.gather(on_the_loop(number), at_the_second_try(number))
    await asyncio.sleep(0.02)
    return [first, *pair, in_a_thread(number), await on_the_loop(-number)]


async def one_chain(size: int) -> list[list[str]]:
    return [await chain(size)]


async def one_fan(size: int) -> list[list[str]]:
    return [await fan(size)]


async def many(size: int) -> list[list[str]]:
    """So many runs at once; with ids, so that the script started again asks for the same ones."""

    async def one(number: int) -> list[str]:
        run = mixed.options(id=f"mixed-{number}").start(number)
        write_line(os.environ["CHAOS_ACKNOWLEDGED"], await run.started())
        return await run

    return await asyncio.gather(*map(one, range(size)))


WORKLOADS: dict[str, Callable[[int], Awaitable[list[list[str]]]]] = {
    "chain": one_chain,
    "fan": one_fan,
    "many": many,
}

if __name__ == "__main__":
    print(json.dumps(asyncio.run(WORKLOADS[sys.argv[1]](int(sys.argv[2])))))
