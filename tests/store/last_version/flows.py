"""What the runs in `store.sql` run: the same code then and now."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import podium
from podium import Retry, task, workflow
from tests.store.last_version import more


@task
def step(n: int) -> int:
    print(f"step {n}")
    return n + 1


@task
def big(size: int) -> str:
    return "x" * size


@task(retries=Retry(times=2, wait=0.01))
def shaky() -> str:
    if not Path("mended").exists():
        raise ValueError("x" * 300_000)
    return "mended"


@task(retries=Retry(times=5, wait=60, on=ValueError))
def patient() -> str:
    if not Path("mended").exists():
        raise ValueError("not yet")
    return "mended"


@task
def deadly() -> str:
    if not Path("mended").exists():
        os.kill(os.getpid(), signal.SIGKILL)
    return "survived"


@workflow
def succeeds(size: int) -> int:
    return len(big(size)) + step(1)


@workflow
def fails() -> str:
    step(1)
    return shaky()


@workflow
def retries() -> str:
    step(1)
    return patient()


@workflow
def parks() -> int:
    step(1)
    if not Path("mended").exists():
        open("effect")  # noqa: SIM115  # an effect, to be refused
    return step(2)


@workflow
def sleeps(seconds: float) -> int:
    first = step(1)
    podium.sleep(seconds)
    return first + step(2)


@workflow
def clashes() -> list[int]:
    """Two tasks of one name take turns; then it sleeps."""
    found = [step(1), more.step(2), step(3), more.step(4)]
    podium.sleep(8)
    return [*found, more.step(5), step(6)]


@workflow
def dies() -> str:
    step(1)
    return deadly()
