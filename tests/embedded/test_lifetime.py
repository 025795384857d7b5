"""Opening, closing, two apps, forks, and more runs than fit in memory."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import threading
import time
import weakref
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest

import podium
from podium import App, Options, PodiumError, RunParked, task, workflow
from podium.client import StartOptions, process
from podium.engine import Event
from podium.engine.owned import OwnedRun
from podium.engine.poison_bodies import Adopter
from podium.errors import EngineStopped
from podium.machine.loop import Loop
from podium.model import EngineRow, Query, State
from tests import forkserver
from tests.waiting import until

started, go_on = threading.Event(), threading.Event()
cleaned: list[str] = []


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    started.clear()
    go_on.clear()
    cleaned.clear()
    yield
    go_on.set()


@task
def waits(n: int) -> int:
    started.set()
    go_on.wait(30)
    return n


@task
async def stays(n: int) -> int:
    started.set()
    try:
        await asyncio.sleep(60)
    finally:
        cleaned.append("task")
    return n


@task
def plus_one(n: int) -> int:
    return n + 1


@workflow
def two_steps(n: int) -> int:
    return waits(plus_one(n))


@workflow
async def stuck_async(n: int) -> int:
    try:
        return await stays(n)
    finally:
        cleaned.append("body")
        await stays(99)


@workflow
async def quick(n: int) -> int:
    return plus_one(n)


@workflow
async def naps(seconds: float) -> str:
    await asyncio.sleep(seconds)
    return "rested"


# -- in memory -------------------------------------------------------------------------------------------


def test_a_run_in_memory_has_no_more_than_it_needs(store: Path) -> None:
    """A thousand runs in flight are a thousand of each, which the collector passes over again and again."""
    with App(store):
        run = two_steps.start(1)
        assert started.wait(30)
        found: list[Any] = [each for each in gc.get_objects() if type(each) is OwnedRun]
        (owned,) = [each for each in found if each.head.id == run.id]
        assert (owned._border, owned._inbox, owned._alarm, owned.machine._effects) == (None,) * 4
        go_on.set()
        assert run.result(30) == 2


# -- closing -----------------------------------------------------------------------------------------------


def test_closing_waits_for_running_tasks(store: Path) -> None:
    app = App(store)
    with app:
        run = two_steps.start(1)
        assert started.wait(30)
        threading.Timer(0.1, go_on.set).start()
    with App(store) as app:
        assert [entry.step for entry in app.history(run.id)][-1].endswith("waits")
        assert two_steps.options(id=run.id).run(1) == 2


def test_closing_hands_back_what_does_not_end_in_time(store: Path) -> None:
    with App(store, options=Options(grace=0.1)) as app:
        runs = [two_steps.start(1), stuck_async.start(1), naps.start(60)]
        assert started.wait(30)
        until(runs[0].history)
    assert "task" in cleaned
    with App(store, drives="nothing") as app:
        assert {app.load(run.id).state for run in runs} == {State.WAITING}
        assert {app.load(run.id).lost for run in runs} == {0}, "a clean goodbye is no loss"
        assert app.store.engines() == []
        assert len(app.history(runs[1].id)) == 0, "dropping a body must not run the task in its finally"
    go_on.set()
    with App(store, options=Options(grace=0.1)) as app:
        assert two_steps.options(id=runs[0].id).run(1) == 2
        assert len(app.history(runs[0].id)) == 2


def test_closing_hands_back_at_once_what_nobody_here_asked_for(store: Path) -> None:
    with App(store, drives="nothing"):
        other = two_steps.start(1)
    with App(store, options=Options(grace=3600)) as app:
        assert quick.run(1) == 2
        assert started.wait(30)
    with App(store, drives="nothing") as app:
        row = app.load(other.id)
        assert (row.state, row.lost) == (State.WAITING, 0)


def test_what_is_handed_back_again_and_again_is_no_loss_and_parks_nobody(store: Path) -> None:
    with App(store, drives="nothing"):
        other = two_steps.start(1)
    with App(store, drives="nothing") as app:  # its first owner dies
        app.store.announce(EngineRow("dead", 0, "elsewhere", 1, 0.0))
        functions = {two_steps.name: two_steps._function.fingerprint}
        assert app.store.claim("dead", functions, 1, time.time(), [other.id]).heads
        app.store.release({"dead": 0}, 0.0)
    for _ in range(8):
        started.clear()
        with App(store, options=Options(grace=3600)):
            assert quick.run(1) == 2
            assert started.wait(30)
    go_on.set()
    with App(store) as app:
        assert app.load(other.id).lost == 1
        assert app.wait(other.id).result(10).state is State.SUCCEEDED


def test_sleepers_that_have_lost_three_owners_hear_of_their_cancels(store: Path) -> None:
    with App(store, drives="nothing") as app:
        others = [naps.start(3600) for _ in range(3)]
        functions = {naps.name: naps._function.fingerprint}
        for engine in ("first", "second", "third"):
            app.store.announce(EngineRow(engine, 0, "elsewhere", 1, 0.0))
            claimed = app.store.claim(engine, functions, 3, time.time(), [run.id for run in others])
            assert len(claimed.heads) == 3
            app.store.release({engine: 0}, 0.0)
        for run in others:
            run.cancel()
    with App(store) as app:
        for run in others:
            assert app.wait(run.id).result(10).state is State.CANCELLED
            assert app.load(run.id).entries <= 3, "it was not taken up again and again"


def test_an_app_that_leaves_others_alone_drives_what_it_started_and_what_it_waits_for(store: Path) -> None:
    with App(store, drives="nothing"):
        other, awaited = quick.start(1), quick.start(2)
    with App(store, drives="own", options=Options(evict_always=True)) as app:
        left = naps.options(delay=0.01).start(0.01)
        assert app.wait(awaited.id).result(10).state is State.SUCCEEDED
        until(lambda: left.state.is_final)  # nobody waits for it, but it was started here
        assert app.load(other.id).state is State.QUEUED


def test_who_waits_for_a_closed_app_is_told(store: Path) -> None:
    failures: list[BaseException] = []
    with App(store, options=Options(grace=0.05)):
        run = naps.start(60)

        def wait() -> None:
            try:
                run.result()
            except BaseException as error:
                failures.append(error)

        waiting = threading.Thread(target=wait)
        waiting.start()
        time.sleep(0.05)
    waiting.join(30)
    assert not waiting.is_alive()
    assert isinstance(failures[0], EngineStopped)
    with pytest.raises(PodiumError):
        run.result()


def test_who_comes_while_an_app_closes_is_told_too(store: Path) -> None:
    """An engine ends a while after everybody was told; whoever comes in between must not hang."""
    for _ in range(5):
        app = App(store)
        with app:
            quick.run(1)

            def ask(app: App = app) -> None:
                with contextlib.suppress(PodiumError):
                    while end := app.starts.one(quick._function, (1,), {}, StartOptions(), watch=True).end:
                        end.result()

            asking = [threading.Thread(target=ask) for _ in range(8)]
            for thread in asking:
                thread.start()
        for thread in asking:
            thread.join(30)
        assert not any(thread.is_alive() for thread in asking)


def test_closing_twice_and_using_it_afterwards(store: Path) -> None:
    with App(store) as app:
        assert quick.run(1) == 2
    app.close()
    with pytest.raises(EngineStopped):
        app.find(Query())
    with pytest.raises(EngineStopped):
        app.start(quick._function, (1,), {}, quick._call)


def test_closing_leaves_no_thread_and_no_file_open(store: Path) -> None:
    before = set(threading.enumerate())
    with App(store):
        assert quick.run(1) == 2
        assert set(threading.enumerate()) - before
    until(lambda: set(threading.enumerate()) <= before, threading.enumerate)
    if os.path.isdir("/proc/self/fd"):
        links = [os.path.realpath(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd")]
        assert [link for link in links if link.startswith(str(store))] == []


def test_a_never_used_app_creates_nothing(store: Path) -> None:
    with App(store, drives="own"):
        pass
    assert not store.exists()


# -- several -----------------------------------------------------------------------------------------------


def test_two_apps_in_one_process(store: Path) -> None:
    with App(store) as outer:
        first = quick.options(id="same").start(1)
        with App(f"{store}-2") as inner:
            second = quick.options(id="same").start(5)
            assert second.result() == 6
            assert len(inner.find(Query())) == 1
        assert first.result() == 2
        assert quick.run(3) == 4
        assert len(outer.find(Query())) == 2


def test_two_engines_on_one_store_share_the_work(store: Path) -> None:
    with App(store, options=Options(runs_max=3, poll=0.02)) as one:
        assert one.host.id
        with App(store, options=Options(runs_max=3, poll=0.02)) as other:
            runs = [naps.options(delay=0.01).start(0.01) for _ in range(12)]
            assert [run.result(30) for run in runs] == ["rested"] * 12
            assert len(one.store.engines()) == len(other.store.engines()) == 2


def test_five_thousand_starts_with_room_for_fifty(store: Path) -> None:
    most = 0

    def look(event: Event) -> None:
        nonlocal most
        most = max(most, len(app.host.engine.owned))

    with App(store, options=Options(runs_max=50, poll=0.05)) as app:
        app.observers.append(look)

        async def main() -> list[int]:
            return list(await asyncio.gather(*(quick.start(n) for n in range(5000))))

        assert asyncio.run(main()) == [n + 1 for n in range(5000)]
    assert most <= 50, "more runs in memory than there is room for"


# -- forks -------------------------------------------------------------------------------------------------


FORKING = """
import os, sys
from podium import App, task, workflow
from podium.model import Query

