"""A `def` task is called plainly: that branch waits, the others go on; a cancellation reaches it once."""

from __future__ import annotations

import asyncio
import contextvars
from typing import Any

import pytest

import podium
from podium import UsageError, task
from tests.unit.machine.driver import Life, result


@task
def pay(n: int) -> int:
    return n + 100


@task
def refuse(n: int) -> int:
    raise ValueError(n)


@task
async def fetch(n: int) -> int:
    return n * 10


def test_only_the_calling_branch_waits() -> None:
    async def body() -> list[str]:
        seen: list[str] = []

        async def slow() -> None:
            pay(1)
            seen.append("paid")

        async def quick() -> None:
            await asyncio.sleep(1)
            seen.append("slept")

        await asyncio.gather(slow(), quick())
        return seen

    life = Life(body)
    life.tick()
    life.answer()
    assert life.value() == ["slept", "paid"]
    assert result(body) == ["paid", "slept"]


def test_many_branches_wait_in_plain_calls_at_once() -> None:
    async def branch(n: int) -> int:
        return pay(n) + pay(n + 1)

    async def body() -> list[int]:
        return list(await asyncio.gather(*(branch(n) for n in range(5))))

    life = Life(body)
    assert len(life.machine.open) == 5
    for part in ("3/", "5/", "3/", "1/"):
        life.answer(part)
    life.evict()
    life.run()
    assert life.value() == [201, 203, 205, 207, 209]


def test_a_failure_is_raised_at_the_call() -> None:
    async def body() -> Any:
        try:
            refuse(3)
        except ValueError as error:
            return [error.args, pay(1)]

    assert result(body) == [(3,), 101]


def test_through_functions_and_comprehensions_and_sorting() -> None:
    """Any depth of plain Python between the branch and the call."""

    def key(n: int) -> int:
        return -pay(n)

    def body() -> list[int]:
        return sorted([1, 3, 2], key=key)

    assert result(body) == [3, 2, 1]


def test_a_sync_workflow_starts_and_collects() -> None:
    def body() -> list[int]:
        runs = [pay.start(n) for n in range(3)]
        first = fetch.run(1)
        podium.sleep(60)
        return [first, *(run.result() for run in reversed(runs)), *pay.map([7, 8])]

    assert result(body) == [10, 102, 101, 100, 107, 108]


def test_an_async_task_called_bare_in_a_sync_workflow_says_what_to_write() -> None:
    def body() -> Any:
        return fetch(1)

    with pytest.raises(UsageError, match=r"fetch\.run"):
        result(body)


def test_a_timeout_around_a_plain_call() -> None:
    async def body() -> str:
        try:
            async with asyncio.timeout(5):
                pay(1)
        except TimeoutError:
            return "late"
        return "paid"

    life = Life(body)
    life.tick()
    assert life.value() == "late"
    assert life.cancelled == life.started
    life.boot()
    assert life.value() == "late"
    assert result(body) == "paid"


def test_cancelled_once_not_twice() -> None:
    """What the branch does after it caught the cancellation is not hit by it again."""

    async def body() -> list[Any]:
        seen: list[Any] = []

        async def branch() -> str:
            try:
                pay(1)
            except asyncio.CancelledError:
                seen.append("stopped")
                current = asyncio.current_task()
                assert current is not None
                current.uncancel()
            seen.append(pay(2))
            await asyncio.sleep(1)
            seen.append(await fetch(3))
            return "whole"

        other = asyncio.create_task(branch())
        await asyncio.sleep(1)
        other.cancel()
        seen.append(await other)
        return seen

    life = Life(body)
    life.tick()
    assert life.run().value() == ["stopped", 102, 30, "whole"]
    life.boot()
    assert life.value() == ["stopped", 102, 30, "whole"]


def test_a_branch_that_has_cancelled_itself_is_stopped_at_its_next_plain_call() -> None:
    async def body() -> list[str]:
        seen: list[str] = []

        async def branch() -> None:
            current = asyncio.current_task()
            assert current is not None
            current.cancel()
            try:
                pay(1)
            except asyncio.CancelledError:
                seen.append("stopped")
                raise

        await asyncio.gather(branch(), return_exceptions=True)
        return seen

    assert result(body) == ["stopped"]


