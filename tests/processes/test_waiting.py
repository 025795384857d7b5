"""A lone worker whose tasks wait for runs that nobody else drives."""

from __future__ import annotations

from podium.inspect import cause_of, check_runs
from podium.model import read_engine_info
from tests.processes.support import Host
from tests.waiting import until

NESTED = """
import time
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

@task
def looks_again(n: int) -> int:
    run = below.start(n)
    while str(run.state) != "succeeded":
        time.sleep(0.02)
    return run.result()

@workflow
def looking(n: int) -> int:
    return looks_again(n)
"""


def test_more_runs_wait_for_runs_than_it_has_slots_and_places_in_memory(host: Host) -> None:
    host.write("nested", NESTED)
    runs = [host.start("nested:above", n=n) for n in range(60)]
    host.worker("nested", "-c", "4")
    assert [host.ended(run) for run in runs] == list(range(60))


def test_slots_that_are_held_by_tasks_that_look_again_and_again_are_told_with_what_helps(host: Host) -> None:
    host.write("nested", NESTED)
    runs = [host.start("nested:looking", n=n) for n in range(2)]
    worker = host.worker("nested", "-c", "2", "--grace", "0.1")
    until(lambda: any(read_engine_info(row.info).full for row in host.app.store.engines()))
    cause = cause_of(host.app, host.app.load(runs[0]))
    assert cause.kind == "full"
    assert any("all 2 slots for `def` tasks (thread_slots) are held" in detail for detail in cause.details)
    assert "podium worker -c N" in cause.fix
    (finding,) = [found for found in check_runs(host.app) if found.name == "engine"]
    assert not finding.is_well
    assert "others wait in line" in finding.text
    assert "podium worker -c N" in finding.fix
    worker.terminate()
    worker.end()
    host.worker("nested", "-c", "4")
    assert [host.ended(run) for run in runs] == [0, 1]
