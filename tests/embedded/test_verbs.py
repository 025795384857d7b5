"""run, start, map and options outside of workflows: from a script, from threads, from event loops."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import podium
from podium import App, RunCancelled, UsageError, task, workflow
from podium.errors import IdConflict, RunNotFound
from podium.model import Query, State


@task
async def fetch(n: int) -> int:
    return n * 10


@task
def pay(n: int, currency: str = "EUR") -> str:
    return f"{n} {currency}"


@task
async def fail(n: int) -> int:
    raise ValueError(n)


@workflow
async def total(width: int) -> int:
    return sum(await fetch.map(range(width)))


@workflow
def invoice(n: int, *, currency: str = "EUR") -> str:
    return pay(n, currency=currency)


@workflow
def rests(seconds: float) -> str:
    podium.sleep(seconds)
    return "rested"


@workflow
async def rests_async(seconds: float) -> str:
    await asyncio.sleep(seconds)
    return "rested"


@workflow
async def broken(n: int) -> int:
    return await fail(n)


@task
async def nested(n: int) -> int:
    run = total.start(n)
    assert await run.started() == run.id
    return await run


@task
async def blocks(n: int) -> str:
    try:
        return str(total.run(n))
    except UsageError as error:
        return f"refused: {error.message}"


@task
async def asks_at_once() -> list[str]:
    run = total.start(2)
    said: list[str] = []
    for ask in (lambda: run.id, lambda: run.state):
        try:
            said.append(str(ask()))
        except UsageError:
            said.append("refused")
    said.append(str(run.send("hello")))
    await run
    return said


@task
def nested_in_thread(n: int) -> int:
    return total.run(n)


@workflow
async def nesting(task_name: str) -> Any:
    return await {"nested": nested.start, "thread": nested_in_thread.start, "blocks": blocks.start}[
        task_name
    ](3)


# -- colours ---------------------------------------------------------------------------------------------


def test_a_call_outside_keeps_its_colour(app: App) -> None:
    assert pay(1) == "1 EUR"
    assert invoice(2) == "2 EUR"
    assert asyncio.run(fetch(3)) == 30
    assert asyncio.run(total(3)) == 30


def test_a_plain_call_of_a_task_leaves_no_trace(app: App) -> None:
    pay(1)
    asyncio.run(fetch(1))
    assert app.find(Query()) == []


def test_run_is_for_either_colour(app: App) -> None:
    assert (total.run(4), invoice.run(5, currency="NOK"), fetch.run(6), pay.run(7)) == (
        60,
        "5 NOK",
        60,
        "7 EUR",
    )
    assert [row.state for row in app.find(Query())] == [State.SUCCEEDED] * 4


def test_start_is_on_record_when_it_returns(app: App) -> None:
    run = total.start(3)
    assert app.load(run.id).function == total.name
    assert run.result() == 30
    assert run.state is State.SUCCEEDED
    assert run.result() == 30
    assert [entry.step.partition("/")[0] for entry in run.history()] == ["1.0", "1.1", "1.2"]


def test_a_result_can_be_waited_for_so_long(app: App) -> None:
    run = invoice.options(delay=60).start(1)
    with pytest.raises(TimeoutError):
        run.result(0.05)
    assert run.state is State.QUEUED


# -- event loops and threads -------------------------------------------------------------------------------


def test_from_an_event_loop(app: App) -> None:
    async def main() -> list[Any]:
        run = total.start(3)
        id = await run.started()
        assert app.load(id).function == total.name
        many = [total.start(n % 5) for n in range(100)]
        return [await run, await run, *await asyncio.gather(*many)]

    assert asyncio.run(main()) == [30, 30, *[sum(range(n % 5)) * 10 for n in range(100)]]


def test_awaiting_leaves_the_loop_free(app: App) -> None:
    async def main() -> int:
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                ticks += 1
                await asyncio.sleep(0)

        ticking = asyncio.create_task(tick())
        await total(3)
        ticking.cancel()
        return ticks

    assert asyncio.run(main()) > 3


def test_a_failure_awaited(app: App) -> None:
    async def main() -> None:
        run = broken.start(7)
        with pytest.raises(ValueError, match="7"):
            await run
        with pytest.raises(ValueError, match="7"):
            await broken(7)

    asyncio.run(main())


def test_a_caller_that_gives_up_does_not_cancel_the_run(app: App) -> None:
    async def main() -> None:
        run = total.start(3)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(_never(run), 0.001)
        assert await run == 30

    async def _never(run: Any) -> None:
        await asyncio.Event().wait()

    asyncio.run(main())


def test_sync_calls_in_a_running_loop_work_as_in_a_notebook(app: App) -> None:
    async def cell() -> list[Any]:
        return [invoice(1), total.run(2), total.start(3).result(), *fetch.map([4, 5])]

    assert asyncio.run(cell()) == ["1 EUR", 10, 30, 40, 50]


def test_from_many_threads(app: App) -> None:
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(total.run, [n % 4 for n in range(64)])) == [
            sum(range(n % 4)) * 10 for n in range(64)
        ]


def test_two_may_wait_for_one_run(app: App) -> None:
    run = invoice.options(delay=0.2).start(1)
    seen: list[str] = []
    waiting = [threading.Thread(target=lambda: seen.append(run.result())) for _ in range(3)]
    for thread in waiting:
        thread.start()
    for thread in waiting:
        thread.join(30)
    assert seen == ["1 EUR"] * 3


@pytest.mark.parametrize("task_name", ["nested", "thread"])
def test_a_task_may_start_runs_of_its_own(app: App, task_name: str) -> None:
    assert nesting.run(task_name) == 30


def test_blocking_on_the_engines_own_thread_is_refused_with_the_way_out(app: App) -> None:
    assert nesting.run("blocks").startswith("refused: waiting for a run on the engine's own thread")


def test_nothing_asked_on_the_engines_own_thread_blocks_it(app: App) -> None:
    """Before `await run.started()` the answer is not there, and waiting for it there would never end. What
    changes a run is under way on return, and waits for the start elsewhere."""
    assert asks_at_once.start().result(30) == ["refused", "refused", "<Waiting: under way>"]


# -- map ---------------------------------------------------------------------------------------------------


gate = threading.Event()


@task
async def stuck(n: int) -> int:
    while not gate.is_set():
        await asyncio.sleep(0.005)
    return n


def test_map_outside(app: App) -> None:
    assert list(total.map([1, 2, 3])) == [0, 10, 30]
    assert sorted(total.map([1, 2, 3]).as_completed()) == [0, 10, 30]
    assert list(fetch.map(iter([1, 2]), limit=1)) == [10, 20]
    assert list(total.map([])) == []


@task
def between(low: int, high: int) -> int:
    return high - low


def test_a_map_over_a_function_of_several_arguments_says_what_an_item_is(app: App) -> None:
    for verb in (between.map, between.start_many):
        with pytest.raises(podium.ArgumentError) as told:
            # what a type checker refuses as well
            verb([(1, 2), (3, 5)])  # pyright: ignore[reportCallIssue, reportArgumentType, reportUnknownMemberType]
        assert f"{verb.__name__} gives each item as the one argument" in str(told.value)
        assert "[between.start(*item) for item in items]" in str(told.value)
    assert [run.result() for run in [between.start(*item) for item in [(1, 2), (3, 5)]]] == [1, 2]


@workflow
async def awaits_a_plain_one(how: str) -> object:
    plain: Any = pay
    return await (asyncio.gather(plain(1), plain(2)) if how == "gather" else plain(1))


@pytest.mark.parametrize("how", ["gather", "await"])
def test_the_value_of_a_plain_task_that_is_awaited_fails_with_the_way_to_await_it(app: App, how: str) -> None:
    with pytest.raises(TypeError) as told:
        awaits_a_plain_one.run(how)
    assert any("task.start(...)" in note for note in told.value.__notes__)


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_a_call_that_is_never_awaited_is_named_after_its_workflow(app: App) -> None:
    call = total(3)
    assert call.__qualname__ == "total"
    call.close()


def test_map_outside_awaited(app: App) -> None:
    async def main() -> list[Any]:
        seen: list[Any] = [await total.map([1, 2, 3])]
        seen.append([value async for value in total.map([3, 2], limit=1)])
        seen.append(sorted([value async for value in total.map([3, 2]).as_completed()]))
        return seen

    assert asyncio.run(main()) == [[0, 10, 30], [30, 10], [10, 30]]


def test_map_outside_awaited_holds_no_thread_while_it_waits(app: App) -> None:
    """asyncio has few, and cannot take one back from who has given up."""

    async def main() -> int:
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(stuck.map([1, 2]), 0.05)
        return await asyncio.wait_for(asyncio.to_thread(int, "7"), 10)

    gate.clear()
    try:
        assert asyncio.run(main()) == 7
    finally:
        gate.set()


def test_who_iterates_again_goes_on_where_it_left_off(app: App) -> None:
    runs = total.map([1, 2, 3, 4])
    for first in runs:
        assert first == 0
        break
    assert next(iter(runs.as_completed())) in (10, 30, 60)
    assert len(list(runs)) == 2
    assert list(runs) == []

    async def main() -> list[Any]:
        runs = total.map([1, 2, 3])
        async for first in runs:
            assert first == 0
            break
        return await asyncio.wait_for(runs, 10)

    assert asyncio.run(main()) == [10, 30]


def test_map_outside_fails_with_the_first_failure(app: App) -> None:
    with pytest.raises(ValueError, match="2"):
        list(broken.map([2]))
    results = list(broken.map([1, 2], on_error="return"))
    assert [repr(error) for error in results] == ["ValueError(1)", "ValueError(2)"]


def test_map_outside_draws_items_only_as_runs_end(app: App) -> None:
    drawn: list[int] = []

    def items() -> Any:
        for n in range(100):
            drawn.append(n)
            yield n % 3

    results = iter(total.map(items(), limit=2))
    assert next(results) == 0
    assert len(drawn) <= 4


# -- options -----------------------------------------------------------------------------------------------


def test_the_same_id_is_the_same_run(app: App) -> None:
    first = invoice.options(id="order-1").start(1)
    again = invoice.options(id="order-1").start(1)
    assert first.id == again.id == "order-1"
    assert (first.result(), again.result()) == ("1 EUR", "1 EUR")
    assert len(app.find(Query())) == 1


def test_the_same_id_with_other_arguments_is_an_error(app: App) -> None:
    invoice.options(id="order-1").run(1)
    with pytest.raises(IdConflict, match=r"'order-1'.*invoice.*:invoice, too, but with other arguments"):
        invoice.options(id="order-1").run(2)
    with pytest.raises(IdConflict, match=r"'order-1'.*total.*:invoice, which is another function"):
        total.options(id="order-1").run(1)

    async def main() -> None:
        run = invoice.options(id="order-1").start(3)
        with pytest.raises(IdConflict):
            await run.started()
        with pytest.raises(IdConflict):
            await run

    asyncio.run(main())


@pytest.mark.parametrize(
    "id", ["", "a b", "ø", "x" * 129, "-x", "a/b", "@last", "status:failed", "input.n:1"]
)
def test_an_id_that_cannot_be_one(app: App, id: str) -> None:
    with pytest.raises(UsageError, match="id="):
        invoice.options(id=id)


@pytest.mark.parametrize("delay", [-1, float("nan"), float("inf")])
def test_a_delay_that_cannot_be_one(app: App, delay: float) -> None:
    with pytest.raises(UsageError, match="delay="):
        invoice.options(delay=delay)


def test_a_delayed_run_begins_then(app: App) -> None:
    began = time.monotonic()
    run = invoice.options(delay=0.3, tags=["later", "soon"]).start(1)
    row = app.load(run.id)
    assert (row.state, row.tags) == (State.QUEUED, ("later", "soon"))
    assert "told to begin in" in run.why()
    assert run.result() == "1 EUR"
    assert time.monotonic() - began >= 0.3


def test_options_do_not_stick(app: App) -> None:
    invoice.options(id="once").run(1)
    assert invoice.start(1).id != "once"


# -- looking and steering ----------------------------------------------------------------------------------


def test_an_unknown_run(app: App) -> None:
    for ask in (app.load, app.history, app.resume, app.terminate, app.retry, app.cancel):
        with pytest.raises(RunNotFound, match="nosuch"):
            ask("nosuch")


def test_retrying_a_failed_run_begins_at_the_step_that_failed(app: App) -> None:
    run = broken.start(1)
    with pytest.raises(ValueError, match="1"):
        run.result()
    assert "ValueError: 1" in run.why()
    again = run.retry()
    with pytest.raises(ValueError, match="1"):
        again.result()
    assert again.id != run.id
    total.options(id="x").start(1).result()
    with pytest.raises(UsageError, match="only a failed or cancelled one is retried") as refused:
        total.get("x").retry()
    # That it can not go on is all there is to say of it.
    assert refused.value.fix == "podium show x; a new run does a step of it again: podium fork x --at STEP"
    with pytest.raises(UsageError, match="not parked") as refused:
        run.resume()
    assert refused.value.fix == f"podium retry {run.id}"


@workflow
def computes() -> int:
    return sum(range(pay(1).count("1") * 500_000))


def test_a_run_lasts_until_its_body_returns(app: App) -> None:
    run = computes.start()
    run.result()
    ended = app.load(run.id).ended
    assert ended is not None
    assert ended - app.history(run.id)[-1].at > 0.001, "what the body computes after its last step counts"


def test_a_run_that_is_terminated_ends_then(app: App) -> None:
    run = computes.options(delay=3600).start()
    before = app.env.now()
    app.terminate(run.id).result()
    assert (app.load(run.id).ended or 0.0) >= before


def test_a_run_that_ended_cannot_be_cancelled_any_more(app: App) -> None:
    run = invoice.start(1)
    assert run.result() == "1 EUR"
    run.cancel()
    assert run.state is State.SUCCEEDED


def test_a_cancelled_run_says_so(app: App) -> None:
    run = invoice.options(delay=60).start(1)
    run.cancel()
    with pytest.raises(RunCancelled, match=run.id):
        run.result(30)


def test_an_app_that_drives_nothing_only_asks(store: Any) -> None:
    with App(store, drives="nothing") as client:
        run = total.start(4)
        assert run.state is State.QUEUED
        with pytest.raises(UsageError, match="has no engine"):
            client.host
        with App(store):
            assert run.result(30) == 60


def sleeps_plainly(seconds: float) -> str:
    podium.sleep(seconds)
    return "rested"


@pytest.mark.parametrize(
    "rest", [sleeps_plainly, rests.run, rests_async.run], ids=["plain", "sync workflow", "async workflow"]
)
def test_a_sleep_of_less_than_nothing_is_none_and_one_of_nan_an_error(app: App, rest: Any) -> None:
    assert rest(-1) == "rested"
    with pytest.raises(ValueError, match="NaN"):
        rest(math.nan)


def test_a_sleep_of_what_is_no_number(app: App) -> None:
    with pytest.raises(UsageError, match=r"podium.sleep\(seconds='5'\): seconds .* are needed"):
        podium.sleep("5")  # pyright: ignore[reportArgumentType]  # the mistake to be refused
