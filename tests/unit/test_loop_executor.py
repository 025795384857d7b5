"""Runners that take one attempt after the other: nothing of one body may reach the next."""

from __future__ import annotations

import asyncio
import contextvars
import time
import weakref
from collections.abc import Callable, Coroutine, Generator
from typing import Any

import pytest

from podium import codec
from podium.errors import EncodeError, TaskTimeout
from podium.executors import Attempt, Ended, LoopExecutor
from podium.functions import Function

colour: contextvars.ContextVar[str] = contextvars.ContextVar("colour", default="none")
Body = Callable[[int], Coroutine[Any, Any, Any]]


def run(body: Body, items: list[int], *, slots: int = 100, timeout: float | None = None) -> list[Any]:
    """Run the body for each item on one executor; results and errors by item."""
    function = Function("test:body", body, is_workflow=False, is_async=True, timeout=timeout)
    return asyncio.run(_run(function, items, slots))


async def _run(function: Function, items: list[int], slots: int) -> list[Any]:
    loop = asyncio.get_running_loop()
    outcomes: dict[int, Any] = {}
    done = asyncio.Event()

    def ended(ended: Ended) -> None:
        outcomes[int(ended.attempt.step)] = ended.error or codec.decode(ended.payload)
        if len(outcomes) == len(items):
            done.set()

    executor = LoopExecutor(loop, ended, lambda done: [ended(one) for one in done], slots)
    for item in items:
        args, _ = codec.encode_call({"n": item}, where="test")
        executor.submit(Attempt("r", str(item), function, args, 1, 1))
    await asyncio.wait_for(done.wait(), 10)
    return [outcomes[item] for item in items]


def executor_of_one(ends: list[str]) -> LoopExecutor:
    """An executor with one slot, and the steps that have ended."""

    def ended(ended: Ended) -> None:
        ends.append(ended.attempt.step)

    return LoopExecutor(asyncio.get_running_loop(), ended, lambda done: [ended(one) for one in done], 1)


def test_bodies_that_wait_run_side_by_side_up_to_the_slots() -> None:
    full = asyncio.Event()
    running, most = 0, 0

    async def body(n: int) -> int:
        nonlocal running, most
        running += 1
        most = max(most, running)
        if running == 7:
            full.set()
        await (full.wait() if n % 2 else asyncio.sleep(0))
        running -= 1
        return n

    assert run(body, list(range(50)), slots=7) == list(range(50))
    assert most == 7


def test_all_of_them_wait_for_each_other_when_there_are_slots_enough() -> None:
    gate = asyncio.Event()
    arrived = 0

    async def body(n: int) -> int:
        nonlocal arrived
        arrived += 1
        if arrived == 20:
            gate.set()
        await gate.wait()
        return n

    assert run(body, list(range(20)), slots=20) == list(range(20))


@pytest.mark.parametrize("pause", [False, True])
def test_a_context_variable_set_in_one_body_is_not_seen_in_the_next(pause: bool) -> None:
    async def body(n: int) -> str:
        before = colour.get()
        colour.set(f"set by {n}")
        if pause:
            await asyncio.sleep(0)
        assert colour.get() == f"set by {n}"
        return before

    assert run(body, [1, 2, 3]) == ["none"] * 3


@pytest.mark.parametrize("pause", [False, True])
def test_what_cannot_be_stored_is_the_bodys_own_failure(pause: bool) -> None:
    async def body(n: int) -> Any:
        if pause:
            await asyncio.sleep(0)
        return object() if n == 2 else n

    one, two, three = run(body, [1, 2, 3])
    assert (one, three) == (1, 3)
    assert isinstance(two, EncodeError)


def test_a_body_may_give_anything_that_can_be_awaited() -> None:
    class Answer:
        def __init__(self, n: int) -> None:
            self.n = n

        def __await__(self) -> Generator[Any, Any, int]:
            yield from asyncio.sleep(0).__await__()
            return self.n

    async def adds(n: int) -> int:
        await asyncio.sleep(0)
        return n + 10

    shared: list[Any] = []

    def body(n: int) -> Any:
        if n == 1:
            return Answer(n)
        if n == 2:
            return asyncio.ensure_future(adds(n))
        if n == 3:
            return n
        if n == 4:
            shared.append(adds(n))
            shared[0].send(None)  # somebody else awaits it
        return shared[0] if n == 4 else adds(n)

    one, two, three, four, five = run(body, [1, 2, 3, 4, 5])
    shared[0].close()
    assert (one, two, five) == (1, 12, 15)
    assert isinstance(three, TypeError)
    assert "being awaited already" in str(four)


