"""Dropping a run from memory never acts, whatever its body does about it, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
import time
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import greenlet
import pytest

import podium
from podium import task
from podium.errors import Discarded, EffectInWorkflow, TurnBudgetExceeded
from podium.machine.branch import Task
from podium.machine.workers import end_idle_workers
from tests.unit.machine.driver import Life

errors: list[BaseException] = []
refunds: list[int] = []  # what the task body did, in a plain call outside of any turn


@task
def refund(n: int) -> int:
    refunds.append(n)
    return n


@task
async def arefund(n: int) -> int:
    refunds.append(n)
    return n


@task
def pay(n: int) -> int:
    return n


@pytest.fixture(autouse=True)
def _nothing_is_refunded() -> Iterator[None]:
    refunds.clear()
    yield
    errors.clear()
    gc.collect()
    assert refunds == [], "a dropped body acted"


class Mark:
    """Something a body holds, to see when it is let go."""


def dropped(body: Callable[..., Any], *args: Any) -> Life:
    """Discard a run where it first waits; everything of it must be gone without the collector's help."""
    life = Life(body, *args)
    assert life.finished is None
    life.machine.discard()
    assert life.machine.take() == []
    return life


def sync_finally() -> None:
    try:
        pay(1)
    finally:
        refund(1)


async def async_finally() -> None:
    try:
        await asyncio.sleep(100)
    finally:
        await arefund(1)


async def plain_finally() -> None:
    try:
        pay(1)
    finally:
        refund(1)


async def catches_everything_once() -> None:
    try:
        await asyncio.sleep(100)
    except BaseException:
        refund(1)
        await arefund(2)


async def retries_for_ever() -> None:
    while True:
        try:
            await asyncio.sleep(100)
        except BaseException:
            try:
                refund(1)
            except BaseException:
                pass


async def yields_for_ever() -> None:
    while True:
        try:
            await asyncio.sleep(0 if refunds else 100)
        except BaseException:
            await asyncio.sleep(0)


async def ignores_a_few_times_then_refunds() -> None:
    for _ in range(10):
        try:
            await asyncio.sleep(0)
            await asyncio.sleep(100)
        except BaseException:
            pass
    refund(1)


async def awaits_one_who_ignores_a_few_times_then_refunds() -> None:
    try:
        await ignores_a_few_times_then_refunds()
    except BaseException as error:
        errors.append(error)  # its traceback holds the one who goes on


def sync_retries_for_ever() -> None:
    while True:
        try:
            pay(1)
        except BaseException:
            pass


def sync_sleeps_for_ever() -> None:
    while True:
        try:
            podium.sleep(100)
        except BaseException:
            pass


def effects_for_ever() -> None:
    try:
        pay(1)
    finally:
        while True:
            try:
                open("/nonexistent/never")  # noqa: SIM115  # refused before it opens
            except BaseException:
                pass


def waits_for_a_run_again() -> None:
    run = pay.start(1)
    while True:
        try:
            run.result()
        except BaseException:
            pass


def collects_a_map_again() -> None:
    while True:
        try:
            list(pay.map(range(3)))
        except BaseException:
            pass


async def in_a_generator() -> None:
    async def pages() -> AsyncIterator[int]:
        try:
            while True:
                yield 1
                await asyncio.sleep(100)
        finally:
            await arefund(1)
            refund(2)

    async for _ in pages():
        pass


async def a_generator_held_open() -> None:
    async def pages() -> AsyncIterator[int]:
        try:
            yield 1
        finally:
            refund(1)

    held = pages()
    await anext(held)
    await asyncio.sleep(100)


async def a_generator_ignores_its_end_a_few_times_then_refunds() -> None:
    async def pages() -> AsyncIterator[int]:
        for _ in range(20):
            try:
                yield 1
            except BaseException:
                pass
        refund(1)
        await arefund(1)

    held = pages()
    await anext(held)
    await asyncio.sleep(100)


