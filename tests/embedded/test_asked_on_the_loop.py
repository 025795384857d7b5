"""Tasks on the event loop that ask something of a run while the store does not answer: the others go on."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

import podium
from podium import App, WrongState, task, workflow
from podium.errors import StoreUnavailable
from podium.model import State

READS = ("load", "load_many", "statuses", "waits", "open_waits", "history", "values", "find", "inbox")


class Silence:
    """A store that answers no look while it lasts: it ends when a task of the same loop gets its turn."""

    def __init__(self) -> None:
        self.is_over = threading.Event()
        self.is_over.set()
        self.asked = asyncio.Event()
        self.names: list[str] = []  # of the looks that had to wait

    def over(self, name: str, look: Callable[..., Any]) -> Callable[..., Any]:
        def waits(*args: Any, **kwargs: Any) -> Any:
            if not self.is_over.is_set():
                self.names.append(name)
            if not self.is_over.wait(10):
                raise StoreUnavailable("nobody has ended the silence: it stood in the way of who would have")
            return look(*args, **kwargs)

        return waits


@pytest.fixture
def silence(app: App, monkeypatch: pytest.MonkeyPatch) -> Silence:
    global silent  # tasks of this process look at it
    silent = Silence()
    for name in READS:
        monkeypatch.setattr(app.store, name, silent.over(name, getattr(app.store, name)))
    return silent


silent: Silence


async def own_id(_: podium.Run[Any]) -> str:
    return podium.this().id


async def own_signal(_: podium.Run[Any]) -> str:
    await podium.this().send("hello")
    return "sent"


WAYS: dict[str, Callable[[podium.Run[Any]], Any]] = {
    "this().id": own_id,
    "this().send": own_signal,
    "this().cancel": lambda _: podium.this().cancel(),
    "send": lambda other: other.send("hello"),
    "cancel": lambda other: other.cancel(),
    "pause": lambda other: other.pause(),
    "terminate": lambda other: other.terminate(),
    "resume": lambda other: other.resume(),
    "settle": lambda other: other.settle("step", again=True),
    "answer": lambda other: other.answer(True),
    "complete": lambda _: podium.complete("nobody-asks"),
}
NO_LOOK = ("this().id", "this().send")


@task
async def asks(way: str, other: str) -> str:
    run = podium.get(other)
    silent.is_over.clear()
    try:
        waiting = WAYS[way](run)
        silent.asked.set()
        return str(await waiting)
    except WrongState as error:
        return f"WrongState: {error.message}"


@task
async def ends_the_silence() -> None:
    await silent.asked.wait()
    await asyncio.sleep(0.02)  # turns of the loop
    silent.is_over.set()


@workflow
async def both(way: str, other: str) -> str:
    said, _ = await asyncio.gather(asks(way, other), ends_the_silence())
    return said


@workflow
def rests() -> None:
    podium.sleep(3600)


@pytest.mark.parametrize("way", WAYS)
def test_what_a_task_asks_of_a_run_holds_up_nobody_while_the_store_says_nothing(
    app: App, silence: Silence, way: str
) -> None:
    other = rests.start()
    run = both.start(way, other.id)
    if way == "this().cancel":
        with pytest.raises(podium.RunCancelled):
            run.result(30)
    else:
        said = run.result(30)
        assert said in (run.id, "sent", "None") or said.startswith("WrongState"), said
    if way in NO_LOOK:
        assert silence.names == []
    else:
        assert silence.names, "it has looked, and waited for that elsewhere"
    app.cancel(other.id).result(30)


@task
async def sends_in_order(other: str) -> None:
    run = podium.get(other)
    sent = [run.send("n", n) for n in range(50)]
    await asyncio.gather(*(as_coroutine(each) for each in sent))


async def as_coroutine(waiting: Any) -> None:
    await waiting


@workflow
async def hears(count: int) -> list[int]:
    return [await podium.receive("n", int) for _ in range(count)]


@workflow
async def tells(other: str) -> None:
    await sends_in_order(other)


def test_signals_that_are_sent_in_a_loop_come_in_order(app: App) -> None:
    hearer = hears.start(50)
    tells.run(hearer.id)
    assert hearer.result(30) == list(range(50))


kept: list[podium.Run[Any]] = []


@task
async def keeps_itself() -> int:
    kept[:] = [podium.this()]
    return 3


@workflow
async def kept_run() -> tuple[int, str]:
    return await keeps_itself(), "done"


def test_what_this_gives_has_its_run_as_anybody_else(app: App) -> None:
    run = kept_run.start()
    assert run.result(30) == (3, "done")

    async def wait() -> Any:
        return await kept[0]

    assert kept[0].result(30) == (3, "done"), "as the type that its function declares"
    assert asyncio.run(wait()) == (3, "done")
    assert (kept[0].id, kept[0].state) == (run.id, State.SUCCEEDED)
    with pytest.raises(WrongState):
        kept[0].terminate()
