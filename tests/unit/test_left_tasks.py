"""What is left on the engine's loop when it closes is told with the run and the user's line."""

from __future__ import annotations

import asyncio
import gc
import logging
import sys

import pytest

from podium import codec
from podium.engine import left_tasks
from podium.executors import Attempt, LoopExecutor
from podium.functions import Function


async def goes_on(gate: asyncio.Event) -> None:
    while not gate.is_set():
        try:
            await gate.wait()  # here
        except asyncio.CancelledError:
            continue


def test_a_body_that_ignores_its_cancellation_is_named_and_asyncio_says_nothing(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(left_tasks, "GRACE_SECONDS", 0.0)
    loop = asyncio.new_event_loop()

    async def stubborn() -> None:
        await goes_on(asyncio.Event())

    function = Function("test:stubborn", stubborn, is_workflow=False, is_async=True)
    args, _ = codec.encode_call({}, where="test")
    executor = LoopExecutor(loop, lambda _: None, lambda _: None, 10)
    executor.submit(Attempt("r-1", "/stubborn", function, args, 1, 1))
    loop.run_until_complete(asyncio.sleep(0))
    loop.run_until_complete(asyncio.sleep(0))
    with caplog.at_level(logging.WARNING):
        left_tasks.end_tasks(loop, executor)
        loop.close()
        del executor
        gc.collect()
    with open(__file__) as lines:
        here = next(n for n, line in enumerate(lines, 1) if line.rstrip().endswith("# here"))
    (record,) = caplog.records
    assert record.getMessage().startswith("run r-1: stubborn did not end when it was cancelled (")
    assert f"test_left_tasks.py:{here}); it is dropped" in record.getMessage()


def test_a_failure_that_no_task_looked_at_is_told_with_its_run(caplog: pytest.LogCaptureFixture) -> None:
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(left_tasks.tell_failure)

    async def broken() -> None:
        raise ValueError("boom")

    async def forgets() -> None:
        asyncio.create_task(broken())  # noqa: RUF006  # forgotten on purpose
        await asyncio.sleep(0)

    function = Function("test:forgets", forgets, is_workflow=False, is_async=True)
    args, _ = codec.encode_call({}, where="test")
    executor = LoopExecutor(loop, lambda _: None, lambda _: None, 10)
    executor.submit(Attempt("r-1", "/forgets", function, args, 1, 1))
    with caplog.at_level(logging.ERROR):
        for _ in range(5):
            loop.run_until_complete(asyncio.sleep(0))
        gc.collect()
    left_tasks.end_tasks(loop, executor)
    loop.close()
    (record,) = caplog.records
    assert "Task exception was never retrieved" in record.getMessage()
    if sys.version_info >= (3, 12):  # before, a task does not tell its context
        assert record.getMessage().startswith("run r-1, forgets: ")
