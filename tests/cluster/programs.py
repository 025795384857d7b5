"""Tasks for both kinds of clusters, whose workers import this module."""

from __future__ import annotations

import logging
import os
import time
from pathlib import Path
from typing import Any

import podium
from podium import task, workflow
from podium.client.process import default_drives

KINDS = ("dask", "ray")


def adds(a: int, b: int) -> tuple[int, int, str, int]:
    """Says all that a body may say."""
    print("adding")
    podium.progress(1, 2, "half")
    podium.measure("sums", a + b)
    podium.emit("parts", a)
    podium.emit("parts", b)
    logging.getLogger(__name__).warning("it is %d", a + b)
    return a + b, os.getpid(), podium.idempotency_key(), podium.attempt()


async def doubles(n: int) -> int:
    """An `async def`."""
    return 2 * n


def refuses() -> None:
    """Fails."""
    raise ValueError("no")


def waits(folder: str) -> int:
    """Says which process it is, and waits until there is `go`; the attempt that did."""
    mine = Path(folder, f"attempt-{podium.attempt()}")
    mine.with_suffix(".new").write_text(str(os.getpid()))
    mine.with_suffix(".new").rename(mine)
    while not Path(folder, "go").exists():
        time.sleep(0.02)
    return podium.attempt()


def kills(folder: str) -> None:
    """Ends the process that runs it."""
    with Path(folder, "kills").open("a") as file:
        file.write("x")
    os._exit(9)


def drives() -> str:
    """What the process that runs it drives."""
    return default_drives()


def lingers(folder: str) -> None:
    """Takes longer than it may."""
    Path(folder, "lingers").touch()
    time.sleep(60)


ON: dict[str, dict[str, Any]] = {
    kind: {
        "adds": task(adds, executor=kind, name=f"adds-{kind}"),
        "doubles": task(doubles, executor=kind, name=f"doubles-{kind}"),
        "refuses": task(refuses, executor=kind, name=f"refuses-{kind}"),
        "waits": task(waits, executor=kind, name=f"waits-{kind}"),
        "kills": task(kills, executor=kind, name=f"kills-{kind}"),
        "drives": task(drives, executor=kind, name=f"drives-{kind}"),
        "lingers": task(lingers, executor=kind, name=f"lingers-{kind}", timeout=0.3),
    }
    for kind in KINDS
}


@workflow
def one(kind: str, name: str, *given: Any) -> Any:
    """One step."""
    return ON[kind][name](*given)


@workflow
def doubled(kind: str, count: int) -> list[int]:
    """Many steps at once."""
    return list(ON[kind]["doubles"].map(range(count)))


@workflow
def in_company(kind: str, folder: str, count: int) -> tuple[list[int], str]:
    """A task that kills its worker among others."""
    culprit = ON[kind]["kills"].start(folder)
    doubled = list(ON[kind]["doubles"].map(range(count)))
    try:
        culprit.result()
    except podium.TaskCrashed as error:
        return doubled, str(error)
    return doubled, "it did not fail"
