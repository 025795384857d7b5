"""Who holds up an engine's thread: only what is neither ours nor Python's own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from podium.engine.loop_stall import STALLED_SECONDS, LoopStallDetector
from podium.inspect.engine_words import unblock
from podium.lines import STORES

LATE = STALLED_SECONDS + 1.0


@pytest.fixture
def go_on() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def standing_in(target: Callable[[], object], turning: bool = False) -> tuple[LoopStallDetector, list[str]]:
    """A detector that watches a thread in there, and what it says."""
    thread = threading.Thread(target=target, daemon=True)
    thread.start()
    said: list[str] = []
    executor: Any = SimpleNamespace(stepping=None)
    watch: Any = SimpleNamespace(is_turning=turning)
    return LoopStallDetector(executor, watch, thread.ident or 0, said.append), said


def test_user_code_holds_up_until_it_returns_and_is_named_once(go_on: threading.Event) -> None:
    detector, said = standing_in(lambda: go_on.wait())
    assert [detector.is_user_code(late) for late in (STALLED_SECONDS / 2, LATE, LATE)] == [False, True, True]
    assert len(said) == 1
    assert f"a task blocks the event loop, at {__file__}:" in said[0]
    assert detector.is_user_code(0.0) is False
    assert said[1:] == [""]


def test_a_task_that_waits_for_the_store_is_not_blamed_for_it(go_on: threading.Event) -> None:
    """The line may do what it does; that it takes so long is the store's fault."""
    look: dict[str, Any] = {}
    exec(compile("def look(event): event.wait()", f"{STORES}postgres/look.py", "exec"), look)
    detector, said = standing_in(lambda: look["look"](go_on))
    assert detector.is_user_code(LATE) is True
    assert f"a task waits for the store on the event loop, asked at {__file__}:" in said[0]
    assert unblock(said[0]) != unblock("a task blocks the event loop, at here.py:1")
    assert detector.is_user_code(0.0) is False


def test_a_thread_that_stands_still_elsewhere_is_a_fault_of_ours(go_on: threading.Event) -> None:
    detector, said = standing_in(go_on.wait)
    assert (detector.is_user_code(LATE), said) == (False, [])


def test_a_turn_has_a_budget_of_its_own(go_on: threading.Event) -> None:
    detector, said = standing_in(lambda: go_on.wait(), turning=True)
    assert (detector.is_user_code(LATE), said) == (False, [])