def test_the_timer_of_a_plain_sleep_that_was_cancelled_wakes_nobody(caplog: pytest.LogCaptureFixture) -> None:
    async def body() -> str:
        async def sleeps() -> None:
            podium.sleep(3)

        sleeper = asyncio.create_task(sleeps())
        await asyncio.sleep(1)
        sleeper.cancel()
        await asyncio.sleep(5)
        return f"cancelled: {sleeper.cancelled()}"

    assert result(body) == "cancelled: True"
    assert caplog.messages == []


def test_a_failing_sibling_cancels_a_branch_that_waits_plainly() -> None:
    async def body() -> list[Any]:
        seen: list[Any] = []

        async def parked() -> None:
            try:
                pay(1)
            finally:
                seen.append("stopped")

        async def broken() -> None:
            await asyncio.sleep(1)
            raise ValueError

        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(parked())
                group.create_task(broken())
        except* ValueError:
            seen.append("failed")
        return seen

    life = Life(body)
    life.tick()
    assert life.value() == ["stopped", "failed"]
    assert len(life.cancelled) == 1


def test_a_cancellation_that_comes_with_the_outcome_is_not_lost() -> None:
    """asyncio raises it at the branch's next step, whether or not what it waited for is done by then."""

    async def body() -> list[str]:
        seen: list[str] = []
        gate = pay.start(1)

        async def canceller() -> None:
            await gate
            victim.cancel()

        async def plain() -> None:
            try:
                gate.result()
                seen.append("got it")
            except asyncio.CancelledError:
                seen.append("stopped")
                raise

        first = asyncio.create_task(canceller())
        victim = asyncio.create_task(plain())
        await asyncio.gather(first, victim, return_exceptions=True)
        return [*seen, f"cancelled: {victim.cancelled()}"]

    assert result(body) == ["stopped", "cancelled: True"]


def test_a_deadline_that_comes_with_the_outcome_is_not_lost() -> None:
    async def body() -> str:
        gate = pay.start(1)

        async def plain() -> str:
            try:
                async with asyncio.timeout(100) as deadline:
                    deadlines.append(deadline)
                    gate.result()
                    await asyncio.sleep(3)
            except TimeoutError:
                return "late"
            return "early"

        async def hurry() -> None:
            await gate
            deadlines[0].reschedule(0)
            await asyncio.sleep(1)

        deadlines: list[asyncio.Timeout] = []
        hurried = asyncio.create_task(hurry())
        plainly = asyncio.create_task(plain())
        await hurried
        return await plainly

    assert result(body) == "late"


def test_cancelling_the_run_reaches_a_plain_call() -> None:
    def body() -> str:
        try:
            pay(1)
        except asyncio.CancelledError:
            return f"cleaned up with {pay(2)}"
        return "paid"

    life = Life(body)
    life.cancel()
    assert life.run().value() == "cleaned up with 102"


def test_the_current_task_and_context_are_the_branchs_own_after_a_plain_call() -> None:
    name: contextvars.ContextVar[str] = contextvars.ContextVar("name")

    async def branch(n: int) -> bool:
        before = asyncio.current_task()
        name.set(str(n))
        pay(n)
        return asyncio.current_task() is before and name.get() == str(n)

    async def body() -> list[bool]:
        return list(await asyncio.gather(*(branch(n) for n in range(4))))

    life = Life(body)
    for part in ("4/", "2/", "3/", "1/"):
        life.answer(part)
    assert life.value() == [True] * 4


def test_plain_sleep_parks_only_its_branch() -> None:
    async def body() -> list[str]:
        seen: list[str] = []

        async def nap(name: str, seconds: float) -> None:
            podium.sleep(seconds)
            seen.append(name)

        await asyncio.gather(nap("long", 9), nap("short", 1))
        return seen

    assert result(body) == ["short", "long"]
