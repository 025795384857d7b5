"""All of asyncio that design section 4 lists is durable inside a workflow, on every Python we claim.

Each program also runs evicted after every entry: `result` compares.
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import re
from asyncio import as_completed, wait_for  # bound before podium is imported
from collections.abc import AsyncIterator
from typing import Any

import pytest

import podium
from podium import task
from tests.unit.machine.driver import STARTED, Life, result


@task
async def fetch(n: int) -> int:
    return n * 10


@task
def double(n: int) -> int:
    return n * 2


@task
async def fail(n: int) -> int:
    raise ValueError(n)


def test_sleep_takes_the_runs_own_time() -> None:
    async def body() -> float:
        began = podium.now()
        await asyncio.sleep(3600)
        await asyncio.sleep(0)
        return (podium.now() - began).total_seconds()

    assert result(body) == 3600


def test_gather_keeps_positions() -> None:
    async def body() -> list[int]:
        return list(await asyncio.gather(fetch(1), fetch(2), asyncio.sleep(5, 7), fetch.start(3)))

    assert result(body) == [10, 20, 7, 30]


@pytest.mark.parametrize("callback_first", [True, False])
def test_who_waits_for_one_step_goes_on_in_the_order_of_asking(callback_first: bool) -> None:
    async def body() -> list[str]:
        said: list[str] = []
        step = fetch.start(1)
        future: Any = step._source._step

        async def waits(name: str) -> None:
            said.append(f"{name} {await step}")

        if callback_first:
            future.add_done_callback(lambda _: said.append("callback"))
        branches = [asyncio.create_task(waits(name)) for name in "ab"]
        await asyncio.sleep(0)
        if not callback_first:
            future.add_done_callback(lambda _: said.append("callback"))
        await asyncio.gather(*branches)
        return said

    waiting = ["a 10", "b 10"]
    # A callback is called at once, a branch goes on in its own turn: so it was before branches had a place.
    assert result(body) == (["callback", *waiting] if callback_first else [*waiting, "callback"])


def test_a_step_that_is_cancelled_wakes_who_waits_for_it() -> None:
    async def body() -> list[str]:
        step = fetch.start(1)
        future: Any = step._source._step

        async def waits() -> str:
            try:
                return str(await step)
            except asyncio.CancelledError as error:
                return f"cancelled {error.args}"

        branches = [asyncio.create_task(waits()) for _ in range(2)]
        await asyncio.sleep(0)
        assert future.cancel("enough")
        assert not future.cancel()
        return list(await asyncio.gather(*branches))

    assert result(body) == ["cancelled ('enough',)"] * 2


def test_gather_returns_exceptions() -> None:
    async def body() -> list[Any]:
        return [repr(v) for v in await asyncio.gather(fetch(1), fail(2), return_exceptions=True)]

    assert result(body) == ["10", "ValueError(2)"]


def test_gather_raises_the_first_failure_and_the_others_go_on() -> None:
    async def body() -> list[Any]:
        other = asyncio.create_task(fetch(1))
        try:
            await asyncio.gather(fail(2), asyncio.shield(other))
        except ValueError as error:
            return [error.args[0], await other]
        raise AssertionError

    assert result(body) == [2, 10]


def test_wait_first_completed_follows_the_recorded_order() -> None:
    async def body() -> list[int]:
        pending = {asyncio.create_task(fetch(n)) for n in range(4)}
        order: list[int] = []
        while pending:
            done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            order += [task.result() for task in done]
        return order

    life = Life(body)
    for part in ("3/", "1/", "4/", "2/"):
        life.answer(part)
    assert life.value() == [20, 0, 30, 10]
    life.boot()
    assert life.value() == [20, 0, 30, 10]


def test_wait_with_a_timeout() -> None:
    async def body() -> list[int]:
        tasks = [asyncio.create_task(asyncio.sleep(n, n)) for n in (10, 20, 30)]
        done, pending = await asyncio.wait(tasks, timeout=25)
        for branch in pending:
            branch.cancel()
        return sorted(branch.result() for branch in done)

    assert result(body) == [10, 20]


@pytest.mark.parametrize("seconds", [5, 0, -1])
def test_wait_for_gives_up_at_its_deadline(seconds: float) -> None:
    async def body() -> str:
        try:
            return await asyncio.wait_for(asyncio.sleep(10, "slept"), seconds)
        except TimeoutError:
            return f"gave up after {(podium.now().timestamp() - STARTED):g}"

    assert result(body) == f"gave up after {max(seconds, 0):g}"


def test_wait_for_gives_the_result_in_time() -> None:
    async def body() -> list[int]:
        return [await asyncio.wait_for(fetch(1), 5), await asyncio.wait_for(fetch.start(2), None)]

    assert result(body) == [10, 20]


def test_wait_for_opens_no_scope() -> None:
    """A run recorded under one Python replays under the next, though 3.11's own opens a task."""

    async def body() -> int:
        return await asyncio.wait_for(fetch(1), 5) + await fetch(2)

    assert [e.step for e in Life(body).run().history] == ["/fetch", "/fetch#1"]


