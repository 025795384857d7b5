"""Workers and the server are killed, cut off and away while runs go on: all end, each with its result, and no
step that is on record is done again. `make prove` has the long storms."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.chaos.server import ServerStorm
from tests.chaos.storm import Plan, report
from tests.fleet.lost_replies import lose
from tests.postgres import Cluster

ROOT = Path(__file__).parents[2]
FAULTS = {"kill": 6, "restart": 2, "cut": 1, "outage": 1}


def test_a_storm_of_kills_restarts_cuts_and_an_outage(
    own_cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    seed = random.randrange(2**32)
    print("seed", seed)
    plan = Plan(60, sum(FAULTS.values()), FAULTS, pause=(0.3, 0.8), workers=3)
    storm = ServerStorm(plan, tmp_path, random.Random(seed), own_cluster, outage_seconds=2.0)
    storm.play()
    print("\n".join(report(storm)))
    assert storm.violations == []
    assert storm.mischief.count == FAULTS
    assert storm.observer.recoveries, "no kill fell upon a worker that had runs"


@pytest.mark.parametrize("arrives", [True, False], ids=["happened", "did not happen"])
def test_the_reply_to_each_of_the_first_commits_is_lost(
    arrives: bool, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether it happened or not: nothing is lost, and nothing that was on record is done again."""
    monkeypatch.chdir(ROOT)
    assert lose(20, url, arrives=arrives) == []
