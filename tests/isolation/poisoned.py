"""python -m tests.isolation.poisoned STORE LEDGER: drives what is in the store until nothing is left.

One of the runs there kills whatever process drives it.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path

from podium import App, Options, idempotency_key, task, workflow
from podium.model import Query, State
from tests.isolation.tasks import misbehave

UNFINISHED = frozenset({State.QUEUED, State.RUNNING, State.WAITING})
LEDGER = sys.argv[2] if __name__ == "__main__" else ""


def note(value: str) -> None:
    """One line for each body that begins."""
    with open(LEDGER, "a", encoding="utf-8") as file:
        file.write(f"{value}\n")


@task
def kills(how: str) -> None:
    note(f"{how} {os.getpid()}")
    if not os.environ.get("MENDED"):
        misbehave(how)


@task
def works(number: int) -> int:
    note(f"{idempotency_key()} {os.getpid()}")
    time.sleep(0.01)
    return number


@workflow
async def poison(how: str) -> int:
    first = works(0)
    kills(how)
    return first


@workflow
async def deadly(how: str) -> int:
    """Its own body kills, before anything of it is on record."""
    if not os.environ.get("MENDED"):
        misbehave(how)
    return 0


@workflow
async def steady(number: int) -> int:
    one, two = await asyncio.gather(works.start(number), works.start(number))
    await asyncio.sleep(0.05)
    return one + two + works(number)


def drive(store: str) -> None:
    with App(store, options=Options(poll=0.05)) as app:
        _ = app.host
        while app.find(Query(states=UNFINISHED, limit=1)):
            time.sleep(0.01)


if __name__ == "__main__":
    drive(sys.argv[1])
    Path(LEDGER).with_suffix(".done").touch()
