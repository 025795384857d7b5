"""Runs a script, kills it at random moments, starts it again, until it is done; a witness looks each time."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests import forkserver
from tests.chaos.ledger import Ledger
from tests.chaos.witness import FINAL, View, Witness

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 60.0  # seconds without a new line in the ledger after which a trial counts as stuck
LOOK_SECONDS = 0.001  # a file has no event to wait for


@dataclass(frozen=True)
class Workload:
    """A workload of `program` with its size; `chunk`: new lines after which it is killed, at most."""

    name: str
    size: int
    steps_per_run: int
    chunk: int

    @property
    def lines(self) -> int:
        """In the ledger of an undisturbed process."""
        return self.size * self.steps_per_run if self.name == "many" else self.steps_per_run


CHAIN = Workload("chain", 1_000, 1_000, chunk=400)
FAN = Workload("fan", 10_000, 10_000, chunk=4_000)
MANY = Workload("many", 200, 5, chunk=400)
WORKLOADS = (CHAIN, FAN, MANY)


@dataclass
class Tally:
    """What trials have come to, over all of them."""

    kills: Counter[str] = field(default_factory=Counter)  # by what the process was doing
    checks: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)
    recoveries: list[float] = field(default_factory=list)  # seconds from a restart to its first new line
    extra: int = 0
    in_flight: int = 0
    lines: int = 0
    rounds: int = 0


class Stuck(AssertionError):
    """Nothing happens any more."""


class Round:
    """One store, from the first process to the last."""

    def __init__(self, workload: Workload, folder: Path, chance: random.Random) -> None:
        self.workload, self.folder, self.chance = workload, folder, chance
        self.ledger = Ledger(folder / "ledger")
        self.acknowledged = folder / "acknowledged"
        self.witness = Witness(folder / "podium.db", self.ledger)
        self.kills: Counter[str] = Counter()
        self.recoveries: list[float] = []

    def play(self, kills_max: int) -> None:
        """Kill it up to so many times, then let it finish; look after each death and at the end."""
        while True:
            kill = self.kills.total() < kills_max
            with self._process() as process:
                if not self._lives_until(process, *self._moment(kill)):
                    break
                process.kill()
                process.wait()
            self.kills[self._state()] += 1
        if process.returncode != 0:
            raise Stuck(f"the script failed by itself:\n{(self.folder / 'stderr').read_text()[-3000:]}")
        said = json.loads((self.folder / "stdout").read_text())
        self.witness.ended_well(self.workload.steps_per_run, said)

    def _moment(self, kill: bool) -> tuple[int, float]:
        """When to kill: after so many bytes of the ledger and then so many seconds."""
        if not kill:
            return sys.maxsize, 0.0
        if self.chance.random() < 0.25:
            return 0, self.chance.uniform(0.0, 0.6)  # while it starts, opens the store, replays
        line = 60  # bytes, about
        return line * self.chance.randint(1, self.workload.chunk), self.chance.uniform(0.0, 0.01)

    def _lives_until(self, process: subprocess.Popen[bytes], growth: int, delay: float) -> bool:
        """Wait for the moment; False when the process ends before."""
        began = progress = time.monotonic()
        before = size = self.ledger.size
        recovered = False
        while process.poll() is None:
            now = time.monotonic()
            if self.ledger.size != size:
                size, progress = self.ledger.size, now
                if not recovered and before:
                    self.recoveries.append(now - began)
                recovered = True
            if size - before >= growth:
                try:
                    process.wait(delay)
                except subprocess.TimeoutExpired:
                    return True
                break
            if now - progress > PATIENCE:
                os.kill(process.pid, signal.SIGABRT)  # PYTHONFAULTHANDLER shows where it stands
                process.wait()
                raise Stuck(f"no progress for {PATIENCE:g} s\n{(self.folder / 'stderr').read_text()[-6000:]}")
            time.sleep(LOOK_SECONDS)
        return False

    def _state(self) -> str:
        """What the process was doing when it was killed; judges the store on the way."""
        seen, last = len(self.witness.lines), self.witness.view
        if not self.witness.store.exists():
            return "before the store"
        view = self.witness.look(self.acknowledged)
        if view.runs and all(row[0] in FINAL for row in view.runs.values()):
            return "after the last step"
        if len(self.witness.lines) > seen:
            return "between steps"
        return "taking over" if _owners(view) > _owners(last) else "starting up"

    @contextmanager
    def _process(self) -> Iterator[subprocess.Popen[bytes]]:
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH")))),
            "PYTHONFAULTHANDLER": "1",
            "PODIUM_URL": f"sqlite:///{self.witness.store}",
            "CHAOS_LEDGER": str(self.ledger.file),
            "CHAOS_ACKNOWLEDGED": str(self.acknowledged),
        }
        command = [sys.executable, "-m", "tests.chaos.program", self.workload.name, str(self.workload.size)]
        with (self.folder / "stdout").open("wb") as out, (self.folder / "stderr").open("ab") as err:
            process = forkserver.Popen(command, cwd=ROOT, env=environment, stdout=out, stderr=err)
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()


def _owners(view: View | None) -> int:
    """Grows with every change of ownership."""
    return sum(row[1] for row in view.runs.values()) if view else 0


def torment(workload: Workload, kills: int, folder: Path, chance: random.Random, tally: Tally) -> None:
    """As many rounds of a workload as it takes to kill it so many times."""
    left = kills
    while left > 0:
        home = folder / f"{workload.name}-{tally.rounds}"
        home.mkdir(parents=True)
        tally.rounds += 1
        trial = Round(workload, home, chance)
        try:
            trial.play(left)
        except Stuck as stuck:
            tally.violations.append(f"{home.name}: {stuck}")
            left = 0
        left -= trial.kills.total()
        witness = trial.witness
        tally.kills += trial.kills
        tally.checks += witness.checks
        tally.violations += [f"{home.name}: {text}" for text in witness.violations[:20]]
        tally.recoveries += trial.recoveries
        tally.extra += witness.extra
        tally.in_flight += witness.in_flight
        tally.lines += sum(map(len, witness.lines.values()))
