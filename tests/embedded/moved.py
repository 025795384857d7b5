"""A store with runs in every state, to be moved, and what is to become of them elsewhere."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import podium
from podium import App, Options, task, workflow
from podium.client import move
from podium.model import Query, QueueChange, QueueLimits, State, Write
from podium.store import side_of_move
from podium.store.moving import TABLES, Side
from tests.store.words import engine
from tests.waiting import until

QUICK = Options(poll=0.05)
BIG = "x" * 300_000  # longer than what stands in a row of a file


@task
async def noted(text: str) -> str:
    with Path(os.environ["LEDGER"]).open("a") as ledger:
        ledger.write(f"{text}\n")
    podium.measure("length", len(text))
    print(f"said {text}\0")
    return text


@task
async def breaks() -> None:
    raise ValueError("boom")


@workflow
async def sums(text: str) -> int:
    return len(await noted(text))


@workflow
async def fails() -> None:
    await breaks()


@workflow
async def sleeps(seconds: float) -> str:
    await noted("before the sleep")
    await asyncio.sleep(seconds)
    return await noted("after the sleep")


@workflow
async def receives() -> list[str]:
    podium.publish("stage", "receiving")
    podium.emit("words", "first")
    first = await podium.receive("word", str)
    return [first, await podium.receive("word", str)]


@workflow
async def asks() -> bool:
    return await podium.ask("Go on?", bool)


@workflow
async def has_child() -> str:
    return (await receives())[-1]


def in_every_state(url: str, ledger: Path) -> dict[str, str]:
    """Fill a store; ids of its runs by what they are."""
    os.environ["LEDGER"] = str(ledger)
    with App(url, drives="all", options=QUICK, starter="") as app:
        runs = {
            "ended": sums.options(tags=("big",)).start(BIG),
            "failed": fails.start(),
            "sleeping": sleeps.start(2.5),
            "receiving": receives.start(),
            "asking": asks.start(),
            "parent": has_child.start(),
            "paused": receives.start(),
        }
        ids = {name: run.id for name, run in runs.items()}
        runs["ended"].result(20)
        until(lambda: app.load(ids["failed"]).state is State.FAILED)
        runs["receiving"].send("word", "one")
        until(lambda: len(app.store.open_waits()) == 2)  # a question, and a child
        until(lambda: app.store.values(ids["receiving"]))
        until(lambda: app.store.values(ids["paused"]))
        runs["paused"].pause()
        until(lambda: app.load(ids["paused"]).state is State.PARKED)
        ids["child"] = app.store.waits(run=ids["parent"])[0].target
    with App(url, drives="nothing") as app:
        ids["queued"] = sums.start("never begun").id
        podium.get(ids["receiving"]).send("word", "two")  # lies there, untaken
        change = QueueChange("api", 1.0, limits=QueueLimits(3, "20/m"), paused=True, by="kim")
        app.store.commit(None, [Write(queues=(change,))])
        app.store.announce(engine("gone"))  # takes one of them, and is lost with it
        code = {app.load(ids["queued"]).function: ""}
        assert len(app.store.claim("gone", code, 1, app.env.now(), runs=[ids["queued"]]).heads) == 1
        assert app.store.release({"gone": 0}, app.env.now()) == 1
    return ids


def finished(url: str, ids: dict[str, str]) -> dict[str, Any]:
    """Drive them all to their end; their results."""
    with App(url, drives="all", options=QUICK, starter="") as app:
        podium.get(ids["child"]).send("word", "a")
        podium.get(ids["child"]).send("word", "b")
        podium.get(ids["paused"]).resume()
        for word in ("c", "d"):
            podium.get(ids["paused"]).send("word", word)
        podium.get(ids["asking"]).answer(True)
        wanted = [name for name in ids if name != "failed"]
        results = {name: podium.get(ids[name]).result(20) for name in wanted}
        assert not app.find(Query(states=frozenset({State.QUEUED, State.RUNNING, State.WAITING})))
        return results


RESULTS = {
    "ended": len(BIG),
    "sleeping": "after the sleep",
    "receiving": ["one", "two"],
    "asking": True,
    "parent": "b",
    "child": ["a", "b"],
    "paused": ["c", "d"],
    "queued": len("never begun"),
}


def contents(url: str) -> dict[str, list[Any]]:
    """All rows that move."""
    side = side_of_move(url)
    try:
        return {table: _rows(side, table) for table in TABLES}
    finally:
        side.close()


def _rows(side: Side, table: str) -> list[Any]:
    columns, found, after = side.columns(table), [], None
    while page := side.page(table, sorted(columns), after):
        found += page
        after = tuple(page[-1][sorted(columns).index(name)] for name in TABLES[table])
    return found


def check_move(source: str, target: str, ledger: Path) -> None:
    """All of it goes over, and every run goes on to the result that it would have had."""
    ids = in_every_state(source, ledger)
    before = contents(source)
    moved = move(source, target)
    assert moved.runs == len(ids)
    assert contents(target) == before
    assert all(
        before[table] for table in TABLES if table not in ("progress", "value_names", "audit", "lanes")
    )
    assert finished(target, ids) == RESULTS
    said = ledger.read_text().splitlines()
    assert sorted(said) == sorted([BIG, "before the sleep", "after the sleep", "never begun"])
