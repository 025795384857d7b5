"""A short storm, a short mix, a few zombies; `python -m tests.chaos storm --kills 300` takes longer."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.chaos.__main__ import kinds
from tests.chaos.storm import Plan, Storm, report
from tests.chaos.zombies import Zombies


def played(plan: Plan, folder: Path) -> Storm:
    seed = random.randrange(2**32)
    print("seed", seed)
    storm = Storm(plan, folder, random.Random(seed))
    storm.play()
    print("\n".join(report(storm)))
    assert storm.violations == []
    return storm


@pytest.mark.slow
def test_workers_killed_at_random_moments_lose_and_repeat_nothing(tmp_path: Path) -> None:
    storm = played(Plan(200, 30, {"kill": 1.0}), tmp_path)
    assert storm.mischief.count["kill"] == 30
    assert storm.observer.extra > 0, "no kill fell upon a task at work"
    assert storm.observer.recoveries


@pytest.mark.slow
def test_workers_in_every_kind_of_trouble_lose_and_repeat_nothing(tmp_path: Path) -> None:
    storm = played(Plan(150, 12, kinds(), pause=(0.2, 0.8)), tmp_path)
    assert storm.mischief.count.total() == 12


@pytest.mark.slow
def test_a_frozen_worker_that_wakes_up_after_another_took_over_changes_nothing(tmp_path: Path) -> None:
    zombies = Zombies(tmp_path)
    zombies.play(3)
    assert zombies.violations == []
    assert zombies.rounds == 3
