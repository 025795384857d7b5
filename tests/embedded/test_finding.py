"""Runs by id and by query, many starts at once: what the command line has, in code."""

from __future__ import annotations

import asyncio
import importlib.metadata
import os
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import msgspec
import pytest

import podium
from podium import App, IdConflict, Options, RunNotFound, UsageError, WrongState, task, workflow
from podium.client import Cancelled
from podium.inspect import history
from podium.model import Fence, Move, NewRun, Query, State, Verdict, Write
from tests import forkserver
from tests.waiting import until


@dataclass
class Price:
    amount: int


@task
def price(n: int) -> Price:
    return Price(n)


@workflow
def quote(n: int) -> Price:
    return price(n)


@workflow
def rests(n: int) -> int:
    podium.sleep(3600)
    return n


@task
def fails_once(flag: str) -> str:
    path = Path(flag)
    if not path.exists():
        path.touch()
        raise ValueError("not yet")
    return "done"


@workflow
def second_time(flag: str) -> str:
    return fails_once(flag)


@task
def waits_for(began: str, gate: str) -> str:
    Path(began).touch()
    while not Path(gate).exists():
        threading.Event().wait(0.01)
    return "done"


@workflow
def looks_in_its_body(how: str) -> str:
    try:
        if how == "get":
            podium.get("a")
        elif how == "f.get":
            quote.get("a")
        else:
            podium.runs()
    except UsageError as error:
        return str(error)
    return "found"


@task
def looks(id: str) -> int:
    return quote.get(id).result().amount + len([run.id for run in podium.runs("workflow:quote")])


@task
async def looks_async(id: str) -> int:
    found = podium.runs("workflow:quote")
    return (await podium.get(id)).amount + await found.count()


@workflow
async def asks_tasks(id: str) -> int:
    return await looks_async(id) + looks(id)


# -- by id -------------------------------------------------------------------------------------------------


def test_a_run_is_found_by_its_id_from_another_app(app: App, store: Path) -> None:
    quote.options(id="q-1").start(7).result()
    with App(store, drives="nothing"):
        assert podium.get("q-1").result() == Price(7)
        run = quote.get("q-1")
        assert (run.id, run.result(), run.state) == ("q-1", Price(7), State.SUCCEEDED)
        assert len(run.history()) == 1


def test_an_unknown_id_is_not_found(app: App) -> None:
    with pytest.raises(RunNotFound, match="'nope'"):
        podium.get("nope")
    number: Any = 7
    with pytest.raises(UsageError, match="the id of a run is text"):
        podium.get(number)


def test_a_run_of_another_function_is_not_that_functions(app: App) -> None:
    quote.options(id="q-1").start(7).result()
    with pytest.raises(RunNotFound, match=r"is of .*:quote, not of .*:rests"):
        rests.get("q-1")


@pytest.mark.parametrize("how", ["get", "f.get", "runs"])
def test_a_body_does_not_look(app: App, how: str) -> None:
    assert "look in a task" in looks_in_its_body.run(how)


def test_tasks_look(app: App) -> None:
    quote.options(id="q-1").start(7).result()
    assert asks_tasks.run("q-1") == 16


# -- by query ----------------------------------------------------------------------------------------------


def test_a_query_finds_runs_page_by_page(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["podium.inspect.search"], "_PAGE", 3)
    started = [quote.options(tags=["even"] if n % 2 == 0 else []).start(n) for n in range(10)]
    for run in started:
        run.result()
    found = podium.runs("tag:even")
    assert [run.id for run in found] == [run.id for run in reversed(started[::2])], "newest first"
    assert found.count().result() == 5
    assert podium.runs().count().result() == 10
    assert [run.result() for run in podium.runs("input.n:3")] == [Price(3)]
    assert repr(found) == "<podium.runs('tag:even'): iterate them, or .count()>"


async def found_async() -> tuple[list[str], int, int]:
    ids = [run.id async for run in podium.runs("workflow:rests")]
    cancelled = await podium.runs("workflow:rests").cancel()
    return ids, await podium.runs("workflow:rests").count(), cancelled


def test_async_code_awaits_the_same(app: App) -> None:
    runs = rests.start_many(range(4))
    ids, count, cancelled = asyncio.run(found_async())
    assert (sorted(ids), count, cancelled) == (sorted(run.id for run in runs), 4, 4)
    for run in runs:
        with pytest.raises(podium.RunCancelled):
            run.result()


def test_a_verb_acts_on_all_that_match_and_only_where_it_can(app: App) -> None:
    done, left = quote.start(1), rests.start_many(range(3))
    done.result()
    assert podium.runs("created:1h").cancel().result() == 3
    for run in left:
        with pytest.raises(podium.RunCancelled):
            run.result()
    assert done.state is State.SUCCEEDED
    assert podium.runs().cancel().result() == 0


