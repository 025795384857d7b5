"""A lone worker whose tasks wait for runs that nobody else drives."""

from __future__ import annotations

from tests.processes.support import Host

NESTED = """
from podium import task, workflow

@task
def leaf(n: int) -> int:
    return n

@workflow
def below(n: int) -> int:
    return leaf(n)

@task
def waits(n: int) -> int:
    return below.run(n)

@workflow
def above(n: int) -> int:
    return waits(n)
"""


def test_more_runs_wait_for_runs_than_it_has_slots_and_places_in_memory(host: Host) -> None:
    host.write("nested", NESTED)
    runs = [host.start("nested:above", n=n) for n in range(60)]
    host.worker("nested", "-c", "4")
    assert [host.ended(run) for run in runs] == list(range(60))