async def a_plain_generator_held_open() -> None:
    def pages() -> Iterator[int]:
        try:
            yield 1
            yield 2
        finally:
            refund(1)

    for _ in pages():
        await asyncio.sleep(100)


def a_plain_generator_around_a_plain_call() -> None:
    def pages() -> Iterator[int]:
        try:
            yield pay(1)
        finally:
            refund(1)

    list(pages())


async def in_task_groups() -> None:
    async def leaf(n: int) -> None:
        try:
            pay(n)
        finally:
            refund(n)

    async def awaiting(n: int) -> None:
        try:
            await asyncio.sleep(n)
        finally:
            await arefund(n)

    async def branch() -> None:
        try:
            async with asyncio.TaskGroup() as inner:
                inner.create_task(leaf(1))
                inner.create_task(awaiting(2))
        finally:
            refund(9)

    async with asyncio.TaskGroup() as outer:
        outer.create_task(branch())
        outer.create_task(leaf(3))


async def starts_new_branches() -> None:
    async def more() -> None:
        refund(1)

    try:
        await asyncio.sleep(100)
    finally:
        asyncio.create_task(more())  # noqa: RUF006  # left behind on purpose


async def callbacks() -> None:
    future = asyncio.get_running_loop().create_future()
    future.add_done_callback(lambda _: refund(1))
    try:
        await future
    finally:
        future.set_result(1)
        asyncio.get_running_loop().call_soon(refund, 2)


async def in_an_async_with() -> None:
    class Booking:
        async def __aenter__(self) -> None:
            pass

        async def __aexit__(self, *_: object) -> None:
            await arefund(1)
            refund(2)

    async with Booking(), asyncio.timeout(10):
        await asyncio.gather(asyncio.sleep(1), asyncio.sleep(2))


BODIES = [
    sync_finally,
    async_finally,
    plain_finally,
    catches_everything_once,
    retries_for_ever,
    yields_for_ever,
    ignores_a_few_times_then_refunds,
    awaits_one_who_ignores_a_few_times_then_refunds,
    sync_retries_for_ever,
    sync_sleeps_for_ever,
    effects_for_ever,
    waits_for_a_run_again,
    collects_a_map_again,
    in_a_generator,
    a_generator_held_open,
    a_generator_ignores_its_end_a_few_times_then_refunds,
    a_plain_generator_held_open,
    a_plain_generator_around_a_plain_call,
    in_task_groups,
    starts_new_branches,
    callbacks,
    in_an_async_with,
]


@pytest.mark.parametrize("body", BODIES, ids=lambda body: body.__name__)
def test_a_dropped_body_does_not_act(body: Callable[[], Any]) -> None:
    life = dropped(body)
    del life
    gc.collect()


@pytest.mark.parametrize("body", BODIES, ids=lambda body: body.__name__)
def test_a_body_dropped_in_the_middle_goes_on_after_the_replay(body: Callable[[], Any]) -> None:
    life = Life(body)
    before = list(life.started)
    life.evict()
    assert life.started == before
    life.machine.discard()


def greenlets() -> list[greenlet.greenlet]:
    """All there are. By their type: `isinstance` asks a proxy, and one without anything behind it raises."""
    return [o for o in gc.get_objects() if issubclass(type(o), greenlet.greenlet)]


WELL_BEHAVED = [body for body in BODIES if not body.__name__.endswith(("for_ever", "again", "then_refunds"))]


@pytest.mark.parametrize("body", WELL_BEHAVED, ids=lambda body: body.__name__)
def test_nothing_is_left_to_the_collector(body: Callable[[], Any]) -> None:
    """Every coroutine and generator is closed and every greenlet dead when `discard` returns."""
    mine = greenlets()
    gc.disable()
    try:
        life = Life(body)
        tasks = [weakref.ref(task.get_coro()) for task in life.machine.loop.tasks.values()]
        life.machine.discard()
        for ref in tasks:
            coroutine = ref()
            assert coroutine is None or coroutine.cr_frame is None
        end_idle_workers()  # the thread's, with no run: how many there are depends on the tests before
        alive = [g for g in greenlets() if g and g not in mine]
        assert [g for g in alive if g is not greenlet.getcurrent()] == []
    finally:
        gc.enable()


