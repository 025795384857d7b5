"""A cancel reaches whatever a run waits for: it is final soon, once, and nothing begins after it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import podium
from podium import App, Options, Retry, RunCancelled, sleep, task, workflow
from podium.client import questions
from podium.model import Kind, Query, RunRow, State
from tests.waiting import until

FINAL_SECONDS = 5.0  # within which it is final; it takes some 30 ms, and more on a machine that is busy
PATIENCE = 30.0
LONG = 60.0
LATER = Retry(times=3, wait=LONG, factor=1, jitter=False)

release = threading.Event()  # lets the bodies in threads, which nobody can stop, end with their test


@pytest.fixture(autouse=True)
def _threads_end() -> Iterator[None]:
    release.clear()
    yield
    release.set()


def begin(folder: str, what: str) -> None:
    (Path(folder) / f"{what}-{time.monotonic_ns()}").touch()


def begun(folder: Path) -> list[str]:
    return sorted(path.name.partition("-")[0] for path in folder.iterdir() if "-" in path.name)


@task
async def hold_async(folder: str) -> None:
    begin(folder, "hold")
    await asyncio.sleep(LONG)


@task
def hold_thread(folder: str) -> None:
    begin(folder, "hold")
    release.wait(LONG)


@task(isolation="process")
def hold_process(folder: str) -> None:
    begin(folder, "hold")
    time.sleep(LONG)


@task(retries=LATER)
async def fails_async(folder: str) -> None:
    begin(folder, "try")
    raise ValueError("again")


@task(retries=LATER)
def fails_thread(folder: str) -> None:
    begin(folder, "try")
    raise ValueError("again")


@task(retries=LATER, isolation="process")
def fails_process(folder: str) -> None:
    begin(folder, "try")
    raise ValueError("again")


@task
async def after(folder: str) -> None:
    begin(folder, "after")


HOLD: dict[str, Any] = {"async": hold_async, "thread": hold_thread, "process": hold_process}
FAILS: dict[str, Any] = {"async": fails_async, "thread": fails_thread, "process": fails_process}


turned: set[str] = set()  # runs whose bodies have begun: they wait before anything can come from outside


@workflow
async def child_async(folder: str, colour: str) -> None:
    await HOLD[colour](folder)
    await after(folder)


@workflow
def child_plain(folder: str, colour: str) -> None:
    HOLD[colour].run(folder)
    after.run(folder)


async def waits(folder: str, colour: str, what: str) -> Any:
    match what:
        case "step":
            return await HOLD[colour](folder)
        case "sleep":
            return await asyncio.sleep(LONG)
        case "child":
            return await child_async(folder, colour)
        case "receive":
            return await podium.receive("never", timeout=LONG)
        case "backoff":
            return await FAILS[colour](folder)
        case "fan-out":
            return await HOLD[colour].map([folder] * 5, limit=2)
        case "callback":
            return await podium.callback(str, timeout=LONG)
        case _:
            return await podium.ask("go on?", bool, timeout=LONG)


def plainly_waits(folder: str, colour: str, what: str) -> Any:
    match what:
        case "step":
            return HOLD[colour].run(folder)
        case "sleep":
            return sleep(LONG)
        case "child":
            return child_plain.run(folder, colour)
        case "receive":
            return podium.receive("never", timeout=LONG).result()
        case "backoff":
            return FAILS[colour].run(folder)
        case "fan-out":
            return list(HOLD[colour].map([folder] * 5, limit=2))
        case "callback":
            return podium.callback(str, timeout=LONG).result()
        case _:
            return podium.ask("go on?", bool, timeout=LONG).result()


@workflow
async def in_a_coroutine(folder: str, colour: str, what: str) -> None:
    turned.add(podium.this().id)
    await waits(folder, colour, what)
    await after(folder)


@workflow
def in_a_function(folder: str, colour: str, what: str) -> None:
    turned.add(podium.this().id)
    plainly_waits(folder, colour, what)
    after.run(folder)


def children(app: App, run: str) -> list[RunRow]:
    return [row for row in app.find(Query()) if row.parent == run]


def is_there(app: App, run: str, what: str, folder: Path) -> Callable[[], bool]:
    """Whether the run waits for what is to be cancelled."""

    def look() -> bool:
        match what:
            case "step" | "child":
                return begun(folder) == ["hold"]
            case "fan-out":
                return begun(folder) == ["hold", "hold"]
            case "backoff":
                return any(entry.kind == "retry" for entry in app.history(run))
            case "sleep" | "receive":
                return run in turned
            case _:
                return bool(app.store.waits(run))

    return look


EXPECTED = {"step": ["hold"], "child": ["hold"], "fan-out": ["hold", "hold"], "backoff": ["try"]}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """One for all of them: what each has left behind would show in the next."""
    path = tmp_path_factory.mktemp("cancel") / "podium.db"
    with App(path, options=Options(poll=0.05, grace=2)) as app:
        yield app


@pytest.mark.parametrize("body", [in_a_coroutine, in_a_function], ids=["coroutine", "function"])
@pytest.mark.parametrize("colour", ["async", "thread", "process"])
@pytest.mark.parametrize(
    "what", ["step", "sleep", "child", "receive", "backoff", "fan-out", "callback", "ask"]
)
def test_a_cancel_is_final_soon_and_nothing_begins_after_it(
    app: App, tmp_path: Path, what: str, colour: str, body: Any
) -> None:
    run = body.start(str(tmp_path), colour, what)
    until(is_there(app, run.id, what, tmp_path), what, PATIENCE)
    if colour == "process":  # asked from where no engine is, as another process does
        with App(app.url, drives="nothing") as other:
            asked = time.monotonic()
            other.cancel(run.id).result(PATIENCE)
    else:
        asked = time.monotonic()
        run.cancel()
    with pytest.raises(RunCancelled):
        run.result(PATIENCE)
    took = time.monotonic() - asked
    assert took < FINAL_SECONDS
    history = run.history()
    for child in children(app, run.id):
        until(lambda child=child: app.load(child.id).state.is_final, "the child's end", PATIENCE)
        assert app.load(child.id).state is State.CANCELLED
    release.set()
    assert run.state is State.CANCELLED
    assert run.history() == history, "one end, and nothing after it"
    assert begun(tmp_path) == EXPECTED.get(what, [])
    assert not app.store.waits(run.id)
    assert not questions(app, run.id)


# -- effects: what has begun is brought to an outcome first ---------------------------------------------


def takes_back(_result: str, folder: str) -> None:
    begin(folder, "undone")


def look_there(_key: str, folder: str) -> Any:
    return podium.Done("sent") if "end" in begun(Path(folder)) else podium.NOT_DONE


async def sends_async(folder: str) -> str:
    begin(folder, "begin")
    while not Path(folder, "go").exists():
        await asyncio.sleep(0.005)
    begin(folder, "end")
    return "sent"


def sends(folder: str) -> str:
    begin(folder, "begin")
    until(Path(folder, "go").exists, "go", LONG)
    begin(folder, "end")
    return "sent"


@task(undo=takes_back)
async def undo_async(folder: str) -> str:
    return await sends_async(folder)


@task(undo=takes_back)
def undo_thread(folder: str) -> str:
    return sends(folder)


@task(undo=takes_back, isolation="process")
def undo_process(folder: str) -> str:
    return sends(folder)


@task(once=True)
async def once_async(folder: str) -> str:
    return await sends_async(folder)


@task(once=True)
def once_thread(folder: str) -> str:
    return sends(folder)


@task(once=True, isolation="process")
def once_process(folder: str) -> str:
    return sends(folder)


@task(verify=look_there)
async def verify_async(folder: str) -> str:
    return await sends_async(folder)


@task(verify=look_there)
def verify_thread(folder: str) -> str:
    return sends(folder)


@task(verify=look_there, isolation="process")
def verify_process(folder: str) -> str:
    return sends(folder)


EFFECTS: dict[tuple[str, str], Any] = {
    ("undo", "async"): undo_async, ("undo", "thread"): undo_thread, ("undo", "process"): undo_process,
    ("once", "async"): once_async, ("once", "thread"): once_thread, ("once", "process"): once_process,
    ("verify", "async"): verify_async, ("verify", "thread"): verify_thread,
    ("verify", "process"): verify_process,
}  # fmt: skip


@workflow
async def has_an_effect(folder: str, kind: str, colour: str) -> None:
    await EFFECTS[kind, colour].start(folder)
    await after(folder)


@pytest.mark.parametrize("colour", ["async", "thread", "process"])
@pytest.mark.parametrize("kind", ["undo", "once", "verify"])
def test_an_effect_that_has_begun_has_its_outcome_before_a_cancel_is_final(
    app: App, tmp_path: Path, kind: str, colour: str
) -> None:
    run = has_an_effect.start(str(tmp_path), kind, colour)
    until(lambda: begun(tmp_path) == ["begin"], "begin", PATIENCE)
    run.cancel()
    until(lambda: any(entry.kind is Kind.MESSAGE for entry in run.history()), "the cancel", PATIENCE)
    assert not run.state.is_final
    assert begun(tmp_path) == ["begin"]
    (tmp_path / "go").touch()
    with pytest.raises(RunCancelled):
        run.result(PATIENCE)
    results = [entry.step for entry in run.history() if entry.kind is Kind.RESULT]
    assert begun(tmp_path) == ["begin", "end"] + ["undone"] * (kind == "undo")
    assert results[0] == f"/{kind}_{colour}"
    assert len(results) == 1 + (kind == "undo")