def test_timeout_cancels_what_it_surrounds() -> None:
    async def body() -> str:
        try:
            async with asyncio.timeout(5):
                await asyncio.gather(asyncio.sleep(3), asyncio.sleep(100))
        except TimeoutError:
            return "late"
        return "early"

    assert result(body) == "late"


def test_timeout_at_and_reschedule() -> None:
    async def body() -> list[bool]:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout_at(loop.time() + 5) as outer:
            outer.reschedule(loop.time() + 50)
            await asyncio.sleep(20)
        try:
            async with asyncio.timeout_at(loop.time() + 1) as inner:
                await asyncio.sleep(2)
        except TimeoutError:
            pass
        return [outer.expired(), inner.expired()]

    assert result(body) == [False, True]


def test_a_task_group_waits_for_all() -> None:
    async def body() -> list[int]:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(fetch(n)) for n in range(3)]
            slow = group.create_task(asyncio.sleep(60, 9))
        return [task.result() for task in (*tasks, slow)]

    assert result(body) == [0, 10, 20, 9]


def test_a_failure_cancels_its_siblings_in_the_group() -> None:
    async def body() -> list[Any]:
        seen: list[Any] = []

        async def sibling() -> None:
            try:
                await asyncio.sleep(1000)
            finally:
                seen.append("sibling stopped")

        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(sibling())
                group.create_task(fail(1))
        except* ValueError as errors:
            seen.append(len(errors.exceptions))
        return seen

    assert result(body) == ["sibling stopped", 1]


def test_a_queue_between_branches() -> None:
    async def body() -> list[int]:
        queue: asyncio.Queue[int | None] = asyncio.Queue(maxsize=2)

        async def produce() -> None:
            for n in range(5):
                await queue.put(await fetch(n))
            await queue.put(None)

        producer = asyncio.create_task(produce())
        got: list[int] = []
        while (n := await queue.get()) is not None:
            got.append(n)
            queue.task_done()
        await producer
        return got

    assert result(body) == [0, 10, 20, 30, 40]


def test_an_event_wakes_all_who_wait() -> None:
    async def body() -> list[str]:
        event, seen = asyncio.Event(), list[str]()

        async def waiter(name: str) -> None:
            await event.wait()
            seen.append(name)

        async with asyncio.TaskGroup() as group:
            for name in "abc":
                group.create_task(waiter(name))
            await asyncio.sleep(5)
            event.set()
        return seen

    assert result(body) == ["a", "b", "c"]


def test_a_lock_admits_one() -> None:
    async def body() -> list[str]:
        lock, seen = asyncio.Lock(), list[str]()

        async def worker(name: str, n: int) -> None:
            async with lock:
                seen.append(f"{name} in")
                await fetch(n)
                seen.append(f"{name} out")

        await asyncio.gather(worker("a", 1), worker("b", 2))
        return seen

    assert result(body) == ["a in", "a out", "b in", "b out"]


def test_a_semaphore_admits_so_many() -> None:
    async def body() -> int:
        semaphore, inside, most = asyncio.Semaphore(2), 0, 0

        async def worker(n: int) -> None:
            nonlocal inside, most
            async with semaphore:
                inside += 1
                most = max(most, inside)
                await fetch(n)
                inside -= 1

        await asyncio.gather(*(worker(n) for n in range(6)))
        return most

    assert result(body) == 2


