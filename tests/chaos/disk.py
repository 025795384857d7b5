"""A whole App on a failing disk: `python -m tests.chaos.disk --fault io-error`.

A script starts runs one after the other and waits for them, on a VFS that counts; a fault-free process says
how often it syncs and writes. Then, once per sync (or write), a fresh store and a process that meets the
fault there, and one without faults that goes on. The same for a store that a killed process left. Nothing
that was acknowledged may be lost, no recorded step may run again, nobody may hang, and each fault must be met
as it should be:

    io-error   the sync fails: the engine stops, callers get an error, the next process resumes
    full       writes fail, five in a row: no store is opened, or the engine holds on until there is space
    kill       the process is gone in the middle of the sync

Every process is a fork of this one, which never opens a store and never has a thread.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import select
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import apsw

from podium import App, Options, attempt, idempotency_key, task, workflow
from podium.errors import EngineStopped, StoreFatal, StoreUnavailable
from tests.chaos.ledger import Ledger, write_line
from tests.chaos.witness import Witness
from tests.store.vfs import FaultyDisk, disk_full, io_error, kill

RUNS, STEPS = 3, 4
PATIENCE = 30.0  # seconds after which a process counts as hung
FULL_WRITES = 5  # that fail in a row
LEFT_AT = 12  # the sync at which the process dies whose store a resuming one finds
DONE, STOPPED, NOT_OPENED, KILLED = 0, 7, 8, 9  # how a process ends


@dataclass(frozen=True)
class Fault:
    operation: str
    act: Callable[[], None]
    in_a_row: int
    ends: tuple[int, ...]  # how a process that met it may end


# A process may also be done before it meets the fault: while it says goodbye, after everything.
FAULTS = {
    "io-error": Fault("sync", io_error, 1, (STOPPED, DONE)),
    "full": Fault("write", disk_full, FULL_WRITES, (NOT_OPENED, DONE)),
    "kill": Fault("sync", kill, 1, (KILLED, DONE)),
}


@task
async def on_the_loop(number: int) -> str:
    return _stamp()


@task
def in_a_thread(number: int) -> str:
    return _stamp()


def _stamp() -> str:
    value = os.urandom(6).hex()
    write_line(os.environ["CHAOS_LEDGER"], idempotency_key(), attempt(), value)
    return value


@workflow
async def little(number: int) -> list[str]:
    values = [await on_the_loop(n) if n % 2 else in_a_thread(n) for n in range(STEPS - 1)]
    await asyncio.sleep(0.03)  # leaves memory, so that a claim meets the faults too
    return [*values, await on_the_loop(STEPS)]


def script(store: Path, notes: Path, disk: FaultyDisk) -> None:
    """What a user writes, and a note of each acknowledgement with the syncs that it took."""
    with App(store, options=Options(evict_always=True)) as app:
        runs = []
        app.host  # so that its own syncs are not counted as those of the first start
        for number in range(RUNS):
            before = disk.counts["sync-wal"]
            runs.append(little.start(number))
            write_line(str(notes), runs[-1].id, disk.counts["sync-wal"] - before)
        for run in runs:
            run.result()


def live(store: Path, notes: Path, fault: Fault | None, nth: int) -> None:
    """The script as a process: its end says what it met."""
    disk = FaultyDisk()
    apsw.set_default_vfs(disk.name)
    if fault is not None:
        for offset in range(fault.in_a_row):
            disk.strike(fault.operation, nth + offset, fault.act)
    end, before = 1, _size(notes)
    try:
        script(store, notes, disk)
        end = DONE
    except BaseException as error:
        if _is_fatal(error):
            end = STOPPED
        elif isinstance(error, StoreUnavailable) and _size(notes) == before:
            end = NOT_OPENED
        else:
            sys.excepthook(*sys.exc_info())
    write_line(f"{notes}.counts", json.dumps(disk.counts))
    os._exit(end)


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


def _is_fatal(error: BaseException | None) -> bool:
    """A failed sync, as whoever waits learns of it: by itself or as the engine's reason to stop."""
    return isinstance(error, StoreFatal) or (
        isinstance(error, EngineStopped) and _is_fatal(error.__cause__ or error.__context__)
    )