def test_a_body_that_cancels_its_own_task_ends_alone() -> None:
    async def body(n: int) -> int:
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0, "inherited from the attempt before"
        if n == 2:
            task.cancel()
        await asyncio.sleep(0)
        return n

    one, two, three = run(body, [1, 2, 3], slots=1)
    assert (one, three) == (1, 3)
    assert isinstance(two, asyncio.CancelledError)


def test_a_body_that_cancels_itself_and_does_not_wait_leaves_the_next_alone() -> None:
    async def body(n: int) -> int:
        if n == 1:
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
            return n
        await asyncio.sleep(0)
        return n

    assert run(body, [1, 2, 3], slots=1) == [1, 2, 3]


def test_a_timeout_is_each_attempts_own() -> None:
    async def body(n: int) -> int:
        await asyncio.sleep(30 if n == 2 else 0)
        return n

    one, two, three = run(body, [1, 2, 3], slots=1, timeout=0.05)
    assert (one, three) == (1, 3)
    assert isinstance(two, TaskTimeout)


def test_cancelling_an_attempt_frees_its_slot_for_the_next() -> None:
    async def main() -> tuple[list[str], bool]:
        ends: list[str] = []
        cleaned = asyncio.Event()

        async def body(n: int) -> int:
            if n == 2:
                return n
            try:
                await asyncio.sleep(30)
            finally:
                cleaned.set()
            return n

        function = Function("test:body", body, is_workflow=False, is_async=True)
        executor = executor_of_one(ends)
        first, second = (
            Attempt("r", str(n), function, codec.encode_call({"n": n}, where="test")[0], 1, 1) for n in (1, 2)
        )
        executor.submit(first)
        executor.submit(second)
        await asyncio.sleep(0)
        executor.cancel(first)
        for _ in range(10):
            await asyncio.sleep(0)
        return ends, cleaned.is_set()

    assert asyncio.run(main()) == (["2"], True)


def test_an_attempt_cancelled_in_line_never_begins() -> None:
    async def main() -> list[str]:
        ends: list[str] = []
        began: list[int] = []

        async def body(n: int) -> int:
            began.append(n)
            await asyncio.sleep(0)
            return n

        function = Function("test:body", body, is_workflow=False, is_async=True)
        executor = executor_of_one(ends)
        attempts = [
            Attempt("r", str(n), function, codec.encode_call({"n": n}, where="test")[0], 1, 1)
            for n in (1, 2, 3)
        ]
        for attempt in attempts:
            executor.submit(attempt)
        executor.cancel(attempts[1])
        for _ in range(20):
            await asyncio.sleep(0)
        assert began == [1, 3]
        return ends

    assert asyncio.run(main()) == ["1", "3"]


def test_bodies_that_wait_have_tasks_of_their_own() -> None:
    """Things are kept by task, and what is left behind there must not strike the next body."""

    tasks: list[asyncio.Task[Any]] = []

    async def body(n: int) -> int:
        task = asyncio.current_task()
        assert task is not None
        tasks.append(task)
        name = task.get_name()
        task.set_name(f"of {n}")
        if n > 1:
            tasks[n - 2].cancel()  # too late for that one
        await asyncio.sleep(0.005)
        assert not name.startswith("of ")
        return n

    assert run(body, [1, 2, 3, 4], slots=1) == [1, 2, 3, 4]


def test_a_cancellation_taken_back_without_a_wait_does_not_strike_the_next() -> None:
    async def body(n: int) -> int:
        task = asyncio.current_task()
        assert task is not None
        if n == 1:
            task.cancel()
            task.uncancel()
            return n
        await asyncio.sleep(0)
        return n

    assert run(body, [1, 2, 3], slots=1) == [1, 2, 3]


def test_a_long_line_of_bodies_that_compute_holds_up_no_timer() -> None:
    fired: list[int] = []
    ran: list[int] = []

    async def body(n: int) -> int:
        if n == 0:
            asyncio.get_running_loop().call_later(0.01, lambda: fired.append(len(ran)))
        until = time.monotonic() + 0.002
        while time.monotonic() < until:
            pass
        ran.append(n)
        return n

    run(body, list(range(100)), slots=10)
    assert fired, "it came after all of them"
    assert fired[0] < 50


class Chain:
    """Attempts of which each is submitted as the one before has ended; so does a run of dependent steps."""

    def __init__(self, body: Body) -> None:
        self._function = Function("test:body", body, is_workflow=False, is_async=True)
        loop = asyncio.get_running_loop()
        self.executor = LoopExecutor(loop, self.ended, lambda done: [self.ended(one) for one in done], 10)
        self.left, self.done = 0, asyncio.Event()

    def begin(self, steps: int) -> None:
        self.left = steps
        self.submit(steps)

    def stop(self) -> None:
        self.left = 0

    def submit(self, n: int) -> None:
        args, _ = codec.encode_call({"n": n}, where="test")
        self.executor.submit(Attempt("r", str(n), self._function, args, 1, 1))

    def ended(self, ended: Ended) -> None:
        if ended.attempt.step == str(self.left):
            self.left -= 1
            self.submit(self.left) if self.left else self.done.set()