def test_a_condition_notifies() -> None:
    async def body() -> int:
        condition, box = asyncio.Condition(), list[int]()

        async def fill() -> None:
            for n in range(3):
                value = await fetch(n)
                async with condition:
                    box.append(value)
                    condition.notify_all()

        filler = asyncio.create_task(fill())
        async with condition:
            await condition.wait_for(lambda: len(box) == 3)
        await filler
        return sum(box)

    assert result(body) == 30


def test_a_barrier_lets_all_through_together() -> None:
    async def body() -> list[int]:
        barrier, passed = asyncio.Barrier(3), list[int]()

        async def party(n: int) -> None:
            await fetch(n)
            await barrier.wait()
            passed.append(n)

        await asyncio.gather(*(party(n) for n in range(3)))
        return sorted(passed)

    assert result(body) == [0, 1, 2]


def test_as_completed_follows_the_recorded_order() -> None:
    async def body() -> list[int]:
        return [await next_done for next_done in asyncio.as_completed([fetch(n) for n in range(4)])]

    life = Life(body)
    for part in ("3/", "1/", "4/", "2/"):
        life.answer(part)
    assert life.value() == [20, 0, 30, 10]
    life.boot()
    assert life.value() == [20, 0, 30, 10]


def test_as_completed_iterates_asynchronously_too() -> None:
    async def body() -> list[int]:
        tasks = [asyncio.create_task(fetch(n)) for n in range(3)]
        return [tasks.index(done) + await done async for done in asyncio.as_completed(tasks)]

    assert result(body) == [0, 11, 22]


def test_as_completed_is_an_iterator_in_both_ways() -> None:
    async def body() -> list[int]:
        done, tasks = asyncio.as_completed([fetch(1), fetch(2)]), asyncio.as_completed([fetch(3)])
        return [await next(done), *[await each for each in done], *[await each async for each in tasks]]

    assert result(body) == [10, 20, 30]


def test_as_completed_ends_when_all_were_given() -> None:
    async def body() -> list[Any]:
        done: Any = asyncio.as_completed([fetch.start(1)])
        return [await (await anext(done)), next(done, "none"), await anext(done, "none")]

    assert result(body) == [10, "none", "none"]


def test_as_completed_in_a_plain_body_names_the_way() -> None:
    def body() -> list[Any]:
        return list(asyncio.as_completed([fetch.start(1)]))

    with pytest.raises(podium.UsageError, match=r"test_asyncio\.py:\d+: asyncio\.as_completed") as raised:
        Life(body).value()
    assert "map(items).as_completed()" in str(raised.value)


@pytest.mark.parametrize(
    ("make", "what", "fix"),
    [
        (lambda: fetch.start(1), "a Run", "await it"),
        (lambda: double, "the function double", "create_task(double(...))"),
        (dict, "a dict", "with an async function"),
    ],
)
def test_a_branch_is_made_of_a_coroutine(make: Any, what: str, fix: str) -> None:
    async def body() -> str:
        async with asyncio.TaskGroup() as group:
            try:
                group.create_task(make())
            except TypeError as error:
                return str(error)
        return "made"

    said = result(body)
    assert re.search(rf"test_asyncio.py:\d+: create_task takes a coroutine, not {what}", said)
    assert fix in said


def test_as_completed_times_out() -> None:
    async def body() -> list[Any]:
        seen: list[Any] = []
        try:
            for done in asyncio.as_completed([asyncio.sleep(1, 1), asyncio.sleep(9, 9)], timeout=5):
                seen.append(await done)  # noqa: PERF401  # one at a time, as users write it
        except TimeoutError:
            seen.append("late")
        return seen

    assert result(body) == [1, "late"]


def test_names_bound_before_podium_was_imported() -> None:
    async def body() -> list[int]:
        first = await wait_for(fetch(9), 5)
        return [first, *[await done for done in as_completed([fetch(n) for n in range(9)])]]

    for _ in range(3):  # asyncio's own would order bare coroutines by their addresses
        life = Life(body).run(evict=1.0)
        assert life.value() == [90, *range(0, 90, 10)]
        assert [entry.step.partition("/")[0] for entry in life.history] == ["", *map(str, range(1, 10))]


