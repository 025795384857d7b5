"""Runs that a workflow's body starts: their own ids, histories and failures, and one end for all of them."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

import podium
from podium import App, IdConflict, Options, RunCancelled, UsageError, sleep, task, workflow
from podium.cli.story import tree
from podium.functions import registry
from podium.inspect import RunProgress
from podium.inspect.history import entries, steps_on_record
from podium.model import Kind, Query, State
from tests.waiting import until


@task
async def double(n: int) -> int:
    return 2 * n


@workflow
async def order(n: int) -> int:
    return await double(n)


@workflow
def plain_order(n: int) -> int:
    return double.run(n)


@workflow
async def breaks(n: int) -> int:
    raise ValueError(f"no {n}")


@workflow
async def rests(seconds: float) -> str:
    await asyncio.sleep(seconds)
    return "rested"


@workflow
async def orders(n: int) -> list[int]:
    first = await order(0)
    started = order.start(1)
    mapped = await order.map(range(2, n), limit=2)
    return [first, await started, *mapped, plain_order(n)]


@workflow
def plain_orders(n: int) -> list[int]:
    started = [order.start(k) for k in range(n)]
    return [*(run.result() for run in started), order.run(n), *plain_order.map([n + 1])]


def children(app: App, run: str) -> list[Any]:
    return [row for row in app.find(Query()) if row.parent == run]


def test_children_are_runs_of_their_own_in_either_colour(app: App) -> None:
    run = orders.start(5)
    assert run.result() == [0, 2, 4, 6, 8, 10]
    rows = children(app, run.id)
    assert {(row.state, row.root) for row in rows} == {(State.SUCCEEDED, run.id)}
    assert len(rows) == 6
    counted = [podium.runs(f"{key}:{run.id}").count().result() for key in ("parent", "root")]
    assert counted == [6, 7], "its children; its family, itself too"
    assert [entry.kind for entry in app.history(rows[0].id)] == [Kind.RESULT], "its task is on its own record"
    assert {entry.kind for entry in app.history(run.id)} == {Kind.SENT, Kind.MESSAGE}
    assert plain_orders.run(2) == [0, 2, 4, 6]


def test_a_child_is_a_step_of_its_parent_from_its_start_to_its_end(app: App) -> None:
    run = catches.start(3)
    run.result()
    progress = RunProgress(app.history(run.id), branches=True)
    (counts,) = progress.functions.values()
    assert (counts.function, counts.failed, counts.unfinished, progress.steps) == ("breaks", 1, 0, 1)
    assert counts.longest > 0
    orders_run = orders.start(4)
    orders_run.result()
    entries = app.history(orders_run.id)
    ends = [number for number, entry in enumerate(entries) if entry.kind is Kind.MESSAGE]
    under_way = RunProgress(entries[: ends[-1]]).functions["plain_order"]
    assert (under_way.ended, under_way.unfinished) == (0, 1)
    lines = tree(RunProgress(entries, branches=True), app.load(orders_run.id), 0.0)
    assert not [line for line in lines if "message" in line]


@workflow
async def research(question: str, depth: int) -> int:
    if depth == 0:
        return 1
    return sum(await asyncio.gather(*(research(f"{question}{n}", depth - 1) for n in range(3))))


def test_a_child_that_has_ended_counts_as_a_step_on_record(app: App) -> None:
    run = orders.start(4)
    run.result(30)
    assert steps_on_record(app.store, run.id) == RunProgress(entries(app.store, run.id)).steps == 5


def test_a_workflow_may_call_itself_and_waits_in_no_slot(store: Path) -> None:
    options = Options(poll=0.05, runs_max=3, thread_slots=1, loop_slots=1, evict_always=True)
    with App(store, options=options):
        assert research.run("q", 3) == 27


@workflow
async def catches(n: int) -> str:
    try:
        await breaks(n)
    except ValueError as error:
        return f"{error}: {error.__notes__[-1]}"
    return ""


def test_a_childs_failure_is_its_parents_with_the_place(app: App) -> None:
    run = catches.start(3)
    said = run.result()
    (child,) = children(app, run.id)
    assert said == f"no 3: in the child run {child.id} of breaks"
    assert child.state is State.FAILED


@workflow
async def begins(seconds: float, outlive: bool) -> str:
    child = rests.options(id="child", outlive=outlive).start(seconds)
    await asyncio.sleep(0)
    await double(1)
    return child.id


@pytest.mark.parametrize("outlive", [False, True])
def test_the_end_of_a_run_takes_its_children_along_unless_they_outlive_it(app: App, outlive: bool) -> None:
    assert begins.run(0.3, outlive) == "child"
    child = rests.get("child")
    if outlive:
        assert child.result(30) == "rested"
    else:
        with pytest.raises(RunCancelled):
            child.result(30)


@workflow
async def leaves_at_once() -> None:
    rests.options(id="never").start(60)
    order.options(id="still", outlive=True).start(4)


def test_what_the_last_turn_starts_goes_out_if_it_outlives_the_run(app: App) -> None:
    leaves_at_once.run()
    assert order.get("still").result(10) == 8
    assert app.store.load("never") is None


@workflow
async def waits_for(seconds: float) -> str:
    return await rests.options(id="rest").start(seconds)


def test_a_cancel_reaches_the_children(app: App) -> None:
    run = waits_for.options(id="top").start(60)
    until(lambda: app.store.load("rest"))
    run.cancel()
    for one in (run, rests.get("rest")):
        with pytest.raises(RunCancelled):
            one.result(30)


@workflow
async def gives_up() -> str:
    try:
        async with asyncio.timeout(0.1):
            await rests.options(id="slow").start(60)
    except TimeoutError:
        await double(1)
    return "gave up"


def test_who_waits_no_more_for_a_child_asks_it_to_stop(app: App) -> None:
    assert gives_up.run() == "gave up"
    with pytest.raises(RunCancelled):
        rests.get("slow").result(10)


@workflow
async def told_of_cancel() -> str:
    try:
        return await rests.options(id="other").start(60)
    except RunCancelled as error:
        return str(error)


def test_a_child_that_somebody_cancels_is_an_error_where_it_is_waited_for(app: App) -> None:
    run = told_of_cancel.start()
    until(lambda: app.store.load("other"))
    rests.get("other").cancel()
    assert run.result(30) == "run other of rests was cancelled"


@workflow
async def twice(first: int, second: int) -> list[int]:
    runs = [order.options(id="one").start(n) for n in (first, second)]
    return [await run for run in runs]


def test_one_id_is_one_run_also_in_a_body(app: App) -> None:
    assert twice.run(3, 3) == [6, 6]
    run = twice.start(3, 4)
    with pytest.raises(IdConflict, match=r"run 'one' exists.*:order, too, but with other arguments"):
        run.result(30)
    assert [entry.kind for entry in run.history()].count(Kind.ERROR) == 1


@workflow
async def waits_for_itself(id: str) -> Any:
    return await waits_for_itself.options(id=id).start(id)


def test_a_run_that_starts_itself_is_told_so_at_the_line(app: App) -> None:
    with pytest.raises(UsageError, match=r"test_children\.py:\d+.*id='me', which is the id of this run"):
        waits_for_itself.options(id="me").run("me")


@workflow
async def later() -> int:
    return await order.options(delay=0.2, tags=["late"]).start(1)


def test_a_child_has_options_of_its_own(app: App) -> None:
    run = later.start()
    assert run.result(30) == 2
    (child,) = children(app, run.id)
    assert child.tags == ("late",)
    assert (child.started or 0.0) - child.created >= 0.2


@workflow
async def one_id_for_all() -> Any:
    return await order.options(id="same").map([1, 2])


def test_a_map_of_children_gives_no_id_to_all(app: App) -> None:
    with pytest.raises(UsageError, match="an id of its own"):
        one_id_for_all.run()


@workflow
def colours(n: int) -> Any:
    return order(n)


def test_an_async_workflow_called_bare_in_a_sync_one(app: App) -> None:
    with pytest.raises(UsageError, match=r"order\.run\(\.\.\.\)"):
        colours.run(1)


@workflow
async def naps_then_waits(seconds: float) -> str:
    resting = rests.options(id="resting").start(seconds)
    return await resting + "!"


def test_parents_are_evicted_while_they_wait_and_woken_by_the_end(store: Path) -> None:
    with App(store, options=Options(poll=0.05, evict_always=True)) as app:
        run = naps_then_waits.start(0.5)
        while run.state is not State.WAITING:
            threading.Event().wait(0.01)
        assert not app.host.engine.owned.get(run.id)
        assert run.result(30) == "rested!"


@pytest.mark.parametrize("drives", ["all", "own"])
@pytest.mark.parametrize("evicting", [False, True])
def test_a_family_goes_on_elsewhere_with_who_asks_for_its_first_run(
    store: Path, drives: Any, evicting: bool
) -> None:
    """Also where the parent had left memory, so that nobody has it there who would wait for its child."""
    functions = {name: function for name, function in registry.items() if function.label != "rests"}
    with App(store, options=Options(poll=0.05, evict_always=evicting), functions=functions) as app:
        run = waits_for.options(id="top").start(0.0)
        while app.store.load("rest") is None or (evicting and run.state is not State.WAITING):
            threading.Event().wait(0.01)
        assert str(rests.get("rest").state) == "queued", "nobody here has that function"
    with App(store, options=Options(poll=0.05, evict_always=evicting), drives=drives) as app:
        assert waits_for.get(run.id).result(10) == "rested"
        assert app.load("rest").state is State.SUCCEEDED


def test_sleep_is_a_child_too(app: App) -> None:
    assert naps_plainly.run() == 2


@workflow
def naps_plainly() -> int:
    sleep(0.01)
    return plain_order(1)


@task
async def naps_and_tells(n: int) -> int:
    await asyncio.sleep(n)
    effects.append(n)
    return n


effects: list[int] = []


@workflow
async def naps(n: int) -> int:
    return await naps_and_tells(n)


@workflow
async def leaves_it(n: int) -> str:
    naps.options(id="left").start(n)
    await asyncio.sleep(0.2)
    return "left"


@pytest.mark.parametrize("drives", ["all", "own"])
def test_a_running_child_is_stopped_at_once_with_its_parent(store: Path, drives: Any) -> None:
    effects.clear()
    with App(store, drives=drives, options=Options(poll=0.05, grace=10)) as app:
        assert leaves_it.run(3) == "left"
    with App(store, drives="nothing") as app:
        assert app.load("left").state is State.CANCELLED
    assert effects == []


@workflow
async def gives_up_on(id: str) -> str:
    try:
        async with asyncio.timeout(0.3):
            await rests.options(id=id).start(0.8)
    except TimeoutError:
        return "gave up"
    return "waited"


@workflow
async def looks_and_ends(id: str) -> str:
    rests.options(id=id).start(0.8)
    await asyncio.sleep(0.2)
    return "ended"


@pytest.mark.parametrize("body", [gives_up_on, looks_and_ends])
@pytest.mark.parametrize("evicting", [False, True])
def test_a_run_that_others_have_started_is_no_child(store: Path, body: Any, evicting: bool) -> None:
    with App(store, options=Options(poll=0.05, evict_always=evicting)):
        theirs = rests.options(id="theirs").start(0.8)
        assert theirs.id == "theirs", "it is on record"
        assert body.run("theirs") in ("gave up", "ended")
        assert theirs.result(30) == "rested"


@workflow
async def shares(outlive: bool) -> str:
    return await rests.options(id="shared", outlive=outlive).start(0.8)


@pytest.mark.parametrize("outlive", [False, True])
def test_a_shared_run_ends_with_who_started_it_unless_it_outlives_that(app: App, outlive: bool) -> None:
    first = shares.start(outlive)
    until(lambda: app.store.load("shared"))
    second = shares.start(outlive)
    until(lambda: app.store.waits(second.id))
    first.cancel()
    if outlive:
        assert second.result(30) == "rested"
    else:
        with pytest.raises(RunCancelled, match="run shared of rests was cancelled"):
            second.result(30)


shipped: list[int] = []


@task
def ship(n: int) -> int:
    shipped.append(n)
    return n


@workflow
async def ships(n: int) -> int:
    try:
        return await sails(n)
    finally:
        ship(-n)


@task
async def sails(n: int) -> int:
    shipped.append(n)
    await asyncio.sleep(30)
    return n


@workflow(queue=podium.Queue("one-lorry", concurrency=1))
async def ships_in_turn(n: int) -> int:
    return await sails(n)


@workflow
async def leaves_orders(how: str) -> str:
    flow = ships_in_turn if how == "queue" else ships.options(delay=60)
    for n in range(1, 5):
        flow.start(n)
    await asyncio.sleep(0.5)
    if how == "failing":
        raise ValueError(how)
    return "left"


@pytest.mark.parametrize("how", ["queue", "delay", "failing"])
@pytest.mark.parametrize("drives", ["all", "own"])
def test_a_child_whose_body_has_not_begun_never_does_when_its_parent_has_ended(
    store: Path, how: str, drives: Any
) -> None:
    shipped.clear()
    with App(store, drives=drives, options=Options(poll=0.05, grace=10)):
        end(leaves_orders.start(how))
    with App(store, drives="nothing") as app:
        states = [row.state for row in app.find(Query()) if row.parent]
    assert states == [State.CANCELLED] * 4, "also where the process ends as soon as the parent has"
    assert shipped == ([1] if how == "queue" else []), "one was there for the lorry"


def end(run: podium.Run[str]) -> None:
    try:
        run.result(30)
    except ValueError:
        assert run.state is State.FAILED


cleaning = threading.Event()


@task
def clean(n: int) -> int:
    assert cleaning.wait(20)
    return n


@workflow
async def cleans_up(n: int) -> int:
    try:
        await asyncio.sleep(3600)
    finally:
        clean(n)
        ship(-n)
    return n


@workflow
async def leaves_one(how: str) -> str:
    child = cleans_up.start(7)
    await asyncio.sleep(0.05)
    if how == "fails":
        raise ValueError(how)
    child.cancel()
    if how == "cancels and waits":
        await asyncio.sleep(0.1)
    return child.id


@pytest.mark.parametrize("how", ["fails", "cancels", "cancels and waits"])
def test_what_cleans_up_after_a_cancel_is_not_broken_into_as_the_parent_ends(app: App, how: str) -> None:
    shipped.clear()
    cleaning.clear()
    run = leaves_one.start(how)
    until(lambda: run.state.is_final)
    child = next(found for found in podium.runs(f"root:{run.id}") if found.id != run.id)
    until(lambda: len(app.store.inbox(child.id)) == 0)
    cleaning.set()
    with pytest.raises(RunCancelled):
        child.result(timeout=20)
    assert shipped == [-7]


async def one() -> int:
    return 1


@workflow
def runs_a_loop() -> int:
    return asyncio.run(one())


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
def test_an_event_loop_of_its_own_in_a_body_is_told_what_to_do_instead(app: App) -> None:
    with pytest.raises(RuntimeError, match="running event loop") as caught:
        runs_a_loop.run()
    assert "make it `async def`" in caught.value.__notes__[-1]
