"""Calls from other threads reach the engine's in order, wake it once, and are refused when it has stopped."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from podium.engine.call_queue import CallQueue
from podium.engine.context import Lifecycle
from podium.errors import EngineStopped


class Loop:
    """Keeps what it is asked to call."""

    def __init__(self) -> None:
        self.soon: list[Callable[[], Any]] = []
        self.is_closed = False

    def call_soon_threadsafe(self, callback: Callable[..., Any], *args: Any) -> None:
        if self.is_closed:
            raise RuntimeError("Event loop is closed")
        self.soon.append(lambda: callback(*args))

    call_soon = call_soon_threadsafe

    def call_later(self, delay: float, callback: Callable[..., Any], *args: Any) -> Any:
        raise AssertionError("a call is made at once")


@pytest.fixture
def loop() -> Loop:
    return Loop()


@pytest.fixture
def lifecycle() -> Lifecycle:
    return Lifecycle(lambda _: None)


@pytest.fixture
def calls(loop: Loop, lifecycle: Lifecycle) -> CallQueue:
    return CallQueue(loop, lifecycle)


def test_calls_that_come_together_wake_the_loop_once_and_run_in_order(calls: CallQueue, loop: Loop) -> None:
    seen: list[int] = []
    for n in range(3):
        calls.call(seen.append, n)
    (wake,) = loop.soon
    wake()
    assert seen == [0, 1, 2]


def test_a_call_made_while_others_are_served_is_served_too(calls: CallQueue, loop: Loop) -> None:
    seen: list[int] = []
    calls.call(lambda: calls.call(seen.append, 1))
    while loop.soon:
        loop.soon.pop(0)()
    assert seen == [1]


def test_a_call_that_fails_stops_the_engine_and_the_rest_is_still_served(
    calls: CallQueue, loop: Loop, lifecycle: Lifecycle
) -> None:
    seen: list[int] = []
    calls.call(lambda: 1 / 0)
    calls.call(seen.append, 1)
    loop.soon.pop()()
    assert seen == [1]
    assert isinstance(lifecycle.failure, ZeroDivisionError)


def test_a_stopped_engine_refuses_calls_and_need_not_hear_news(
    calls: CallQueue, loop: Loop, lifecycle: Lifecycle
) -> None:
    lifecycle.end()
    with pytest.raises(EngineStopped, match="closed"):
        calls.call(print)
    calls.tell(print)
    assert loop.soon == []


def test_a_closed_loop_refuses_every_call(calls: CallQueue, loop: Loop) -> None:
    loop.is_closed = True
    for _ in range(2):
        with pytest.raises(EngineStopped, match="closed"):
            calls.call(print)