@task
def pid(n: int) -> int:
    return os.getpid()

@workflow
def where(n: int) -> int:
    return pid(n)

apps = [App("one.db"), App("two.db")]
with apps[0] as app, apps[1]:
    apps[0].host
    assert where.run(1) == os.getpid()
    child = os.fork()
    if child == 0:
        for closed in apps:
            try:
                closed.find(Query())
            except Exception as error:
                print(type(error).__name__, flush=True)
        print(where.run(2) == os.getpid(), flush=True)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert where.run(3) == os.getpid()
print("parent done", flush=True)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_fork_forgets_the_apps_of_its_parent(project: Path, python: Any) -> None:
    (project / "forking.py").write_text(FORKING)
    done = forkserver.run(
        [*python, "-W", "ignore", "forking.py"], capture_output=True, text=True, timeout=60, cwd=project
    )
    assert done.stdout.split("\n")[:4] == ["EngineStopped", "EngineStopped", "True", "parent done"], (
        done.stderr
    )
    assert done.returncode == 0


def test_a_closed_app_refuses_every_call(store: Path) -> None:
    with App(store) as app:
        assert quick.run(1) == 2
    for _ in range(3):  # the second one used to wait for an answer that nobody would give
        with pytest.raises(EngineStopped):
            app.start(quick._function, (1,), {}, StartOptions())
        with pytest.raises(EngineStopped):
            app.wait("unknown")


