"""Alerts tell of each failure once, and schedules start each instant once, in any weather."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any
from unittest.mock import patch

import pytest

from podium.client import alerts
from podium.testing import executor
from tests.sim.standing import SCHEDULES, StandingWorld, alert_setting, schedule_setting


@pytest.mark.slow
def test_each_failure_is_told_of_once_in_any_weather() -> None:
    sent = repeats = summed = 0
    for seed in range(9):
        world = StandingWorld(seed, alert_setting(seed))
        assert world.play().violations == [], f"seed {seed}"
        sent, repeats, summed = sent + len(world.sent), repeats + world.repeats, summed + world.summed
    assert sent > 20
    assert repeats > 0, "a delivery that was lost with its process"
    assert summed > 10


@pytest.mark.slow
def test_each_instant_of_a_schedule_has_its_run_in_any_weather() -> None:
    instants = 0
    for seed in range(15):
        world = StandingWorld(seed, schedule_setting(seed))
        assert world.play().violations == [], f"seed {seed}"
        instants += world.instants
    assert instants > 80


def counts_all_again() -> AbstractContextManager[Any]:
    """What was told of is counted with what came after it."""
    real = alerts._since
    return patch.object(alerts, "_since", lambda store, about, since: real(store, about, 0.0))


def takes_a_look_for_a_start() -> AbstractContextManager[Any]:
    """Instants count as handled, whether their runs were started or not."""
    return patch.object(SCHEDULES, "start_each", lambda session, new_runs: False)


def store_trouble_is_an_outcome() -> AbstractContextManager[Any]:
    """A task that the store's trouble has ended has failed."""
    return patch.object(executor, "is_loss", lambda error: False)


@pytest.mark.parametrize(
    ("plant", "setting", "seed", "said"),
    [
        (counts_all_again, alert_setting, 0, "each failure is told of once"),
        (takes_a_look_for_a_start, schedule_setting, 0, "each instant has its run"),
        (store_trouble_is_an_outcome, schedule_setting, 3, "our trouble is nobody's outcome"),
    ],
)
def test_a_bug_that_is_planted_in_what_stands_by_itself_is_caught(
    plant: Any, setting: Any, seed: int, said: str
) -> None:
    with plant():
        violations = StandingWorld(seed, setting(seed)).play().violations
    assert said in " ".join(violations)
    assert StandingWorld(seed, setting(seed)).play().violations == []