def test_outside_of_workflows_they_are_asyncios_own() -> None:
    async def main() -> list[Any]:
        seen: list[Any] = [await wait_for(asyncio.sleep(0, 4), 1)]
        seen += [await done for done in as_completed([asyncio.sleep(0, 1)], timeout=3)]
        with pytest.raises(TimeoutError):
            await wait_for(asyncio.sleep(5), 0.001)
        return seen

    assert asyncio.run(main()) == [4, 1]
    assert inspect.iscoroutinefunction(wait_for)
    assert str(inspect.signature(wait_for)) == "(fut, timeout)"


def test_shield_protects_from_cancellation() -> None:
    async def body() -> int:
        inner = asyncio.create_task(fetch(4))
        try:
            async with asyncio.timeout(5):
                await asyncio.shield(inner)
        except TimeoutError:
            return await inner
        raise AssertionError

    life = Life(body)
    life.tick()
    life.answer()
    assert life.value() == 40
    assert life.cancelled == []


def test_async_generators_and_comprehensions() -> None:
    async def pages(n: int) -> AsyncIterator[int]:
        for page in range(n):
            yield await fetch(page)

    async def body() -> list[int]:
        async for first in pages(5):
            if first == 20:
                break
        return [page async for page in pages(3)] + [first]

    assert result(body) == [0, 10, 20, 20]


def test_two_abandoned_generators_clean_up_apart() -> None:
    """Their last lines run in scopes of their own: two open calls of one task are two steps."""

    async def pages() -> AsyncIterator[int]:
        try:
            while True:
                yield await fetch(1)
        finally:
            await fetch(99)

    async def body() -> str:
        async for _ in pages():
            break
        async for _ in pages():
            break
        await asyncio.sleep(1)
        return "done"

    life = Life(body)
    life.answer()
    life.answer("/fetch#1")
    assert len(life.machine.open) == 2
    assert life.run().value() == "done"


def test_context_variables_belong_to_their_branch() -> None:
    name: contextvars.ContextVar[str] = contextvars.ContextVar("name", default="nobody")

    async def branch(n: int) -> str:
        before = name.get()
        name.set(f"branch {n}")
        double(n)
        await fetch(n)
        return f"{before}, {name.get()}"

    async def body() -> list[str]:
        seen = [name.get()]
        name.set("body")
        return [*seen, *await asyncio.gather(branch(1), branch(2)), name.get()]

    token = name.set("caller")
    try:
        assert result(body) == ["nobody", "body, branch 1", "body, branch 2", "body"]
    finally:
        name.reset(token)


def test_a_task_can_be_cancelled_and_uncancelled() -> None:
    async def body() -> list[Any]:
        async def stubborn() -> str:
            try:
                await asyncio.sleep(100)
            except asyncio.CancelledError as error:
                current = asyncio.current_task()
                assert current is not None
                return f"stayed: {error.args}, {current.uncancel()}"
            return "slept"

        task = asyncio.create_task(stubborn())
        await asyncio.sleep(1)
        task.cancel("please")
        return [await task, task.cancelled()]

    assert result(body) == ["stayed: ('please',), 0", False]


def test_sets_of_tasks_iterate_in_the_order_of_creation() -> None:
    async def body() -> list[int]:
        tasks = {asyncio.create_task(asyncio.sleep(1, n)) for n in range(50)}
        await asyncio.wait(tasks)
        return [task.result() for task in tasks]

    first = result(body)
    assert sorted(first) == list(range(50))
    assert result(body) == first


def test_a_failed_branch_that_nobody_looked_at_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def body() -> int:
        asyncio.create_task(fail(1))  # noqa: RUF006  # forgotten on purpose
        await asyncio.sleep(1)
        return 1

    assert Life(body).run().value() == 1
    assert "never retrieved: ValueError: 1" in caplog.text
    assert "ValueError: 1" in caplog.text


def test_a_callback_that_fails_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def body() -> int:
        def broken(_: Any) -> None:
            raise LookupError("in a callback")

        asyncio.create_task(fetch(1)).add_done_callback(broken)
        await asyncio.sleep(1)
        return 1

    assert result(body) == 1
    assert "in a callback" in caplog.text