@pytest.mark.parametrize("somebody_waits", [False, True])
def test_steps_that_follow_each_other_share_a_turn_of_the_loop_unless_a_body_waits_for_it(
    somebody_waits: bool,
) -> None:
    gate = asyncio.Event()

    async def body(n: int) -> int:
        if n == -1:
            await gate.wait()
        return n

    async def main() -> int:
        loop: Any = asyncio.get_running_loop()
        turns, chain, turn = 0, Chain(body), loop._run_once
        if somebody_waits:
            chain.submit(-1)
        chain.submit(-2)  # which opens a runner
        for _ in range(5):
            await asyncio.sleep(0)

        def counted() -> None:
            nonlocal turns
            turns += 1
            turn()

        loop.time = lambda: 0.0  # else a busy machine has its say
        loop._run_once = counted
        chain.begin(100)
        await chain.done.wait()
        gate.set()
        await asyncio.sleep(0)
        return turns

    turns = asyncio.run(main())
    assert turns >= 100 if somebody_waits else turns < 10


def test_what_the_loop_has_to_do_goes_before_the_next_step() -> None:
    ran: list[int] = []
    seen: list[int] = []

    async def body(n: int) -> int:
        ran.append(n)
        asyncio.get_running_loop().call_soon(lambda: seen.append(ran[-1]))
        return n

    async def main() -> None:
        chain = Chain(body)
        chain.submit(-2)  # which opens a runner
        await asyncio.sleep(0.01)
        chain.begin(100)
        await chain.done.wait()
        await asyncio.sleep(0)

    asyncio.run(main())
    assert seen == ran
    assert len(ran) == 101


def test_a_chain_of_steps_that_compute_holds_up_no_timer() -> None:
    steps = 10_000  # two seconds of them

    async def body(n: int) -> int:
        until = time.monotonic() + 0.0002
        while time.monotonic() < until:
            pass
        return n

    async def main() -> int:
        chain = Chain(body)
        chain.begin(steps)
        await asyncio.sleep(0.01)
        left = chain.left
        chain.stop()
        return left

    assert 0 < asyncio.run(main()) < steps, "its timer fires while the chain goes on"


def test_a_runner_that_is_cancelled_before_it_begins_gives_its_slot_back() -> None:
    async def body(n: int) -> int:
        if n == 1:
            await asyncio.sleep(0)
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                if "LoopExecutor._run" in repr(task.get_coro()):
                    task.cancel()  # one that serves the line meanwhile, or is about to
        return n

    outcomes = run(body, list(range(1, 7)), slots=2)
    assert len(outcomes) == 6, "nobody is left in line"


def test_a_timeout_after_a_group_that_failed_is_told_as_the_tasks_timeout() -> None:
    async def broken() -> None:
        await asyncio.sleep(0)
        raise ValueError

    async def body(n: int) -> int:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(broken())
        except* ValueError:
            pass
        await asyncio.sleep(60)
        return n

    (outcome,) = run(body, [1], timeout=0.05)
    assert isinstance(outcome, TaskTimeout)


def test_a_body_that_ends_in_one_go_leaves_nothing_at_the_task_of_the_next() -> None:
    kept: dict[Any, int] = {}
    weakly: weakref.WeakKeyDictionary[Any, int] = weakref.WeakKeyDictionary()
    ended: list[int] = []

    async def by_task(n: int) -> int:
        return kept.setdefault(asyncio.current_task(), n)

    async def by_weak_task(n: int) -> int:
        return weakly.setdefault(asyncio.current_task(), n)

    async def named(n: int) -> str:
        task = asyncio.current_task()
        assert task is not None
        name = task.get_name()
        task.set_name(f"body {n}")
        return name

    async def calls_back(n: int) -> int:
        task = asyncio.current_task()
        assert task is not None
        task.add_done_callback(lambda _: ended.append(n))
        await asyncio.sleep(0) if n == 4 else None
        return len(ended)

    async def leaves_a_timer(n: int) -> int:
        task = asyncio.current_task()
        assert task is not None
        if n == 0:
            asyncio.get_running_loop().call_later(0.01, task.cancel)
        else:
            await asyncio.sleep(0.05)
        return n

    items = list(range(5))
    assert run(by_task, items) == run(by_weak_task, items) == items
    assert not {f"body {n}" for n in items} & {*run(named, items)}
    assert run(calls_back, items, slots=1)[-1] >= 3, "each is told that it is over"
    assert run(leaves_a_timer, items) == items
