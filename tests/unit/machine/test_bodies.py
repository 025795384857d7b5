"""Time, chance, logs and odd endings of workflow bodies."""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

import podium
from podium import TaskFailed, UsageError, codec, task
from podium.errors import EncodeError
from podium.functions import Function
from podium.machine import current_machine
from podium.model import State
from tests.unit.machine.driver import STARTED, Life, declared, result

log = logging.getLogger("shop")


@task
async def fetch(n: int) -> int:
    return n * 10


@task
def pay(n: int) -> int:
    return n + 100


@task
def raises(kind: str) -> None:
    raise {
        "ValueError": ValueError("wrong", 7),
        "StopIteration": StopIteration(3),
        "SystemExit": SystemExit(3),
        "KeyboardInterrupt": KeyboardInterrupt(),
        "GeneratorExit": GeneratorExit(),
        "CancelledError": asyncio.CancelledError(),
        "BaseException": BaseException("bare"),
    }[kind]


@pytest.fixture(autouse=True)
def _outside_afterwards() -> Iterator[None]:
    yield
    assert current_machine() is None
    gc.collect()


# -- time and chance -------------------------------------------------------------------------------------


def test_time_is_that_of_the_last_event_and_never_goes_back() -> None:
    def body() -> list[datetime]:
        seen = [podium.now(), podium.now()]
        pay(1)
        seen.append(podium.now())
        podium.sleep(60)
        return [*seen, podium.now()]

    life = Life(body)
    life.now += 5
    life.answer()
    life.now -= 500  # a clock set back
    life.run()
    first = datetime.fromtimestamp(STARTED, UTC)
    assert [(at - first).total_seconds() for at in life.value()] == [0, 0, 5, 65]
    life.boot()
    assert [(at - first).total_seconds() for at in life.value()] == [0, 0, 5, 65]


def test_chance_is_the_same_in_every_replay_and_differs_by_run_and_place() -> None:
    async def branch() -> list[Any]:
        return [podium.uuid4(), podium.random().random()]

    async def body() -> list[list[Any]]:
        first = [podium.uuid4(), podium.uuid4(), podium.random().random(), podium.random().random()]
        await asyncio.sleep(1)
        return [first, *await asyncio.gather(branch(), branch())]

    drawn = result(body)
    assert result(body) == drawn
    assert Life(body, id="r-2").run().value() != drawn
    flat = [value for part in drawn for value in part]
    assert len(set(flat)) == len(flat)
    assert {value.version for value in flat if not isinstance(value, float)} == {4}


# -- logs --------------------------------------------------------------------------------------------------


def test_logs_are_said_once_and_carry_the_run(caplog: pytest.LogCaptureFixture) -> None:
    async def body() -> None:
        log.warning("before")
        await fetch(1)
        log.warning("between")
        await asyncio.sleep(5)
        log.warning("after")

    life = Life(body)
    life.answer()
    life.evict()
    life.evict()
    life.tick()
    life.boot()
    assert [record.getMessage() for record in caplog.records] == ["before", "between", "after"]
    assert {getattr(record, "run", "") for record in caplog.records} == {"r-1"}


def test_logs_outside_of_a_turn_are_untouched(caplog: pytest.LogCaptureFixture) -> None:
    life = Life(lambda: pay(1))
    log.warning("outside")
    assert not hasattr(caplog.records[-1], "run")
    life.machine.discard()


# -- failures of tasks -------------------------------------------------------------------------------------


def test_a_failure_keeps_its_type_and_arguments() -> None:
    def body() -> Any:
        try:
            raises("ValueError")
        except ValueError as error:
            return error.args

    assert result(body) == ("wrong", 7)


@pytest.mark.parametrize(
    "kind",
    ["StopIteration", "SystemExit", "KeyboardInterrupt", "GeneratorExit", "CancelledError", "BaseException"],
)
def test_what_must_not_be_thrown_into_a_body_becomes_task_failed(kind: str) -> None:
    """A task's SystemExit ends the task, not the workflow's process; its CancelledError cancels nobody."""

    def plain() -> Any:
        try:
            raises(kind)
        except TaskFailed as error:
            return error.type

    async def awaited() -> Any:
        done = await asyncio.gather(raises.start(kind), return_exceptions=True)
        return getattr(done[0], "type", repr(done[0]))

    assert result(plain).endswith(kind)
    assert result(awaited).endswith(kind)


# -- endings -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error", [SystemExit(3), KeyboardInterrupt(), BaseException("bare"), GeneratorExit()]
)
@pytest.mark.parametrize("after", ["at once", "after a step"])
def test_whatever_a_body_raises_fails_its_run_only(error: BaseException, after: str) -> None:
    async def body() -> None:
        if after == "after a step":
            await fetch(1)
        raise error

    life = Life(body).run()
    assert life.finished is not None
    assert life.finished.state is State.FAILED
    with pytest.raises(TaskFailed, match=type(error).__name__):
        life.value()


