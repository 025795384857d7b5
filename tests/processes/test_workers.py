"""`podium worker` from its first line to its last."""

from __future__ import annotations

import os
import signal
import statistics
import time
from collections import Counter
from pathlib import Path

import pytest

from podium import codec
from podium.model import NewRun, State, Write, read_engine_info
from tests.processes.support import FLOWS, Host, Worker
from tests.waiting import until


def test_it_says_in_three_lines_what_it_serves_and_in_its_row_what_it_is(host: Host) -> None:
    worker = host.worker(FLOWS, "-c", "3")
    assert len(worker.text.splitlines()) == 3
    assert host.url in worker.text
    assert f"6 workflows, 4 tasks of {FLOWS}" in worker.text
    (row,) = host.app.store.engines()
    about = read_engine_info(row.info)
    assert (row.pid, about.kind, about.slots, about.modules) == (worker.pid, "worker", 3, (FLOWS,))
    offered = until(lambda: host.app.store.engines()[0].functions)
    assert offered[f"{FLOWS}:step"] == ""
    assert len(offered[f"{FLOWS}:relay"]) == 16


def test_verbose_it_says_which_runs_it_takes_and_how_they_end(host: Host) -> None:
    worker = host.worker(FLOWS, "-v")
    run = host.start(f"{FLOWS}:fails")
    host.ended(run, State.FAILED)
    said = worker.until("failed")
    assert f"taken {run}  fails" in said
    assert f"failed {run}" in said


def test_told_to_stop_it_lets_tasks_end_and_hands_the_rest_back(host: Host) -> None:
    worker = host.worker(FLOWS, "--grace", "10")
    short = host.start(f"{FLOWS}:relay", steps=1, seconds=1.0)
    until(host.lines)
    worker.terminate()
    assert worker.end() == 0
    assert "stopping" in worker.text
    assert host.app.load(short).state is State.SUCCEEDED
    assert host.engines() == {}


def test_what_does_not_end_within_the_grace_time_is_handed_back_without_a_loss(host: Host) -> None:
    worker = host.worker(FLOWS, "--grace", "0.3")
    run = host.start(f"{FLOWS}:relay", steps=1, seconds=60.0)
    until(host.lines)
    worker.process.send_signal(signal.SIGINT)
    assert worker.end() == 0
    row = host.app.load(run)
    assert (row.state, row.owner, row.lost, row.entries) == (State.WAITING, None, 0, 0)


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_it_at_once(host: Host, second: signal.Signals) -> None:
    worker = host.worker(FLOWS, "--grace", "60")
    host.start(f"{FLOWS}:relay", steps=1, seconds=60.0)
    until(host.lines)
    worker.terminate()
    worker.until("stopping")
    time.sleep(0.2)  # closer together they would be one, as `timeout` sends it
    worker.process.send_signal(second)
    assert worker.end(5.0) == -second


def test_nobody_takes_what_an_idle_worker_could_do(host: Host) -> None:
    workers = [host.worker(FLOWS, "-c", "1") for _ in range(2)]
    runs = [host.start(f"{FLOWS}:relay", steps=1, seconds=1.0) for _ in range(4)]
    assert [host.ended(run) for run in runs] == [0] * 4
    assert Counter(line.pid for line in host.lines()) == {worker.pid: 2 for worker in workers}


def cpu_seconds(worker: Worker) -> float:
    fields = Path(f"/proc/{worker.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_what_is_put_in_line_begins_at_once_and_idle_workers_cost_nothing(host: Host) -> None:
    """10 ms at the median and 1 % of a processor are promised; the bounds are for a busy machine."""
    workers = [host.worker(FLOWS) for _ in range(4)]
    host.ended(host.start(f"{FLOWS}:stamp", number=0))
    latencies: list[float] = []
    for number in range(30):
        before = time.time()
        latencies.append(host.ended(host.start(f"{FLOWS}:stamp", number=number)) - before)
    latency = statistics.median(latencies)
    print(f"enqueue to start in another process: {latency * 1000:.1f} ms at the median")
    assert latency < 0.1
    if not Path("/proc").exists():
        pytest.skip("no /proc to read processor time from")
    spent = [cpu_seconds(worker) for worker in workers]
    began = time.monotonic()
    time.sleep(3.0)  # of doing nothing
    took = time.monotonic() - began
    share = max(cpu_seconds(worker) - s for worker, s in zip(workers, spent, strict=True)) / took
    print(f"an idle worker: {share:.1%} of a processor")
    assert share < 0.05


STUCK = """
import time
from podium import task, workflow
from podium.executors import threads

threads.ABANDON_SECONDS = 0.2

@task(timeout=0.1)
def stuck(n: int) -> None:
    time.sleep(60)

@workflow
def jams(times: int) -> int:
    return len(list(stuck.map(range(times), on_error="return")))

@workflow
def fine(n: int) -> int:
    return n
"""


def test_worn_out_by_threads_that_nobody_can_stop_it_begins_anew_in_its_place(host: Host) -> None:
    host.write("app", STUCK)
    worker = host.worker("app", "-c", "20", "--grace", "0.5")
    (before,) = host.app.store.engines()
    jammed = host.start("app:jams", times=16)
    worker.until("worn out, begins anew")
    worker.until("stops it", times=2)
    assert host.ended(jammed) == 16
    assert host.ended(host.start("app:fine", n=7)) == 7
    (after,) = host.app.store.engines()
    assert (after.pid, after.id != before.id) == (before.pid, True), "one process, a fresh engine"
    assert host.app.load(jammed).lost == 0
    worker.terminate()
    assert worker.end() == 0


FAULTY = """
from podium import workflow
from podium.store.sqlite import SqliteStore

claim = SqliteStore.claim

def fails_in_time(self, *args, **more):
    if self.load("poke") is not None:
        raise RuntimeError("a fault of ours")
    return claim(self, *args, **more)

SqliteStore.claim = fails_in_time

@workflow
def fine(n: int) -> int:
    return n
"""


def test_whose_engine_fails_by_a_fault_of_ours_it_ends_for_whoever_looks_after_it(host: Host) -> None:
    host.write("app", FAULTY)
    worker = host.worker("app")
    new = NewRun("poke", "app:nobody", codec.encode_call({}, where="")[0], b"", time.time())
    host.app.store.commit(None, [Write(new_runs=(new,))])
    assert worker.end() != 0
    assert "a fault of ours" in worker.text
