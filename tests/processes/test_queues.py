"""A queue's limit over several workers, some of which are killed: never exceeded, never leaked."""

from __future__ import annotations

import time
from collections.abc import Iterator

import msgspec

from podium import codec
from podium.model import NewRun, Query, QueueChange, QueueLimits, State, Write
from tests.processes.support import Host
from tests.waiting import until

LIMIT, RUNS, WORKERS = 5, 60, 4
MODULE = """
import os, time
from podium import Queue, task

@task(queue=Queue("five", concurrency=5))
def note(n: int) -> int:
    say("begin", n)
    time.sleep(0.08)
    say("end", n)
    return n

def say(word: str, n: int) -> None:
    with open(os.environ["LEDGER"], "a") as ledger:
        ledger.write(f"{word} {n} {os.getpid()} {time.time()}\\n")
"""


def start_all(host: Host) -> list[str]:
    """Queue the runs before any worker has told the store of the limit, in one commit with it."""
    now, new_runs = host.app.env.now(), list[NewRun]()
    for n in range(RUNS):
        args, digest = codec.encode_call({"n": n}, where="note")
        id = host.app.env.new_id()
        new_runs.append(NewRun(id, "limited:note", args, digest, now, queue="five", rank=now + n / 1000))
    limit = QueueChange("five", now, declared=QueueLimits(LIMIT), if_new=True)
    host.app.store.commit(None, [Write(new_runs=tuple(new_runs), queues=(limit,))])
    return [new.id for new in new_runs]


class Stretch(msgspec.Struct):
    """How long a body was inside."""

    begin: float
    end: float


def stretches(host: Host, killed: dict[int, float]) -> Iterator[Stretch]:
    """Of each body that began; one whose process was killed was inside until then."""
    inside: dict[tuple[str, str], float] = {}
    for line in host.ledger.read_text().splitlines():
        word, n, pid, at = line.split()
        if word == "begin":
            inside[n, pid] = float(at)
        else:
            yield Stretch(inside.pop((n, pid)), float(at))
    for (_, pid), begin in inside.items():
        yield Stretch(begin, killed[int(pid)])


def test_five_at_once_over_four_workers_of_which_three_are_killed(host: Host) -> None:
    host.write("limited", MODULE)
    (host.folder / "pyproject.toml").write_text('[project]\nname = "limited"\n')  # a server asks for it
    runs = start_all(host)
    workers = [host.worker("limited", ready=False) for _ in range(WORKERS)]
    killed: dict[int, float] = {}
    living = {worker.pid: worker for worker in workers}
    for many in (10, 20, 30):

        def at_work(many: int = many) -> list[int]:
            lines = host.ledger.read_text().splitlines() if host.ledger.exists() else []
            return [pid for line in lines[many:] if (pid := int(line.split()[2])) in living]

        victim = living.pop(until(at_work, "nobody is at work")[-1])
        victim.kill()
        killed[victim.pid] = time.time()
        another = host.worker("limited", ready=False)
        living[another.pid] = another
    for run in runs:
        host.ended(run)
    found = list(stretches(host, killed))
    assert len(found) >= RUNS
    most = max(sum(other.begin <= one.begin < other.end for other in found) for one in found)
    assert 1 < most <= LIMIT
    assert host.app.store.lanes() == []  # no slot is held, nothing lies there
    assert not host.app.find(Query(states=frozenset({State.RUNNING, State.QUEUED, State.WAITING})))
