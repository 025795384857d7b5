"""Pools of workers, and workers that are paused and drained from afar."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from typing import Any

from podium import codec
from podium.model import NewRun, State, Write
from tests import forkserver
from tests.processes.support import FLOWS, Host
from tests.waiting import until


def podium(host: Host, *words: str) -> Any:
    ran = forkserver.run(
        [sys.executable, "-m", "podium", *words, "--store", host.url, "--json"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


def test_a_pool_grows_with_the_load_and_shrinks_to_nothing(host: Host) -> None:
    pool = host.worker(FLOWS, "-c", "1", "--max", "2", "--idle", "0.5")
    assert len(host.engines()) == 1  # its own, which takes nothing
    runs = [host.start(f"{FLOWS}:relay", steps=1, seconds=0.4) for _ in range(8)]
    assert [host.ended(run) for run in runs] == [0] * 8
    assert len({line.pid for line in host.lines()}) == 2
    assert pool.pid not in {line.pid for line in host.lines()}
    until(lambda: list(host.engines().values()) == [pool.pid])
    pool.terminate()
    assert pool.end() == 0
    assert host.engines() == {}


def test_a_worker_of_a_pool_that_dies_is_replaced_and_ends_with_the_pool(host: Host) -> None:
    pool = host.worker(FLOWS, "-c", "2", "--min", "1", "--max", "1")
    (first,) = until(lambda: [pid for pid in host.engines().values() if pid != pool.pid])
    run = host.start(f"{FLOWS}:relay", steps=1, seconds=0.5)
    until(host.lines)
    os.kill(first, signal.SIGKILL)
    assert host.ended(run) == 0
    second = host.lines()[-1].pid
    assert second not in (first, pool.pid)
    pool.kill()
    until(lambda: second not in host.engines().values())


def test_a_paused_worker_ends_what_it_has_begun_and_takes_nothing(host: Host) -> None:
    worker = host.worker(FLOWS)
    begun = host.start(f"{FLOWS}:relay", steps=1, seconds=0.6)
    until(host.lines)
    assert podium(host, "workers", str(worker.pid), "pause")["asked"] == "pause"
    until(lambda: podium(host, "workers")["workers"][0]["state"] == "paused")
    assert host.ended(begun) == 0
    left = host.start(f"{FLOWS}:relay", steps=1, seconds=0.0)
    time.sleep(0.5)  # of taking nothing, though it is rung for
    assert host.app.load(left).state is State.QUEUED
    why = podium(host, "why", left)
    assert f"podium workers {next(iter(host.engines()))} resume" in json.dumps(why)
    podium(host, "workers", str(worker.pid), "resume")
    assert host.ended(left) == 0


def test_a_worker_is_drained_from_afar(host: Host) -> None:
    worker = host.worker(FLOWS, "--grace", "10")
    run = host.start(f"{FLOWS}:relay", steps=1, seconds=0.5)
    until(host.lines)
    (shown,) = podium(host, "workers")["workers"]
    assert (shown["pid"], shown["kind"], shown["modules"]) == (worker.pid, "worker", [FLOWS])
    podium(host, "workers", shown["id"], "drain")
    assert worker.end() == 0
    assert host.app.load(run).state is State.SUCCEEDED
    assert host.engines() == {}


def test_a_worker_serves_the_queues_that_it_is_given(host: Host) -> None:
    for name, queue in (("lame", ""), ("quick", "gpu")):
        host.write(
            name, f"from podium import workflow\n@workflow\ndef flow() -> str:\n    return {queue!r}\n"
        )
    worker = host.worker("lame", "quick", "-q", "gpu")
    other = host.start("lame:flow")
    args, digest = codec.encode_call({}, where="flow")
    queued = NewRun("queued", "quick:flow", args, digest, time.time(), queue="gpu")
    host.app.store.commit(None, [Write(new_runs=(queued,))])
    assert host.ended("queued") == "gpu"
    assert host.app.load(other).state is State.QUEUED
    (shown,) = podium(host, "workers")["workers"]
    assert (shown["pid"], shown["queues"]) == (worker.pid, ["gpu"])