def test_a_branch_that_raises_system_exit_does_not_stop_its_siblings() -> None:
    async def leave() -> None:
        raise SystemExit

    async def body() -> list[Any]:
        other = asyncio.create_task(fetch(1))
        leaving = asyncio.create_task(leave())
        return [await other, type(await asyncio.wait_for(_outcome(leaving), 5)).__name__]

    assert result(body) == [10, "SystemExit"]


async def _outcome(branch: asyncio.Task[Any]) -> BaseException | None:
    await asyncio.wait([branch])
    return branch.exception()


def test_a_cancelled_body_ends_cancelled_and_may_clean_up() -> None:
    async def body() -> None:
        try:
            await asyncio.sleep(100)
        finally:
            await fetch(1)

    life = Life(body)
    life.cancel()
    assert life.run().finished is not None
    assert life.finished is not None
    assert life.finished.state is State.CANCELLED
    assert life.calls


def test_a_body_may_refuse_a_cancellation() -> None:
    async def body() -> str:
        try:
            await asyncio.sleep(100)
        except asyncio.CancelledError:
            return "stayed"
        return "slept"

    life = Life(body)
    life.cancel()
    assert life.value() == "stayed"


def test_a_timeout_of_the_whole_workflow() -> None:
    async def body() -> None:
        await asyncio.sleep(100)

    function = Function("test:body", body, is_workflow=True, is_async=True, timeout=30)
    life = Life(function)
    life.tick()
    with pytest.raises(TimeoutError):
        life.value()
    assert life.now == STARTED + 30


@pytest.mark.parametrize("what", ["generator", "coroutine", "object", "function"])
def test_a_result_that_cannot_be_stored_fails_the_run_and_names_it(what: str) -> None:
    coroutine = asyncio.sleep(0)
    odd = {"generator": (n for n in range(3)), "coroutine": coroutine, "object": object(), "function": print}

    def body() -> Any:
        return {"deep": [odd[what]]}

    try:
        with pytest.raises(EncodeError, match=r'body result\["deep"\]\[0\]'):
            Life(body).run().value()
    finally:
        coroutine.close()


def test_a_body_may_not_return_from_a_lambda_nor_need_a_name() -> None:
    assert Life(declared(lambda n: pay(n)), 5).run().value() == 105


def test_arguments_come_as_copies_and_a_changed_signature_says_so() -> None:
    def old(items: list[int], extra: int) -> list[int]:
        items.append(pay(extra))
        return items

    def new(items: list[int]) -> list[int]:
        return items

    mine = [1]
    life = Life(old, mine, 2)
    assert life.run().value() == [1, 102]
    assert mine == [1]
    life.function = declared(new)
    life.history.clear()
    with pytest.raises(UsageError, match="no parameter 'extra' any more"):  # for the engine: it parks the run
        life.boot()


def test_a_deadlock_waits_for_nothing_that_can_come() -> None:
    """The machine says so by having nothing open; the engine parks such a run."""

    async def body() -> None:
        await asyncio.Event().wait()

    life = Life(body).run()
    assert life.finished is None
    assert not life.machine.open
    assert life.machine.loop.next_timer() is None
    life.machine.discard()


def test_feeding_a_finished_run_is_a_mismatch() -> None:
    life = Life(lambda: 1)
    with pytest.raises(podium.PodiumError, match="returned"):
        life.cancel()


# -- cost ------------------------------------------------------------------------------------------------


def operations(act: Callable[[], Any]) -> int:
    """How many lines of Python it runs: the same on a busy machine as on an idle one."""
    lines = 0

    def count(frame: Any, event: str, _: Any) -> Any:
        nonlocal lines
        lines += event == "line"
        return count

    before = sys.gettrace()
    sys.settrace(count)
    try:
        act()
    finally:
        sys.settrace(before)
    return lines


def one_after_the_other(count: int) -> int:
    return sum(pay(n) for n in range(count))


async def all_at_once(count: int) -> int:
    return sum(await fetch.map(range(count)))


async def by_branches(count: int) -> int:
    return sum(await asyncio.gather(*(fetch(n) for n in range(count))))


@pytest.mark.parametrize(
    "body", [one_after_the_other, all_at_once, by_branches], ids=lambda body: body.__name__
)
def test_a_replay_is_linear_in_its_history(body: Callable[..., Any]) -> None:
    costs: list[int] = []
    for count in (500, 1000, 2000):
        life = Life(body, count).run()
        assert len(life.history) == count
        costs.append(operations(lambda life=life: Life(body, count, history=life.history)))  # noqa: B023  # called at once
    assert costs[0] > 5_000, "this counts nothing"
    assert costs[1] < 2.2 * costs[0]
    assert costs[2] < 2.2 * costs[1]


@pytest.mark.slow
def test_ten_thousand_steps_replay() -> None:
    life = Life(one_after_the_other, 10_000).run()
    assert Life(one_after_the_other, 10_000, history=life.history).value() == life.value()
    assert codec.decode(life.args) == {"count": 10_000}
