"""Workers and the server are killed while runs go on: all end, each with its result, and no step that is on
record is done again. `make prove` has the long storms, on a file."""

from __future__ import annotations

import random
import signal
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

import podium
from podium import App, Options, task, workflow
from podium.model import State
from tests.fleet.proxy import Proxy
from tests.postgres import Cluster, shared
from tests.processes.support import FLOWS, Host

ROOT = Path(__file__).parents[2]
RUNS, STEPS, STRIKES = 30, 8, 12
DROPPED = 20

calls: Counter[int] = Counter()


@task
def counted(number: int) -> int:
    calls[number] += 1
    return number


@workflow
def chain(count: int) -> int:
    return sum([counted(n) for n in range(count)])


def test_a_storm_of_kills_restarts_and_an_outage(own_cluster: Cluster, tmp_path: Path) -> None:
    seed = random.randrange(2**32)
    print("seed", seed)
    chance = random.Random(seed)
    host = Host(tmp_path, own_cluster.new_database())
    with closing(host):
        words = (FLOWS, "-c", "4", "--lease", "2")
        workers = [host.worker(*words) for _ in range(3)]
        runs = [host.start(f"{FLOWS}:relay", steps=STEPS, seconds=0.05) for _ in range(RUNS)]
        for strike in range(STRIKES):
            time.sleep(chance.uniform(0.1, 0.4))  # the storm's own rhythm
            if strike % 4 == 3:
                own_cluster.stop(signal.SIGQUIT)
                time.sleep(2.0 if strike == 7 else 0.0)  # an outage
                own_cluster.start()
            else:
                victim = chance.randrange(len(workers))
                workers[victim].kill()
                workers[victim] = host.worker(*words, ready=False)
        assert [host.ended(run, seconds=60) for run in runs] == [sum(range(STEPS))] * RUNS
        rows = [host.app.load(run) for run in runs]
        assert all(row.state is State.SUCCEEDED for row in rows)
        assert {row.entries for row in rows} <= set(range(STEPS, 4 * STEPS))
        begun = Counter(line.key for line in host.lines())
        assert len(begun) == RUNS * STEPS
        # A body is begun again where it, or its commit, was cut off: at most what was in memory then.
        assert begun.total() - len(begun) <= STRIKES * len(workers) * 8


@pytest.mark.parametrize("arrives", [True, False], ids=["happened", "did not happen"])
def test_the_reply_to_each_of_the_first_commits_is_lost(
    arrives: bool, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether it happened or not: nothing is lost, and nothing that was on record is done again."""
    monkeypatch.chdir(ROOT)
    calls.clear()
    with Proxy(shared().port) as proxy:
        behind = url.replace(str(shared().port), str(proxy.port))
        with App(behind, options=Options(poll=0.05), starter="") as app:
            assert app.host
            lost: set[int] = set()
            seen = 0

            def lets_through(data: bytes) -> bool:
                nonlocal seen
                if (b"COMMIT\0" if arrives else b"COMMIT;") not in data:
                    return True
                seen += 1
                if seen % 2 and len(lost) < DROPPED:  # each second one, so that the look at it comes through
                    lost.add(seen)
                    return False
                return True

            if arrives:
                proxy.filter_reply = lets_through
            else:
                proxy.filter_request = lets_through
            run = chain.start(2 * DROPPED)
            assert run.result(60) == sum(range(2 * DROPPED))
            assert len(lost) == DROPPED
            assert podium.get(run.id).state == "succeeded"
    assert set(calls) == set(range(2 * DROPPED))
    assert calls.total() == len(calls)
