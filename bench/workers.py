"""The workload "workers": two worker processes on one file, and a client in this one, without an engine.

What is enqueued here starts there; the workers stand idle; the one that holds a run is killed or frozen, and
the other goes on with it. Times are of clocks that all processes of a host share. Standard library only, as
in `measure`, because it also runs in the other engine's virtual environment.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .measure import ROOT, child_env, emit, percentile

CREW = 2
READY_SECONDS = 60.0
IDLE_SECONDS = 20.0
# Workers look at each other five times a second; before the first look they would notice an end that late.
ACQUAINTED_SECONDS = 0.5


@dataclass(frozen=True)
class Staff:
    """An engine with workers. `enqueue` blocks until a worker has run it, and gives the time (`time.time`)
    at which its body ran there. `hold` starts a run whose task writes who runs it (`process id, monotonic
    time`) into a file and does not end until a second one has; None: the engine has no such take-over."""

    argv: Sequence[str]  # of a worker
    ready: str  # what it says, on standard output or error, when it serves
    enqueue: Callable[[], float]
    hold: Callable[[Path], object] | None = None
    enqueues: int = 200
    lease: float = 0.0  # silence, in seconds, after which it is taken for dead


def measure(peer: str, staff: Staff, scratch: Path, scale: float) -> None:
    """Print the rows of one engine."""
    with crew(staff, scratch) as workers:
        staff.enqueue()
        taken: list[float] = []
        for _ in range(max(5, round(staff.enqueues * scale))):
            begin = time.time()
            taken.append((staff.enqueue() - begin) * 1000)
        for percent in (50, 99):
            emit(peer, "workers", f"enqueue_p{percent}_ms", percentile(taken, percent), len(taken))
        idle = [idle_percent(worker.pid) for worker in workers]
        emit(peer, "workers", "idle_cpu_percent", max(idle), len(idle))
    if staff.hold is not None:
        killed = [taken_over(staff, scratch, signal.SIGKILL) for _ in range(max(3, round(15 * scale)))]
        emit(peer, "workers", "killed_p50_ms", percentile(killed, 50), len(killed))
        emit(peer, "workers", "killed_max_ms", max(killed), len(killed))
        frozen = [taken_over(staff, scratch, signal.SIGSTOP) for _ in range(3)]
        emit(peer, "workers", "frozen_max_s_after_lease", max(frozen) / 1000 - staff.lease, len(frozen))


@contextmanager
def crew(staff: Staff, scratch: Path) -> Iterator[list[subprocess.Popen[str]]]:
    """Workers that serve; they are gone afterwards."""
    workers = [begin(staff, scratch / f"worker{number}.txt") for number in range(CREW)]
    try:
        for number in range(CREW):
            until(lambda number=number: staff.ready in (scratch / f"worker{number}.txt").read_text())
        yield workers
    finally:
        for worker in workers:
            worker.kill()  # SIGKILL ends a frozen one, too
            worker.wait()


def begin(staff: Staff, said: Path) -> subprocess.Popen[str]:
    with said.open("w") as out:
        return subprocess.Popen(
            list(staff.argv), env=child_env(), cwd=ROOT, stdout=out, stderr=subprocess.STDOUT, text=True
        )


def idle_percent(pid: int) -> float:
    """Processor time that a process takes while nothing happens, in percent of one core."""
    before, began = ticks(pid), time.perf_counter()
    time.sleep(IDLE_SECONDS)
    used = (ticks(pid) - before) / os.sysconf("SC_CLK_TCK")
    return 100 * used / (time.perf_counter() - began)


def ticks(pid: int) -> int:
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return int(user) + int(system)


def taken_over(staff: Staff, scratch: Path, number: signal.Signals) -> float:
    """Milliseconds from the end of the process that runs a task to the task's next attempt elsewhere."""
    assert staff.hold is not None
    with crew(staff, scratch):
        lines = scratch / "holders.txt"
        lines.write_text("")
        time.sleep(ACQUAINTED_SECONDS)
        staff.hold(lines)
        until(lambda: lines.read_text().count("\n") == 1)
        struck = time.monotonic()
        os.kill(int(lines.read_text().split()[0]), number)
        until(lambda: lines.read_text().count("\n") == 2)
        return (float(lines.read_text().split()[3]) - struck) * 1000


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + READY_SECONDS
    while not holds():
        if time.monotonic() > end:
            raise TimeoutError("a worker did not do what it was waited for")
        time.sleep(0.001)
