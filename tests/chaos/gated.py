"""python -m tests.chaos.gated GATE [LEASE [GRACE]]: a script with a run that two gates, GATE and "end", stop.

A gate is open as soon as the file of its name exists in CHAOS_GATES. So a test decides when a task ends,
and need not guess how long anything takes. CHAOS_LEDGER gets a line per task body that begins or ends.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path

from podium import App, Options, attempt, idempotency_key, task, workflow
from tests.chaos.ledger import write_line

LEDGER = os.environ["CHAOS_LEDGER"]
LOOK_SECONDS = 0.002  # a gate is a file, which has no event to wait for


def note(value: str) -> str:
    """The body has come to here."""
    write_line(LEDGER, idempotency_key(), attempt(), value)
    return value


def is_open(gate: str) -> bool:
    return Path(os.environ["CHAOS_GATES"], gate).exists()


@task
async def first(gate: str) -> str:
    return note(f"{os.getpid()}-{gate}-first")


@task
def through(gate: str) -> str:
    note("begins")
    while not is_open(gate):
        time.sleep(LOOK_SECONDS)
    return note(f"{os.getpid()}-{gate}-through")


@task
async def last(gate: str) -> str:
    while not is_open("end"):
        await asyncio.sleep(LOOK_SECONDS)
    return note(f"{os.getpid()}-{gate}-last")


@workflow
async def journey(gate: str) -> list[str]:
    return [await first(gate), through(gate), await last(gate)]


def main(gate: str, lease: float = 10.0, grace: float = 5.0) -> None:
    with App(options=Options(lease=lease, grace=grace)):
        try:
            print(*journey.run(gate))
        except (KeyboardInterrupt, SystemExit):
            write_line(LEDGER, f"{gate}:main", 0, "interrupted")
            raise


if __name__ == "__main__":
    main(sys.argv[1], *map(float, sys.argv[2:]))
