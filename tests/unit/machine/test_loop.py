"""What of an event loop a workflow has, and how the rest is refused."""

from __future__ import annotations

import asyncio
import gc
import logging
import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from podium import task
from podium.errors import EffectInWorkflow, UsageError
from tests.unit.machine.driver import STARTED, Life, result


@task
def double(n: int) -> int:
    return n * 2


@task
async def fail(n: int) -> int:
    raise ValueError(n)


def test_all_tasks_are_the_runs_own_in_the_order_in_which_they_were_made() -> None:
    async def body() -> list[str]:
        branches = [asyncio.create_task(asyncio.sleep(1), name=f"b{n}") for n in range(3)]
        names = [each.get_name() for each in asyncio.all_tasks()]
        await asyncio.gather(*branches)
        return [*names, *(each.get_name() for each in asyncio.all_tasks())]

    assert result(body) == ["body", "b0", "b1", "b2", "body"]


HARMLESS = {
    *("call_at", "call_exception_handler", "call_later", "call_soon", "call_soon_threadsafe"),
    *("create_future", "create_task", "default_exception_handler", "get_debug", "get_exception_handler"),
    *("get_task_factory", "is_closed", "is_running", "set_debug", "set_exception_handler", "time"),
}
REFUSED = sorted(name for name in dir(asyncio.AbstractEventLoop) if name[0] != "_" and name not in HARMLESS)


@pytest.mark.parametrize("name", REFUSED)
def test_what_a_body_cannot_ask_of_its_loop_is_refused_with_the_line(name: str) -> None:
    async def body() -> None:
        getattr(asyncio.get_running_loop(), name)(None, print)

    with pytest.raises((UsageError, EffectInWorkflow), match=r"test_loop\.py:\d+: ") as caught:
        Life(body).value()
    assert "\n  " in str(caught.value) or "move this into a task" in str(caught.value)


def test_a_wake_up_from_outside_of_the_run_is_refused() -> None:
    loops: list[Any] = []

    async def body() -> None:
        loops.append(asyncio.get_running_loop())
        loops.append(loops[0].create_future())
        await asyncio.sleep(1)

    Life(body)
    loop, future = loops
    for wake in (loop.call_soon_threadsafe, loop.call_soon):
        with pytest.raises(UsageError, match=r"test_loop\.py:\d+: .* loop from outside"):
            wake(print)
    future.add_done_callback(print)
    with pytest.raises(UsageError, match="the result of a task"):
        future.set_result(1)


def test_one_run_cannot_wake_another() -> None:
    futures: list[Any] = []

    async def waits() -> None:
        futures.append(asyncio.get_running_loop().create_future())
        await futures[0]

    async def wakes() -> None:
        futures[0].set_result(1)

    Life(waits)
    with pytest.raises(UsageError, match=r"test_loop\.py:\d+: this wakes a workflow's loop from outside"):
        Life(wakes).value()


def test_a_plain_call_in_a_callback_is_refused_with_the_line() -> None:
    async def body() -> None:
        asyncio.get_running_loop().call_soon(lambda: double(1))
        await asyncio.sleep(1)

    with pytest.raises(EffectInWorkflow, match=r"test_loop\.py:\d+: a plain call in a callback"):
        Life(body)


def test_a_wake_up_from_within_is_none_from_outside() -> None:
    async def body() -> int:
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        loop.call_soon_threadsafe(future.set_result, 3)
        return await future

    assert result(body) == 3


def test_a_body_may_handle_the_exceptions_of_its_loop() -> None:
    async def body() -> str:
        loop, seen = asyncio.get_running_loop(), list[str]()
        loop.set_exception_handler(lambda _, context: seen.append(str(context["exception"])))
        loop.call_soon(lambda: 1 / 0)
        await asyncio.sleep(1)
        return seen[0]

    assert result(body) == "division by zero"


@pytest.mark.parametrize("fails", [lambda: fail(1), lambda: raises()], ids=["a step", "a branch"])
def test_a_failure_that_is_never_retrieved_is_told_with_the_run_and_the_users_lines(
    caplog: pytest.LogCaptureFixture, fails: Callable[[], Awaitable[Any]]
) -> None:
    async def body() -> None:
        asyncio.ensure_future(fails())  # noqa: RUF006  # forgotten on purpose
        await asyncio.sleep(1)

    with caplog.at_level(logging.ERROR):
        Life(body).run()
        gc.collect()
    (record,) = caplog.records
    text = record.getMessage()
    found = r"run r-1: \S*test_loop\.py:\d+: the exception of a branch was never retrieved: "
    assert re.match(f"{found}ValueError: 1\n", text)
    assert "podium/machine" not in text
    assert record.exc_info is None


async def raises() -> None:
    raise ValueError(1)


class Scope:
    """Cancels its branch as anyio's scopes do: by what it reads of the task, again and again."""

    def __init__(self, seconds: float) -> None:
        self.host: Any = asyncio.current_task()
        self.timer = asyncio.get_running_loop().call_later(seconds, self.deliver)

    def deliver(self) -> None:
        waiter = self.host._fut_waiter
        if not self.host._must_cancel and (waiter is None or not waiter.done()):
            self.host.cancel()
        self.timer = asyncio.get_running_loop().call_soon(self.deliver)


def test_what_others_read_of_asyncios_tasks_is_there() -> None:
    async def body() -> str:
        scope = Scope(5)
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            scope.timer.cancel()
            scope.host.uncancel()
        try:
            return f"{double(2)} after {asyncio.get_running_loop().time() - STARTED:g}"
        finally:
            scope.timer.cancel()

    assert result(body) == "4 after 5"


def test_the_line_of_an_effect_in_a_branch_that_a_library_began_is_that_of_the_call() -> None:
    namespace: dict[str, Any] = {"asyncio": asyncio}
    library = "async def connect():\n    await asyncio.create_task(asyncio.open_connection('h', 1))\n"
    exec(compile(library, "/x/site-packages/library.py", "exec"), namespace)

    async def body() -> None:
        await namespace["connect"]()

    with pytest.raises(EffectInWorkflow, match=r"test_loop\.py:\d+: asyncio's "):
        Life(body)
