"""A timeout is a TimeoutError, a cancellation that nobody asked for is none: on every Python we claim."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from podium import task
from podium.errors import UnaskedCancel
from podium.model import State
from tests.unit.machine.driver import Life, declared, result


@task
async def fetch(n: int) -> int:
    return n


async def broken() -> None:
    raise ValueError("boom")


async def broken_later() -> None:
    await asyncio.sleep(1)
    raise ValueError("boom")


async def failed_in_the_body() -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(asyncio.sleep(5))
        await asyncio.sleep(1)
        raise ValueError("boom")


async def failed_while_waiting() -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(asyncio.sleep(5))
        group.create_task(broken_later())


async def failed_at_once() -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(broken())


async def failed_inside_another() -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(failed_while_waiting())


async def timed_out_before() -> None:
    try:
        async with asyncio.timeout(1):
            await failed_while_waiting()
    except TimeoutError:
        raise ValueError from None


Fails = Callable[[], Awaitable[None]]
FAILURES: list[Fails] = [
    failed_in_the_body, failed_while_waiting, failed_at_once, failed_inside_another, timed_out_before,
]  # fmt: skip


async def page(fails: Fails) -> None:
    try:
        await fails()
    except* ValueError:
        pass
    await asyncio.sleep(60)


@pytest.mark.parametrize("fails", FAILURES)
def test_a_timeout_after_a_group_that_failed_is_a_timeout(fails: Fails) -> None:
    async def body() -> list[str]:
        seen: list[str] = []
        for limit in (asyncio.wait_for(page(fails), 10), limited(page(fails))):
            try:
                await limit
            except TimeoutError:
                seen.append("timeout")
        return seen

    async def limited(inner: Awaitable[None]) -> None:
        async with asyncio.timeout(10):
            await inner

    assert result(body) == ["timeout", "timeout"]


def test_the_workflows_own_timeout_after_a_group_that_failed_is_a_timeout() -> None:
    async def body() -> None:
        await page(failed_while_waiting)

    function = declared(body)
    function.timeout = 10
    life = Life(function).run()
    with pytest.raises(TimeoutError, match="body took longer than its timeout of 10 s"):
        life.value()


def test_a_timeout_in_what_cleans_up_after_a_cancellation_is_a_timeout() -> None:
    async def body() -> str:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            try:
                async with asyncio.timeout(1):
                    await asyncio.sleep(60)
            except TimeoutError:
                return "gave up"
        return "?"

    life = Life(body)
    life.cancel()
    assert life.run().value() == "gave up"


def test_a_cancellation_from_outside_is_not_lost_behind_a_group_that_fails_with_it() -> None:
    async def fails_when_cancelled() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            raise ValueError

    async def body() -> str:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(fails_when_cancelled())
        except* ValueError:
            pass
        await asyncio.sleep(1)
        return "went on"

    life = Life(body)
    life.cancel()
    life.run()
    assert life.finished is not None
    assert life.finished.state is State.CANCELLED


def test_what_fails_under_a_timeout_names_the_timeout() -> None:
    async def body() -> str:
        try:
            async with asyncio.timeout(1):
                try:
                    await asyncio.sleep(60)
                finally:
                    raise ValueError("on the way out")
        except ValueError as error:
            return type(error.__context__).__name__
        return "?"

    assert result(body) == "TimeoutError"


async def raises() -> None:
    raise asyncio.CancelledError


async def awaits_what_it_cancelled() -> None:
    branch = asyncio.create_task(asyncio.sleep(60))
    await asyncio.sleep(0)
    branch.cancel()
    await branch


async def cancels_itself() -> None:
    current = asyncio.current_task()
    assert current is not None
    current.cancel()
    await asyncio.sleep(60)


async def cancels_a_step() -> None:
    step = asyncio.create_task(fetch(1))
    await asyncio.sleep(0)
    step.cancel()
    await asyncio.gather(step)


@pytest.mark.parametrize("body", [raises, awaits_what_it_cancelled, cancels_itself, cancels_a_step])
def test_a_body_that_cancels_itself_fails_and_says_where(body: Callable[[], Awaitable[None]]) -> None:
    life = Life(body).run()
    with pytest.raises(UnaskedCancel, match=rf"test_timeouts\.py:\d+: CancelledError ended {body.__name__}"):
        life.value()


def test_the_same_after_somebody_has_asked_is_a_cancellation() -> None:
    async def body() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            await raises()

    life = Life(body)
    life.cancel()
    assert life.finished is not None
    assert life.finished.state is State.CANCELLED
