"""What the workers of a fleet serve. CHAOS_LEDGER gets a line as each task body begins.

A line says when (the monotonic clock is one for all processes of a host) and in which process, so that what
a body did can be compared with what was on record by then. CHAOS_CLOCK names a file of eight bytes: the
seconds by which this process's wall clock is wrong, so that a driver can set the clock of all of them.
"""

from __future__ import annotations

import asyncio
import faulthandler
import mmap
import os
import random
import signal
import struct
import time
from pathlib import Path
from types import SimpleNamespace

import podium.env
from podium import Retry, attempt, idempotency_key, task, workflow
from tests.chaos.ledger import write_line

SECONDS_MAX = 0.4  # that a body takes: long enough to be hit
SLEEP_SECONDS = 1.5  # long enough to leave memory
STEPS = 6


class Hiccup(Exception):
    """Fails a first attempt."""


def begin() -> str:
    """A value that no other attempt has, on paper before the body does anything."""
    value = os.urandom(6).hex()
    ledger = os.environ["CHAOS_LEDGER"]
    write_line(ledger, idempotency_key(), attempt(), value, os.getpid(), time.monotonic())
    return value


@task
async def on_the_loop(number: int) -> str:
    value = begin()
    await asyncio.sleep(random.uniform(0.0, SECONDS_MAX))
    return value


@task
def in_a_thread(number: int) -> str:
    value = begin()
    time.sleep(random.uniform(0.0, SECONDS_MAX))
    return value


@task(retries=Retry(times=20, wait=0.01))
async def at_the_second_try(number: int) -> str:
    if attempt() == 1:
        raise Hiccup(number)
    return await on_the_loop.fn(number)


@workflow
async def six(number: int) -> list[str]:
    """Six steps, three of them at once, and a sleep in the middle."""
    first = await on_the_loop(number)
    three = await asyncio.gather(on_the_loop(number), at_the_second_try(number), on_the_loop(-number))
    await asyncio.sleep(SLEEP_SECONDS)
    return [first, *three, in_a_thread(number), await on_the_loop(number)]


@task
async def held(gate: str) -> str:
    """Begins, and ends when the file is there."""
    value = begin()
    while not Path(gate).exists():
        await asyncio.sleep(0.002)
    return value


@workflow
async def gated(gate: str) -> list[str]:
    """A step that a test holds up, and one that depends on it."""
    return [await held(gate), await on_the_loop(0)]


def set_clock(file: str) -> None:
    """Let Podium see a wall clock that is as wrong as the file says, from now on."""
    with open(file, "rb") as opened:
        offset = mmap.mmap(opened.fileno(), 8, prot=mmap.PROT_READ)

    def wrong() -> float:
        return time.time() + struct.unpack("d", offset)[0]

    # Its own name for the module, so that nothing else in the process is deceived.
    podium.env.time = SimpleNamespace(time=wrong, monotonic=time.monotonic)


if "CHAOS_CLOCK" in os.environ:
    set_clock(os.environ["CHAOS_CLOCK"])
if "CHAOS_LEDGER" in os.environ:
    faulthandler.register(signal.SIGUSR2, all_threads=True)  # what a stall detector asks for
