"""What the dashboard is looked at with: real runs of these, one killed, one failing, one of 10,000 steps."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from podium import Queue, Retry, ask, cron, emit, measure, publish, task, workflow


@dataclass
class Order:
    """What somebody wants."""

    sku: str
    amount: int = 1


@task(retries=Retry(times=3, wait=0.05))
def fetch(page: int) -> dict[str, object]:
    """A page of the site; the third one fails once."""
    time.sleep(0.05)
    print(f"GET /page/{page}")
    return {"page": page, "title": f"Page {page} <b>&amp;</b>", "words": ["a", "b"]}


@task
def strike(page: int, mark: str) -> int:
    """Kills its own process, the first time."""
    if not Path(mark).exists():
        Path(mark).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return page


@workflow
def crawl(mark: str, pages: int = 12) -> int:
    """Fetch pages; the process is killed in the middle."""
    first = list(fetch.map(range(pages), limit=4))
    strike(1, mark)
    return len(first) + len(list(fetch.map(range(pages, 2 * pages), limit=4)))


@task(retries=Retry(times=2, wait=0.05))
def parse(row: str) -> float:
    """A number."""
    return float(row)


@workflow
def check(rows: list[str]) -> float:
    """The sum of rows; fails at one that is none."""
    return sum(parse.map(rows))


@task(queue=Queue("site", concurrency=1, rate="600/m"))
def visit(mark: str) -> str:
    """Stays until the file is there."""
    while not Path(mark).exists():
        time.sleep(0.05)
    return mark


@task(queue=Queue("shops", concurrency=1, per="shop"))
def stock(shop: str, mark: str) -> str:
    """The same; each shop has a line of its own."""
    return visit.fn(mark) + shop


@workflow
def visits(mark: str, pages: int = 3) -> int:
    """Runs that stand in line."""
    asked = [stock.start(shop, mark) for shop in ("north", "north", "south")]
    return len(list(visit.map([mark] * pages))) + len([run.result() for run in asked])


@task
async def one(number: int) -> int:
    """Nothing much."""
    return number


@workflow
async def fan(items: int = 10_000) -> int:
    """A fan-out."""
    return sum(await one.map(range(items), limit=500))


@workflow
async def later(seconds: float = 3600) -> str:
    """Waits for a time."""
    await asyncio.sleep(seconds)
    return "done"


@workflow
def buy(
    order: Order, mode: Literal["usual", "fast"] = "usual", note: str | None = None, total: float = 1.0
) -> str:
    """Takes an order; `mode` says how."""
    return f"{order.sku} {mode} {note} {total}"


@task
def slow(number: int) -> int:
    """A tenth of a second."""
    time.sleep(0.1)
    return number


@workflow
def steps(many: int = 60) -> int:
    """One step after the other."""
    return sum(slow(number) for number in range(many))


@workflow(schedule=cron("30 8 * * MON-FRI", tz="Europe/Oslo", catch_up="none"))
def report(day: str = "today") -> str:
    """Starts by itself."""
    return day


@task(once=True)
def charge(mark: str) -> str:
    """Kills its own process: nobody can know whether it has happened."""
    Path(mark).touch()
    os.kill(os.getpid(), signal.SIGKILL)
    return "never"


@workflow
def purchase(mark: str) -> str:
    """Is parked over a step that only a person can know of."""
    return charge(mark)


@workflow
def weighs(many: int = 40) -> None:
    """Measures, and says how far it is."""
    publish("stage", {"name": "weighing"})
    for number in range(many):
        measure("scale.kg", 40 + number % 7, scale="left")
        emit("readings", f"reading {number}")


@workflow
def ponder(mark: str) -> str:
    """Thinks until the file is there: no step is under way meanwhile."""
    while not Path(mark).exists():
        pass
    return "thought"


@dataclass
class Approval:
    """What a person decides."""

    approve: bool
    reason: str = ""


@workflow
async def refund(amount: int = 120) -> str:
    """Asks twice."""
    if not await ask(f"Refund {amount}?", bool, to="ops", about={"order": 1042, "reason": "<b>broken</b>"}):
        return "refused"
    given = await ask("In which way?", Approval)
    return f"{given.approve} {given.reason}"
