"""Thirty real kills, ten of each workload; `python -m tests.chaos --kills 300` is the same for longer."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.chaos.trial import WORKLOADS, Tally, Workload, torment

KILLS = 10


@pytest.mark.slow
@pytest.mark.parametrize("workload", WORKLOADS, ids=[workload.name for workload in WORKLOADS])
def test_killed_at_random_moments_it_loses_and_repeats_nothing(workload: Workload, tmp_path: Path) -> None:
    seed = random.randrange(2**32)
    print("seed", seed)
    tally = Tally()
    torment(workload, KILLS, tmp_path, random.Random(seed), tally)
    assert tally.violations == []
    assert tally.kills.total() == KILLS
    assert tally.kills["between steps"] > 0
    assert tally.extra <= tally.in_flight
    assert tally.checks["never again"] >= workload.lines  # equal where no kill hit a body