def in_a_child(act: Callable[[], None], errors: Path) -> int | None:
    """Fork, act, wait; its exit code, or None when it hung."""
    child = os.fork()
    if child == 0:
        descriptor = os.open(errors, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(descriptor, 1)
        os.dup2(descriptor, 2)
        try:
            act()
        finally:
            os._exit(1)
    handle = os.pidfd_open(child)
    ended = select.select([handle], [], [], PATIENCE)[0]
    os.close(handle)
    if not ended:
        os.kill(child, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return code if ended else None


class Sweep:
    """One fault at every place where it can strike."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name, self.fault, self.folder = name, FAULTS[name], folder
        self.ends: Counter[int | None] = Counter()
        self.checks: Counter[str] = Counter()
        self.violations: list[str] = []

    def strike(self, nth: int, resuming: bool = False) -> None:
        """A fresh store (`resuming`: that of a killed process), a process with the fault, one without."""
        home = self.folder / f"{nth}-{resuming}"
        home.mkdir()
        store, notes, errors = home / "a.db", home / "acknowledged", home / "errors"
        os.environ["CHAOS_LEDGER"] = str(home / "ledger")
        witness = Witness(store, Ledger(home / "ledger"))
        if resuming:
            in_a_child(lambda: live(store, notes, FAULTS["kill"], LEFT_AT), errors)
            witness.look()
        end = in_a_child(lambda: live(store, notes, self.fault if nth else None, nth), errors)
        self.ends[end] += 1
        good = end in (self.fault.ends if nth else (DONE,))
        witness.expect("met as it should be", good, f"ended with {end}\n{_tail(errors)}")
        if end != DONE or witness.look().engines:  # on a full disk nobody can sign off
            again = in_a_child(lambda: live(store, notes, None, 0), errors)
            witness.expect("goes on", again == DONE, f"the next process ended with {again}\n{_tail(errors)}")
        view = witness.look()
        acknowledged = notes.read_text().split() if notes.exists() else []
        for run, syncs in zip(acknowledged[::2], acknowledged[1::2], strict=True):
            if nth == 0 and not resuming:  # else it may be a run that is on disk already
                witness.expect("synced", int(syncs) >= 1, f"{run} was acknowledged without a sync")
            witness.expect("acknowledged", run in view.runs, f"the acknowledged start {run} is gone")
        witness.ended_well(STEPS, [])
        self.checks += witness.checks
        where = f"{self.name} at {self.fault.operation} {nth}{' of a resuming process' * resuming}"
        self.violations += [f"{where}: {text}" for text in witness.violations]

    def sweep(self, every: int) -> int:
        """Strike at every nth place of both processes; returns how many places there are."""
        total = 0
        for resuming in (False, True):
            self.strike(0, resuming)
            counts = (self.folder / f"0-{resuming}" / "acknowledged.counts").read_text().splitlines()[-1]
            places = json.loads(counts)[self.fault.operation]
            total += places
            for nth in range(1, places + 1, every):
                self.strike(nth, resuming)
        return total


def _tail(file: Path) -> str:
    return file.read_text()[-3000:] if file.exists() else ""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--fault", choices=FAULTS)
    parser.add_argument("--every", type=int, default=1, help="strike at every nth place only")
    options = parser.parse_args()
    violations: list[str] = []
    for name in [options.fault] if options.fault else FAULTS:
        with tempfile.TemporaryDirectory() as folder:
            found = Sweep(name, Path(folder))
            places = found.sweep(options.every)
        ends = ", ".join(f"{count} {_ENDS.get(end, end)}" for end, count in found.ends.items())
        struck = found.ends.total() - 2  # of the two without a fault
        print(f"{name}: struck at {struck} of {places} {FAULTS[name].operation}s: {ends};"
              f" {found.checks.total()} checks, {len(found.violations)} violations")  # fmt: skip
        violations += found.violations
    for violation in violations[:20]:
        print("VIOLATION", violation)
    return 1 if violations else 0


_ENDS = {
    DONE: "done",
    NOT_OPENED: "not opened",
    STOPPED: "stopped with an error",
    KILLED: "killed",
    None: "HUNG",
    1: "CRASHED",
}

if __name__ == "__main__":
    sys.exit(main())
