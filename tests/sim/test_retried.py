"""Families that are retried hold in any weather, and what breaks their retries is caught."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any
from unittest.mock import patch

import pytest

from podium.client import families
from podium.engine.driver import Driver
from podium.model import Entry, NewRun
from tests.sim.retried import RetriedWorld, retried_setting

Plant = Callable[[], AbstractContextManager[Any]]


def world_of(seed: int) -> RetriedWorld:
    return RetriedWorld(seed, retried_setting(seed))


@pytest.mark.slow
def test_families_are_retried_in_any_weather() -> None:
    retries = in_families = 0
    for seed in range(12):
        world = world_of(seed)
        assert world.play().violations == [], f"seed {seed}"
        retries, in_families = retries + world.retries, in_families + world.in_families
    assert min(retries, in_families) > 40


def children_begin_from_nothing() -> AbstractContextManager[Any]:
    """The retry of a child copies nothing of it, but has its keys."""
    real = families.retrying

    def retrying(row: Any, past: Any, now: float) -> NewRun:
        return real(row, past._replace(keep=0, well=0) if row.parent else past, now)

    return patch.object(families, "retrying", retrying)


def messages_are_known_by_their_ids_alone() -> AbstractContextManager[Any]:
    """What the origin has taken from its inbox counts as taken in the retry."""
    real = Driver.replay

    def replay(self: Any, entries: Any, copied: int) -> None:
        pasts: list[Entry] = list(entries)
        real(self, pasts, copied)
        self.delivered |= {entry.step: None for entry in pasts if entry.kind == "message"}

    return patch.object(Driver, "replay", replay)


PLANTED: dict[Plant, tuple[int, ...]] = {
    children_begin_from_nothing: (0, 1, 2),
    messages_are_known_by_their_ids_alone: (0, 10, 11),
}


@pytest.mark.slow
@pytest.mark.parametrize("plant", PLANTED, ids=lambda plant: plant.__name__)
def test_a_planted_bug_is_caught(plant: Plant) -> None:
    with plant():
        assert any(world_of(seed).play().violations for seed in PLANTED[plant])
