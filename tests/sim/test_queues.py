"""Queues keep their limits in any weather, nothing stands in line for ever, and a bug in that is caught."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any
from unittest.mock import patch

import pytest

from podium.store import admission
from podium.store.admission import Limits
from podium.store.sqlite import store
from tests.sim.queues import QueueWorld, queue_setting

Plant = Callable[[], AbstractContextManager[Any]]


@pytest.mark.slow
def test_queues_keep_their_limits_in_any_weather() -> None:
    begun = full = held = 0
    for seed in range(7):
        world = QueueWorld(seed, queue_setting(seed))
        assert world.play().violations == [], f"seed {seed}"
        begun, full, held = begun + world.begun, full + world.full, held + world.held
    assert begun > 60
    assert full > 80
    assert held > 5


def a_slot_is_leaked() -> AbstractContextManager[Any]:
    """What was lost with its engine keeps its slot, too."""
    held = store.SQL["slots_held"].replace("owner IS NOT NULL", "(owner IS NOT NULL OR lost > 0)")
    return patch.dict(store.SQL, slots_held=held.replace("INDEXED BY runs_in_slots", ""))


def a_limit_is_exceeded() -> AbstractContextManager[Any]:
    """A claim does not count what it has just taken itself."""
    real = Limits.take

    def take(self: Limits, queue: str, key: str, counts: bool) -> None:
        limited = self._limited(queue, key)
        owned = limited.owned
        real(self, queue, key, counts)
        limited.owned = owned

    return patch.object(Limits, "take", take)


def a_rate_is_forgotten() -> AbstractContextManager[Any]:
    """When the next may begin is not put on record."""
    return patch.object(Limits, "paced", lambda self, queues: {})


def the_last_come_first() -> AbstractContextManager[Any]:
    """What came last in a line is taken first."""

    def order(run: admission.Candidate) -> tuple[bool, float, Any]:
        return run.state == "queued", -run.rank, run.key

    return patch.object(admission, "_order", order)


@pytest.mark.parametrize(
    ("plant", "seed", "said"),
    [
        (a_slot_is_leaked, 2, "everything comes to rest"),
        (a_limit_is_exceeded, 4, "no more are owned than the limit"),
        (a_rate_is_forgotten, 8, "no more begin than the rate"),
        (the_last_come_first, 9, "lines keep their order"),
    ],
)
def test_a_bug_that_is_planted_in_queues_is_caught(plant: Plant, seed: int, said: str) -> None:
    with plant():
        violations = QueueWorld(seed, queue_setting(seed)).play().violations
    assert said in " ".join(violations)
    assert QueueWorld(seed, queue_setting(seed)).play().violations == []