@pytest.mark.parametrize("verb", ["cancel", "terminate"])
def test_a_verb_decides_the_same_for_one_run_for_many_and_on_the_command_line(store: Path, verb: str) -> None:
    """A queued body has not begun: there is nobody to ask."""
    with App(store, drives="nothing"):
        one, many, typed = rests.start_many(range(3))
        getattr(one, verb)()
        assert getattr(podium.runs(f"id:{many.id}"), verb)().result() == 1
        command = [sys.executable, "-m", "podium", verb, typed.id, "--store", str(store)]
        said = forkserver.run(command, capture_output=True, text=True, check=True).stderr
        assert said == "cancelled\n"
        assert [run.state for run in (one, many, typed)] == [State.CANCELLED] * 3


@pytest.mark.parametrize("drives", ["all", "nothing"])
def test_many_are_cancelled_in_one_commit(
    store: Path, monkeypatch: pytest.MonkeyPatch, drives: Literal["all", "nothing"]
) -> None:
    with App(store, drives="nothing", starter="") as before:
        new = [NewRun(f"q{n}", "app:f", b"", b"", 1.0 + n) for n in range(50)]
        before.store.commit(None, [Write(new_runs=(one,)) for one in new])
        before.store.commit(None, [Write(Fence("q7", 0, frozenset({State.QUEUED})), Move(State.PARKED))])
    with App(store, drives=drives, starter="", options=Options(poll=60)) as app:
        commits: list[int] = []
        real = app.store.commit

        def commit(engine: str | None, writes: Sequence[Write]) -> list[Verdict]:
            commits.append(len(writes))
            return real(engine, writes)

        monkeypatch.setattr(app.store, "commit", commit)
        assert podium.runs("workflow:f").cancel().result() == 50
        assert commits == [50]
        assert {row.state for row in app.find(Query(limit=100))} == {State.CANCELLED}


