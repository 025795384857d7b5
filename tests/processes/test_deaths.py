"""Workers that die or stand still: their runs go on elsewhere, and nothing is done twice that need not be."""

from __future__ import annotations

import inspect
import statistics
import time
from collections import Counter
from contextlib import closing

import apsw

from podium.engine.loop_stall import STALLED_SECONDS
from podium.inspect import cause_of, check_runs
from tests.processes import flows
from tests.processes.support import FLOWS, Host
from tests.waiting import until

LEASE = 1.5  # s
SHORT = ("--lease", str(LEASE))


def test_runs_of_a_killed_worker_go_on_elsewhere_at_once(host: Host) -> None:
    """Recovery at the median: 100 ms are promised; the bound here is for a machine with much else to do."""
    for _ in range(3):
        host.worker(FLOWS, "-c", "2")
    runs = [host.start(f"{FLOWS}:relay", steps=400, seconds=0.01) for _ in range(4)]
    recoveries: list[float] = []
    for _ in range(5):
        until(lambda: len(host.running()) == len(runs))
        owners = host.engines()
        row = host.running()[0]
        (victim,) = (worker for worker in host.workers if worker.pid == owners[row.owner or ""])
        killed = victim.kill()

        def goes_on(run: str = row.id, pid: int = victim.pid, since: float = killed) -> list[float]:
            return [
                line.at for line in host.lines() if line.run == run and line.pid != pid and line.at > since
            ]

        recoveries.append(until(goes_on)[0] - killed)
        host.worker(FLOWS, "-c", "2")
    seconds = statistics.median(recoveries)
    print(f"recovery after SIGKILL: {seconds * 1000:.0f} ms at the median of {len(recoveries)}")
    assert seconds < 5.0  # a tenth of a second, and room for a busy machine: no lease was waited for
    counts = Counter(line.key for line in host.lines())
    lost = sum(count - 1 for count in counts.values())
    # Not kills x slots: on a busy disk an outcome may still wait for its commit when the slot is free again.
    assert lost <= 5 * len(runs), "each run has one step at a time that is not on record"


def test_a_frozen_worker_loses_its_runs_and_does_no_harm_when_it_wakes(host: Host) -> None:
    one, two = (host.worker(FLOWS, *SHORT) for _ in range(2))
    run = host.start(f"{FLOWS}:relay", steps=30, seconds=0.05)
    until(lambda: len(host.lines()) >= 5)
    engine = host.app.load(run).owner
    assert engine is not None
    zombie, other = (one, two) if host.engines()[engine] == one.pid else (two, one)
    froze = zombie.freeze()
    assert host.ended(run) == sum(range(30))
    first = next(line.at for line in host.lines() if line.pid == other.pid)
    assert LEASE * 0.6 < first - froze < LEASE + 1.0 + 0.5, "the last half second is this machine's"
    before = host.lines()
    zombie.thaw()
    said = zombie.until("goes on as engine")
    assert f"run {run} of relay: lost ownership" in said
    assert "taken for dead" in said
    assert len(host.lines()) - len(before) <= 1, "at most the body that it was about to begin"
    twice = [key for key, count in Counter(line.key for line in host.lines()).items() if count > 1]
    assert len(twice) <= 1, "only what was under way when it froze, and nothing that rests on it"
    assert host.app.load(run).lost == 1
    # A fresh engine, in the same process, that takes runs again.
    other.terminate()
    assert other.end() == 0
    assert engine not in host.engines()
    again = host.start(f"{FLOWS}:relay", steps=1, seconds=0.0)
    assert host.ended(again) == 0
    assert host.lines()[-1].pid == zombie.pid


def test_a_write_lock_held_for_three_leases_condemns_no_one(host: Host) -> None:
    for _ in range(2):
        host.worker(FLOWS, *SHORT)
    runs = [host.start(f"{FLOWS}:relay", steps=20, seconds=0.02) for _ in range(4)]
    until(lambda: len(host.lines()) >= 8)
    before = host.engines()
    with closing(apsw.Connection(str(host.folder / "podium.db"))) as stranger:
        stranger.set_busy_timeout(20_000)
        stranger.execute("BEGIN IMMEDIATE")
        held = len(host.lines())
        time.sleep(3 * LEASE)
        stranger.execute("ROLLBACK")
    assert len(host.lines()) < held + 8, "nothing goes on before what it rests on is committed"
    assert [host.ended(run) for run in runs] == [sum(range(20))] * 4
    assert host.engines() == before
    assert [host.app.load(run).lost for run in runs] == [0] * 4


def test_a_task_that_holds_the_interpreter_condemns_no_one(host: Host) -> None:
    for _ in range(2):
        host.worker(FLOWS, "--lease", "4")
    before = host.engines()
    run = host.start(f"{FLOWS}:hogs", seconds=2.0)
    host.ended(run)
    assert host.engines() == before
    assert host.app.load(run).lost == 0


def test_a_task_that_blocks_the_event_loop_for_three_leases_condemns_no_one_and_is_named(host: Host) -> None:
    for _ in range(2):
        host.worker(FLOWS, *SHORT)
    before = host.engines()
    run = host.start(f"{FLOWS}:blocking", seconds=STALLED_SECONDS + 3 * LEASE)
    until(host.lines)
    (begun,) = host.lines()
    holder = next(worker for worker in host.workers if worker.pid == begun.pid)
    source, first = inspect.getsourcelines(flows.blocks.fn)
    line = first + next(n for n, text in enumerate(source) if "time.sleep" in text)
    place = f"blocks of run {run} blocks the event loop, at {flows.__file__}:{line}"
    holder.until(f"{place}: nothing else goes on")
    cause = until(lambda: (c := cause_of(host.app, host.app.load(run))).kind == "blocked" and c)
    assert place in cause.what
    assert any(place in finding.text for finding in check_runs(host.app) if not finding.is_well)
    assert host.ended(run) == "done"
    assert len(host.lines()) == 1, "nobody began it again"
    assert host.app.load(run).lost == 0
    assert host.engines() == before
    holder.until("the event loop goes on")
    again = host.start(f"{FLOWS}:blocking", seconds=0.0)
    assert host.ended(again) == "done"
    assert cause_of(host.app, host.app.load(run)).kind == "succeeded"
