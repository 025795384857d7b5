"""Tasks on the event loop that ask something of a run while the store does not answer: the others go on."""

from __future__ import annotations

import asyncio
import os
import subprocess
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

import podium
from podium import App, Options, WrongState, task, workflow
from podium.client import completing
from podium.client.told import Told
from podium.client.waiting import known
from podium.errors import EngineStopped, ResourceShortage, StoreUnavailable
from podium.model import State
from tests.waiting import until

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


# -- what nobody awaits ------------------------------------------------------------------------------------


@workflow
async def hears_go() -> str:
    return await podium.receive("go", str)


VERBS: dict[str, Callable[[podium.Run[Any]], Any]] = {
    "send": lambda run: run.send("go", "hello"),
    "cancel": lambda run: run.cancel(),
    "pause": lambda run: run.pause(),
    "all": lambda run: podium.runs(f"id:{run.id}").cancel(),
}


def is_done(app: App, run: str) -> bool:
    """Whether the verb has come to something."""
    return app.load(run).state in (State.CANCELLED, State.PARKED, State.SUCCEEDED) or any(
        message.kind for message in app.store.inbox(run)
    )


@pytest.mark.parametrize("verb", VERBS)
def test_what_was_asked_and_not_awaited_is_done_before_an_app_closes(
    store: Path, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    closing = threading.Event()

    async def ask(app: App) -> str:
        run = hears_go.start()
        await run.started()
        for name in READS:
            monkeypatch.setattr(app.store, name, late_until(closing, getattr(app.store, name)))
        VERBS[verb](run)
        return run.id

    def drain(seconds: float) -> None:
        closing.set()
        wait(seconds)

    with App(store) as app:
        wait = app.session.asking.drain
        monkeypatch.setattr(app.session.asking, "drain", drain)
        run = asyncio.run(ask(app))
    with App(store, drives="nothing") as app:
        assert is_done(app, run)


def late_until(event: threading.Event, look: Callable[..., Any]) -> Callable[..., Any]:
    """A look that is answered then; those of the engine are not held up."""

    def waits(*args: Any, **kwargs: Any) -> Any:
        if threading.current_thread().name == "podium-ask":
            event.wait(30)
        return look(*args, **kwargs)

    return waits


def test_what_is_not_done_in_the_time_of_a_close_is_refused_and_told(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    never, told = threading.Event(), list[str]()
    monkeypatch.setattr("podium.client.session.ASKED_SECONDS", 0.05)

    async def ask() -> list[Any]:
        run = hears_go.start()
        await run.started()
        monkeypatch.setattr(app.store, "load", late_until(never, app.store.load))
        return [run.cancel(), run.send("go", "hello")]

    with App(store, options=Options(grace=0), notice=told.append) as app:
        asked = asyncio.run(ask())
    try:
        for each in asked:
            with pytest.raises(EngineStopped):
                each.result(10)
        assert next(line for line in told if "asked in an event loop" in line).endswith(": 2"), told

        with pytest.raises(EngineStopped):
            app.session.asking.ask(lambda: known(None)).result(10)
    finally:
        never.set()


LEAVES = """
import asyncio, sys, time
import podium

async def main():
    run = podium.get(sys.argv[1])
    store = podium.client.current_app().store
    load = store.load
    store.load = lambda *args: (time.sleep(0.3), load(*args))[1]  # it would be over long before
    run.cancel()

asyncio.run(main())
"""


def test_what_was_asked_and_not_awaited_is_done_before_a_program_without_an_engine_ends(
    store: Path, python: list[str]
) -> None:
    with App(store):
        run = hears_go.options(delay=3600).start().id
    env = {**os.environ, "PODIUM_URL": f"sqlite:///{store}", "PODIUM_ENGINE": "off"}
    subprocess.run([*python, "-c", LEAVES, run], env=env, check=True, timeout=60)
    with App(store, drives="nothing") as app:
        assert is_done(app, run)


# -- the value that is given -------------------------------------------------------------------------------


@workflow
async def wants_numbers() -> dict[str, int]:
    return await podium.ask("which?", dict[str, int])


@workflow
async def is_called_back() -> dict[str, int]:
    return await podium.callback(dict[str, int])


@pytest.mark.parametrize("later", [2, "no number", object()], ids=["another", "misfit", "no_value"])
@pytest.mark.parametrize("how", ["answer", "complete"])
def test_what_is_answered_is_the_value_as_it_was_given(app: App, how: str, later: Any) -> None:
    run = (wants_numbers if how == "answer" else is_called_back).start()
    (row,) = until(lambda: app.store.waits(run.id))

    async def answer() -> None:
        value: dict[str, Any] = {"n": 1}
        given = run.answer(value) if how == "answer" else podium.complete(row.target, value)
        value["n"] = later
        await given

    asyncio.run(answer())
    assert run.result(30) == {"n": 1}


@task
async def sends_both_ways() -> None:
    """Its run's own handle looks for nothing, the other one does."""
    sent = [podium.get(podium.this().id).send("n", 0), podium.this().send("n", 1), podium.this().send("n", 2)]
    for each in sent:
        await each


@workflow
async def hears_itself() -> list[int]:
    await sends_both_ways()
    return [await podium.receive("n", int) for _ in range(3)]


def test_what_a_task_sends_to_its_run_comes_in_order_by_whichever_handle(app: App) -> None:
    assert [hears_itself.run() for _ in range(5)] == [[0, 1, 2]] * 5


def test_a_verb_that_waits_for_a_start_holds_up_only_those_of_the_same_run(app: App) -> None:
    start: Told[str] = Told()
    asking, done = app.session.asking, list[str]()

    def act(what: str) -> Callable[[], Future[None]]:
        return lambda: known(done.append(what))

    first, second = asking.ask(act("first"), start), asking.ask(act("second"), start)
    asking.ask(act("other")).result(30)
    assert done == ["other"]
    assert not asking.is_idle, "what goes at once would pass these"
    start.tell("run")
    first.result(30), second.result(30)
    assert done == ["other", "first", "second"]


def test_a_refusal_that_finds_no_thread_to_look_why_is_a_shortage(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    spawn = app.env.spawn

    def lacks(target: Any, *args: Any, name: str) -> threading.Thread:
        if name == "podium-ask":
            raise ResourceShortage("no more threads")
        return spawn(target, *args, name=name)

    monkeypatch.setattr(app.env, "spawn", lacks)
    with pytest.raises(ResourceShortage):
        completing(app, "nobody-asks", 1, None, "").result(30)

    async def ask() -> None:
        podium.complete("nobody-asks", 1)  # not awaited: it is not under way, and that is said here

    with pytest.raises(ResourceShortage):
        asyncio.run(ask())