def loops() -> int:
    """How many runs are in memory, whoever keeps them."""
    gc.collect()
    return sum(issubclass(type(found), Loop) for found in gc.get_objects())


def test_a_closed_app_keeps_no_run_in_memory(store: Path) -> None:
    """Greenlets of a thread that has ended, and whatever they hold, are never freed."""
    before = loops()
    for _ in range(3):
        with App(store):
            assert [naps.run(0.001) for _ in range(10)] == ["rested"] * 10
    assert loops() <= before


def test_a_run_that_cannot_be_made_from_its_row_is_parked_and_the_others_go_on(
    store: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with App(store, drives="nothing"):
        for id in ("bad", "good"):
            quick.options(id=id).start(1)
    raw = apsw.Connection(str(store))
    raw.execute("UPDATE runs SET context = 'not JSON' WHERE id = 'bad'")
    raw.close()
    with App(store, options=Options(poll=0.05)):
        with pytest.raises(RunParked, match="driving this run failed: DecodeError"):
            podium.get("bad").result()
        assert podium.get("good").result() == 2
    assert "Traceback" not in caplog.text


def test_an_error_of_ours_after_a_commit_ends_the_engine_and_every_wait(
    store: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("of ours")

    monkeypatch.setattr(Adopter, "adopt", broken)
    with App(store, options=Options(poll=0.01)):
        for _ in range(3):
            with pytest.raises(EngineStopped):
                quick.options(id="first").start(1)
    assert caplog.text.count("ZeroDivisionError: of ours") == 1
    monkeypatch.undo()
    with App(store, options=Options(lease=0.2)):
        assert podium.get("first").result() == 2


class Held:
    """Something large of a caller's."""


@pytest.mark.parametrize("look", [process.in_test, process._is_serving])
def test_a_look_at_the_stacks_keeps_nothing_of_them(look: Callable[[], bool]) -> None:
    """Before, it held its own frame, and by that what its callers held until the collector came."""

    def call() -> weakref.ref[Held]:
        held = Held()
        look()
        return weakref.ref(held)

    gc.disable()
    try:
        assert call()() is None
    finally:
        gc.enable()


@workflow
async def naps_once(n: int) -> int:
    await asyncio.sleep(0.05)
    return plus_one(n)


@workflow
async def asks_a_nap(n: int) -> int:
    return await naps_once(n)


@pytest.mark.parametrize("flow", [two_steps, naps_once, asks_a_nap])
def test_runs_that_have_left_memory_are_no_garbage(store: Any, flow: Any) -> None:
    """Found by the collector alone, a hundred runs in flight cost a tenth of their time, or 30 MB."""
    go_on.set()
    with App(store, options=Options(poll=0.05, evict_always=True)):
        for run in flow.start_many(range(5)):
            run.result(30)
        gc.collect()
        gc.disable()
        try:
            for run in flow.start_many(range(5, 25)):
                run.result(30)
            gc.set_debug(gc.DEBUG_SAVEALL)
            gc.collect()
            found = Counter(type(each) for each in gc.garbage)
        finally:
            gc.set_debug(0)
            gc.garbage.clear()
            gc.enable()
    # What each of these twenty has left, and not what an app that was closed before had.
    ours = {kind.__name__: count for kind, count in found.items() if kind.__module__.startswith("podium")}
    assert {name for name, count in ours.items() if count >= 20} == set()


# -- what is told of others --------------------------------------------------------------------------------


@workflow
def family() -> list[str]:
    return [run.result() for run in [naps.start(60.0) for _ in range(3)]]


def test_what_its_runs_have_started_is_not_told_of_as_others(store: Path) -> None:
    for _ in range(2):
        said: list[str] = []
        with App(store, drives="own", options=Options(grace=0), notice=said.append) as app:
            family.options(id="f").start()
            until(lambda: "f" in app.host.engine.owned and len(app.find(Query())) == 4)
        assert [line for line in said if "other run" in line] == []
        assert [line for line in said if "podium: stopped run f" in line], said
