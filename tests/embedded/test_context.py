"""What a body sets for its surroundings reaches its tasks in this process, and nobody else's."""

from __future__ import annotations

import asyncio
import contextvars
import decimal

import pytest

from podium import App, Retry, task, workflow

who: contextvars.ContextVar[str] = contextvars.ContextVar("who", default="nobody")
tries: list[str] = []


@task
def in_thread() -> str:
    before = who.get()
    who.set("a thread")
    return before


@task
async def on_loop() -> str:
    before = who.get()
    who.set("the loop")
    return before


@task
def third() -> str:
    return str(decimal.Decimal(1) / 3)


@task(retries=Retry(times=1, wait=0))
def tried() -> str:
    tries.append(who.get())
    who.set("the first try")
    if len(tries) == 1:
        raise ValueError
    return who.get()


@workflow
async def flow(name: str) -> list[str]:
    async def branch() -> str:
        who.set("branch")
        return await on_loop()

    who.set(name)
    seen = [in_thread(), await on_loop(), who.get(), await asyncio.create_task(branch()), in_thread()]
    return [*seen, *await on_loop_many()]


async def on_loop_many() -> list[str]:
    return list(await asyncio.gather(on_loop(), on_loop()))


@workflow
def precise() -> str:
    with decimal.localcontext(prec=5):
        return third()


@workflow
def again(name: str) -> str:
    who.set(name)
    return tried()


def test_what_a_body_sets_reaches_its_tasks_and_comes_back_from_none(app: App) -> None:
    who.set("the caller")
    runs = [flow.start(name) for name in ("a", "b")]
    for name, run in zip("ab", runs, strict=True):
        assert run.result() == [name, name, name, "branch", name, name, name]
    assert who.get() == "the caller"


def test_the_precision_of_decimals_too(app: App) -> None:
    assert precise.run() == "0.33333"
    assert third.run() == str(decimal.Decimal(1) / 3)


def test_each_try_has_a_copy_of_its_own(app: App) -> None:
    tries.clear()
    assert again.run("me") == "the first try"
    assert tries == ["me", "me"]


@pytest.mark.parametrize("one", [in_thread, on_loop], ids=["def", "async def"])
def test_a_task_that_is_started_by_itself_has_an_empty_one(app: App, one: object) -> None:
    who.set("the caller")
    assert one.run() == "nobody"  # type: ignore[attr-defined]  # a task of either colour