def test_what_a_body_held_is_let_go() -> None:
    marks: list[weakref.ref[Mark]] = []

    async def body() -> None:
        mark = Mark()
        marks.append(weakref.ref(mark))
        await asyncio.gather(asyncio.sleep(1), asyncio.sleep(2))

    life = dropped(body)
    del life
    gc.collect()
    assert [mark() for mark in marks] == [None]


def test_verbs_raise_discarded() -> None:
    seen: list[str] = []

    def body() -> None:
        try:
            pay(1)
        finally:
            verbs: list[Callable[[], object]] = [
                lambda: pay(1),
                lambda: pay.start(1),
                lambda: pay.map([1]),
                podium.now,
                podium.uuid4,
                podium.random,
                lambda: podium.sleep(1),
                lambda: time.sleep(0),
                lambda: open("/nonexistent"),  # noqa: SIM115  # refused before it opens
                lambda: asyncio.get_running_loop().create_future(),
                lambda: asyncio.get_running_loop().call_later(1, print),
            ]
            for verb in verbs:
                try:
                    verb()
                except Discarded:
                    continue
                seen.append(f"{verb} did not raise")
            seen.append("all tried")

    dropped(body)
    assert seen == ["all tried"]


def test_logs_of_a_dropped_body_vanish(caplog: pytest.LogCaptureFixture) -> None:
    log = logging.getLogger("shop")

    async def body() -> None:
        try:
            await asyncio.sleep(1)
        finally:
            log.error("refunding")

    dropped(body)
    assert caplog.text == ""


def test_discarding_twice_and_before_the_first_turn_is_fine() -> None:
    life = dropped(async_finally)
    life.machine.discard()


def test_a_finished_runs_leftovers_do_not_act() -> None:
    """A body that returns leaves its branches behind: their steps are cancelled, they themselves dropped."""

    async def branch() -> None:
        try:
            pay(5)
        finally:
            refund(5)

    async def body() -> int:
        asyncio.create_task(branch())  # noqa: RUF006  # left behind on purpose
        asyncio.create_task(async_finally())  # noqa: RUF006  # left behind on purpose
        await asyncio.sleep(1)
        return 7

    life = Life(body)
    life.tick()
    assert life.value() == 7
    assert len(life.cancelled) == 1


def test_a_run_in_trouble_is_dropped_without_acting() -> None:
    async def body() -> None:
        try:
            open("/nonexistent/file")  # noqa: SIM115  # refused before it opens
        finally:
            refund(1)
            await asyncio.sleep(1)

    with pytest.raises(EffectInWorkflow):
        Life(body)


class Struck:
    """A coroutine, and a turn that is stopped just as it has given back control."""

    def __init__(self, body: Any) -> None:
        self._body, self._left = body, 2
        self.close = body.close

    @property
    def cr_frame(self) -> Any:
        return self._body.cr_frame

    @property
    def cr_await(self) -> Any:
        return self._body.cr_await

    def send(self, value: Any) -> Any:
        given = self._body.send(value)
        self._left -= 1
        if self._left == 0:
            raise TurnBudgetExceeded
        return given


async def stubborn() -> None:
    while True:
        try:
            await asyncio.sleep(0)
        except BaseException:
            pass


def test_a_turn_that_is_stopped_between_two_branches_leaves_none_to_the_collector(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begin = Task.__init__

    def struck(self: Any, coro: Any, **given: Any) -> None:
        begin(self, Struck(coro), **given)

    monkeypatch.setattr(Task, "__init__", struck)
    unraisable: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", unraisable.append)
    with pytest.raises(TurnBudgetExceeded):
        Life(stubborn)  # which discards it, as an engine does
    gc.collect()
    assert [str(each.exc_value) for each in unraisable] == []
