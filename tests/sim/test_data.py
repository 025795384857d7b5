"""Cached results, values by reference and series hold in any weather, and what breaks them is caught."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any
from unittest.mock import patch

import pytest

from podium.engine.outbox import Outbox
from podium.store.sqlite import named
from podium.testing.store import FaultyReader
from tests.sim.data import DataWorld, data_setting


@pytest.mark.slow
@pytest.mark.parametrize("name", ["prices", "parcels", "scales"])
def test_data_is_kept_in_any_weather(name: str) -> None:
    taken = swept = points = 0
    for seed in range(12):
        world = DataWorld(seed, data_setting(seed, name))
        assert world.play().violations == [], f"seed {seed}"
        taken, swept, points = taken + world.taken, swept + world.swept, points + world.points
    assert {"prices": taken, "parcels": swept, "scales": points}[name] > 80


def finds_nothing() -> AbstractContextManager[Any]:
    """Nobody looks whether a result is on record."""
    return patch.object(FaultyReader, "cached", lambda self, key: None)


def points_are_dropped() -> AbstractContextManager[Any]:
    """What an attempt has measured does not go with its outcome."""
    return patch.object(Outbox, "measured", lambda self, attempt: None)


def sweeps_all() -> AbstractContextManager[Any]:
    """A sweep does not look at what is named."""
    return patch.object(named, "_unnamed", lambda connection, lain: lain)


@pytest.mark.parametrize(
    ("plant", "name", "said"),
    [
        (finds_nothing, "prices", "a cached call is not made again"),
        (points_are_dropped, "scales", "a measure once for each attempt"),
        (sweeps_all, "parcels", "what the record names is kept"),
    ],
)
def test_a_bug_that_is_planted_in_the_keeping_of_data_is_caught(plant: Any, name: str, said: str) -> None:
    with plant():
        (violation,) = DataWorld(0, data_setting(0, name)).play().violations
    assert said in violation
    assert DataWorld(0, data_setting(0, name)).play().violations == []
