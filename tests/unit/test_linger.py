"""The engine's thread waits a moment for a plain task: nothing that ends is missed, whenever it ends."""

from __future__ import annotations

import threading

import pytest

from podium.engine import linger as module
from podium.engine.linger import NOT_NOW, Linger
from podium.env import RealEnv


def test_what_rings_is_taken_here_or_reported_as_not_rung(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each outcome either rings, and is seen in a round, or is left to the event loop."""
    monkeypatch.setattr(module, "TURN_SECONDS", 60.0)
    monkeypatch.setattr(module, "NOT_NOW", 0)
    monkeypatch.setattr(module, "MOMENT_SECONDS", 0.0001)
    outcomes: list[int] = []
    left_to_loop: list[int] = []
    done = threading.Event()
    linger = Linger(RealEnv(), lambda: not done.is_set())
    taken = threading.Semaphore(0)

    def work() -> None:
        for n in range(300):
            outcomes.append(n)
            if not linger.ring():
                left_to_loop.append(n)
            taken.acquire(timeout=10)
        done.set()

    thread = threading.Thread(target=work)
    thread.start()
    seen: list[int] = []
    while not done.is_set():
        for _ in linger.rounds(outcomes):
            while outcomes:
                seen.append(outcomes.pop(0))
                taken.release()
        while outcomes:  # the loop's own look
            seen.append(outcomes.pop(0))
            taken.release()
    thread.join(10)
    assert seen == list(range(300))
    assert len(left_to_loop) < 300, "some rang"


def test_after_a_wait_in_vain_the_next_outcomes_are_not_waited_for() -> None:
    linger = Linger(RealEnv(), lambda: True)
    assert list(linger.rounds([])) == []
    assert not linger.ring()
    assert [next(linger.rounds(["there"]), "no") for _ in range(NOT_NOW + 1)] == ["no"] * NOT_NOW + [None]


def test_where_more_goes_on_nothing_is_waited_for() -> None:
    linger = Linger(RealEnv(), lambda: False)
    assert list(linger.rounds(["there"])) == []