def test_a_run_that_is_taken_as_it_is_cancelled_is_asked(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    run = rests.options(delay=3600).start(1)
    queued = app.load(run.id)
    with monkeypatch.context() as patch:
        patch.setattr(app.records, "load", lambda _: msgspec.structs.replace(queued, token=queued.token + 1))
        assert app.cancel(run.id).result() is Cancelled.ASKED
    with pytest.raises(podium.RunCancelled):
        run.result(timeout=60)
    assert app.cancel(run.id).result() is Cancelled.TOO_LATE


def test_a_run_that_a_living_process_has_is_not_terminated(app: App, tmp_path: Path) -> None:
    began, gate = tmp_path / "began", tmp_path / "gate"
    run = waits_for.start(str(began), str(gate))
    until(began.exists)
    with pytest.raises(WrongState, match=rf"runs in process {os.getpid()} on .*, which alone may write"):
        run.terminate()
    assert podium.runs().terminate().result() == 0
    gate.touch()
    assert run.result(timeout=60) == "done"


def test_many_are_retried_once(app: App, tmp_path: Path) -> None:
    runs = [second_time.start(str(tmp_path / name)) for name in "abc"]
    for run in runs:
        with pytest.raises(ValueError, match="not yet"):
            run.result()
    assert podium.runs("workflow:second_time").retry().result() == 3
    again = [run for run in podium.runs("workflow:second_time") if run.id not in {run.id for run in runs}]
    assert [run.result() for run in again] == ["done"] * 3
    assert podium.runs("workflow:second_time").retry().result() == 0, "each goes on in a newer one"


def test_a_parked_run_is_resumed_by_query_and_by_id(app: App) -> None:
    assert podium.runs().resume().result() == 0
    run = quote.start(1)
    run.result()
    with pytest.raises(WrongState):
        run.resume()


def test_a_query_that_cannot_be_is_refused_where_it_is_asked(app: App) -> None:
    with pytest.raises(UsageError, match="nearest: failed"):
        podium.runs("status:faild")
    words: Any = ["status:failed"]
    with pytest.raises(UsageError, match="a text is needed"):
        podium.runs(words)


# -- many starts -------------------------------------------------------------------------------------------


def commits_of_starts(app: App, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many runs each commit of the store creates, from now on."""
    created: list[int] = []
    commit = app.store.commit

    def counting(engine: str | None, writes: Sequence[Write]) -> Any:
        if count := sum(len(write.new_runs) for write in writes):
            created.append(count)
        return commit(engine, writes)

    monkeypatch.setattr(app.store, "commit", counting)
    return created


@pytest.mark.parametrize("drives", ["all", "nothing"])
def test_many_starts_share_a_commit(
    store: Path, monkeypatch: pytest.MonkeyPatch, drives: Literal["all", "nothing"]
) -> None:
    with App(store, drives=drives, options=Options(runs_max=5)) as app:
        created = commits_of_starts(app, monkeypatch)
        runs = rests.start_many(range(2500))
        assert sum(created) == 2500
        assert len(created) <= 3
        assert [row.id for row in app.find(Query(limit=3000))] == [run.id for run in reversed(runs)]


def test_an_item_whose_run_is_there_is_that_run(app: App) -> None:
    first = quote.options(id="n-1").start(1)
    runs = quote.start_many([0, 1, 1, 2], id=lambda n: f"n-{n}")
    assert [run.id for run in runs] == ["n-0", "n-1", "n-1", "n-2"]
    assert [run.result() for run in runs] == [Price(0), Price(1), Price(1), Price(2)]
    assert (first.id, podium.runs().count().result()) == ("n-1", 3)


def test_an_id_of_another_call_is_told_and_the_others_are_started(app: App) -> None:
    rests.options(id="n-1").start(1)
    with pytest.raises(IdConflict, match="n-1") as raised:
        rests.start_many([0, 5, 2], id=lambda n: "n-1" if n == 5 else f"n-{n}")
    assert raised.value.__notes__ == ["2 of 3 runs are started all the same: get(id) has them"]
    assert {run.id for run in podium.runs()} == {"n-0", "n-1", "n-2"}


def test_a_bad_item_stores_nothing(app: App) -> None:
    items: list[Any] = [1, 2, object()]
    with pytest.raises(UsageError):
        quote.start_many(items)
    with pytest.raises(UsageError, match="cannot be the id of a run"):
        quote.start_many([1, 2], id=lambda n: f"n {n}")
    with pytest.raises(UsageError, match="id=5 cannot be the id of a run: an id is text, and not int"):
        quote.options(id=cast("Any", 5)).start(1)
    no_id: Any = {1: "n-1"}.get
    with pytest.raises(UsageError, match="id= gave None for an item"):
        quote.start_many([1, 2], id=no_id)
    with pytest.raises(IdConflict, match="two of these calls of quote have the id 'same'"):
        quote.start_many([1, 2], id=lambda _: "same")
    assert app.find(Query()) == []


async def started_async(count: int) -> list[str]:
    runs = quote.start_many(range(count))
    return [await run.started() for run in runs]


def test_in_an_event_loop_each_start_is_awaited(app: App) -> None:
    ids = asyncio.run(started_async(20))
    assert ids == [row.id for row in reversed(app.find(Query()))]


# -- the rest ----------------------------------------------------------------------------------------------


async def cancelled_async() -> str:
    run = rests.start(1)
    await run.cancel()
    try:
        await run
    except podium.RunCancelled:
        return "cancelled"
    return "not"


def test_cancel_is_awaited_in_async_code_and_done_on_return_in_sync_code(app: App) -> None:
    assert asyncio.run(cancelled_async()) == "cancelled"
    run = rests.start(1)
    assert run.cancel().result(timeout=0) is None


def test_runs_show_how_far_they_are(app: App) -> None:
    runs = quote.map([1, 2, 3])
    assert repr(runs) in (f"<Runs of quote: 3 started, {left} of them in flight>" for left in range(4))
    assert [each.amount for each in runs] == [1, 2, 3]
    assert repr(runs) == "<Runs of quote: 3 started, 0 of them in flight>"


def test_the_version_is_that_of_the_package() -> None:
    assert podium.__version__ == importlib.metadata.version("podium")


def test_the_engines_thread_reads_no_history_for_a_notice(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[str] = []
    count: Callable[..., int] = history.steps_on_record

    def counting(*args: Any) -> int:
        threads.append(threading.current_thread().name)
        return count(*args)

    monkeypatch.setattr(history, "steps_on_record", counting)
    with App(store, starter="script.py"):
        left = rests.start(1).id
    told: list[str] = []
    with App(store, starter="script.py", notice=told.append):
        assert rests.start(1).id == left
        assert told == [f"podium: resumed {left}: 0 steps on record"]
    assert threads == ["podium-notice"]


def test_what_is_found_has_a_truth_and_what_is_given_shows_no_address(tmp_path: Path) -> None:
    with App(tmp_path / "podium.db"):
        run = rests.options(id="one").start(1)
        assert run.id == "one"
        assert podium.runs("status:open")
        assert not podium.runs("status:failed")
        assert repr(podium.runs().count()) == "<Waiting: 1>"
        assert repr(run.cancel()) == "<Waiting: done>"


def test_a_wait_that_is_over_names_the_run_and_says_that_it_goes_on(tmp_path: Path) -> None:
    with App(tmp_path / "podium.db"):
        run = rests.options(id="one").start(1)
        with pytest.raises(TimeoutError, match=r"run one is not done after 0\.05 s, and goes on"):
            run.result(timeout=0.05)
        _ = run.cancel()


@workflow
def gives_up() -> None:
    raise TimeoutError("its own")


def test_a_timeout_that_a_run_failed_of_is_told_as_it_was(tmp_path: Path) -> None:
    with App(tmp_path / "podium.db"), pytest.raises(TimeoutError, match=r"^its own$"):
        gives_up.start().result(timeout=30)
