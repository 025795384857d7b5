"""The simulator finds nothing in the code as it is, and finds every bug that is planted in it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterable

import pytest

from podium import Options
from podium.model import State, is_fork
from podium.testing import Fault, Setting, Weather, World
from tests.sim import campaign
from tests.sim.far import FarWorld, far_setting
from tests.sim.planted import (
    PLANTED,
    PLANTED_IN_EFFECTS,
    PLANTED_IN_FAMILIES,
    PLANTED_IN_SENDING,
    Plant,
    catch,
    caught_by,
)
from tests.sim.worlds import effect_setting, endless_setting, family_setting, fork_setting, job

JOBS = min(4, os.cpu_count() or 1)
SEEDS = 400  # enough for each rare path; `make prove` plays 20,000


def assert_caught(plant: Plant, seeds: Iterable[int], setting: Callable[[int], Setting]) -> None:
    """By one of these seeds, which finds nothing without it."""
    caught = caught_by(plant, seeds, setting)
    assert caught is not None, f"{plant.__doc__} got away"
    assert World(caught[0], setting(caught[0])).play().violations == []


@pytest.mark.slow
def test_promises_hold_in_worlds_by_chance() -> None:
    tally = campaign.random_worlds(0, SEEDS, JOBS)
    assert tally.violations == [], "replay with: python -m tests.sim --replay SEED"
    assert tally.worlds == SEEDS
    assert tally.unmarked == [], "rare paths that no world took: then the silence proves nothing"


@pytest.mark.parametrize("seed", campaign.known_seeds())
def test_a_seed_that_once_failed_holds(seed: int) -> None:
    assert campaign.play(seed).violations == []


@pytest.mark.parametrize(
    ("kind", "seed"),
    [
        ("families", 263),  # a sender's clock went back: its later signal overtook an earlier one
        ("effects", 372),  # who stood still for longer than a lease began what another had verified and done
        ("alerts", 383),  # a failure whose commit came late was told of twice
        ("alerts", 389),  # likewise
    ],
)
def test_a_seed_of_a_further_kind_that_once_failed_holds(kind: str, seed: int) -> None:
    assert campaign.play(seed, kind).violations == []


@pytest.mark.slow
def test_promises_hold_at_every_crash_point() -> None:
    played, violations = campaign.crash_points(JOBS)
    assert violations == []
    assert played >= 4 * 8 * 5  # four faults, eight programs, at least five calls each


@pytest.mark.slow
def test_promises_hold_at_pairs_of_crash_points() -> None:
    """At each thirteenth pair, which is prime to the four faults of a point; `make prove` plays all."""
    played, violations = campaign.crash_pairs(JOBS, every=13)
    assert violations == []
    assert played > 200


@pytest.mark.slow
@pytest.mark.parametrize("plant", PLANTED, ids=lambda plant: plant.__name__)
def test_a_planted_bug_is_caught_and_without_it_the_seed_holds(plant: Plant) -> None:
    caught = catch(plant)
    assert caught is not None, f"{plant.__doc__} got away"
    assert campaign.play(caught[0]).violations == []


@pytest.mark.slow
def test_promises_hold_of_runs_that_begin_anew() -> None:
    begun = 0
    for seed in range(25):
        world = World(seed, endless_setting(seed))
        assert world.play().violations == [], f"seed {seed}"
        begun += sum(past.row.generation for past in world.monitor.pasts.values())
    assert begun > 40


@pytest.mark.slow
def test_promises_hold_of_runs_that_start_others_and_talk_to_them() -> None:
    children = 0
    for seed in range(60):
        world = World(seed, family_setting(seed))
        assert world.play().violations == [], f"seed {seed}"
        children += sum(past.row.parent != "" for past in world.monitor.pasts.values())
    assert children > 100


@pytest.mark.slow
def test_promises_hold_of_forks() -> None:
    forks = 0
    for seed in range(60):
        world = World(seed, fork_setting(seed))
        assert world.play().violations == [], f"seed {seed}"
        rows = [past.row for past in world.monitor.pasts.values()]
        forks += sum(is_fork(row) and row.state is State.SUCCEEDED for row in rows)
    assert forks > 80


@pytest.mark.parametrize("plant", PLANTED_IN_FAMILIES, ids=lambda plant: plant.__name__)
def test_a_bug_that_is_planted_where_runs_meet_is_caught(plant: Plant) -> None:
    assert_caught(plant, PLANTED_IN_FAMILIES[plant], family_setting)


@pytest.mark.slow
def test_effects_outside_are_made_once_and_undone_in_any_weather() -> None:
    asked = ended = 0
    for seed in range(60):
        world = World(seed, effect_setting(seed))
        assert world.play().violations == [], f"seed {seed}"
        asked += sum(line.asks for line in world.monitor.ledger)
        ended += sum(past.row.state.is_final for past in world.monitor.pasts.values())
    assert asked > 5
    assert ended > 60


@pytest.mark.parametrize("plant", PLANTED_IN_EFFECTS, ids=lambda plant: plant.__name__)
def test_a_bug_that_is_planted_where_effects_are_kept_is_caught(plant: Plant) -> None:
    assert_caught(plant, PLANTED_IN_EFFECTS[plant], effect_setting)


@pytest.mark.slow
def test_promises_hold_where_commits_are_sent_and_answered_later() -> None:
    answered = silent = orphaned = 0
    for seed in range(120):
        world = FarWorld(seed, far_setting(seed))
        assert world.play().violations == [], f"seed {seed}"
        answered += world.answered
        silent += world.silent
        orphaned += world.orphaned
    assert answered > 1000
    assert silent > 10
    assert orphaned > 0


@pytest.mark.parametrize("plant", PLANTED_IN_SENDING, ids=lambda plant: plant.__name__)
def test_a_bug_that_is_planted_where_commits_are_sent_is_caught(plant: Plant) -> None:
    assert_caught(plant, PLANTED_IN_SENDING[plant], far_setting)


# -- the simulator itself --------------------------------------------------------------------------------

ROOT = campaign.SEEDS_FILE.parents[2]
DIGESTS = "from tests.sim import campaign as c; c.quiet(); print([c.play(seed).digest for seed in range(12)])"


def digests(hash_seed: str) -> str:
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    found = subprocess.run(
        [sys.executable, "-c", DIGESTS], env=environment, cwd=ROOT, capture_output=True, check=True
    )
    return found.stdout.decode()


def test_a_seed_tells_the_same_story_twice_and_under_two_hash_seeds() -> None:
    here = [campaign.play(seed).digest for seed in range(12)]
    assert here == [campaign.play(seed).digest for seed in range(12)]
    assert len(set(here)) == 12
    assert digests("1") == digests("2") == f"{here}\n"


def test_a_faultless_world_runs_each_body_once() -> None:
    world = World(7, Setting([job("linear", 4), job("fan", 3, 2)]))
    assert world.play().violations == []
    bodies = [(line.run, line.step) for line in world.monitor.ledger]
    assert len(bodies) == len(set(bodies)) == 4 + 3 + 3


def test_a_death_after_the_first_result_repeats_only_what_was_not_recorded() -> None:
    calls = World(7, Setting([job("linear", 3)], Options(poll=30.0, lease=90.0))).play().calls
    last = max(place for place, name in enumerate(calls) if name == "commit")
    weather = Weather(planned={last: Fault.KILL_BEFORE})
    world = World(7, Setting([job("linear", 3)], Options(poll=30.0, lease=90.0), weather, calm_after=900.0))
    assert world.play().violations == []
    steps = [line.step for line in world.monitor.ledger]
    assert len(steps) == 4, steps
    assert len(set(steps)) == 3
