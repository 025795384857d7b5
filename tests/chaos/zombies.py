"""A worker with a task in hand is frozen for three leases; another finishes the run; the first wakes up.

Whatever the zombie still has must come to nothing: its result is refused, it says that it lost its runs, what
depends on the step runs once, and the record stays as it was.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from podium import App
from tests.chaos.fleet import Fleet, Member
from tests.chaos.ledger import Line
from tests.chaos.serving import gated
from tests.chaos.witness import View

PATIENCE = 60.0
LOOK_SECONDS = 0.01
LEASE = 0.5
LOST = ("lost ownership", "lost its runs")


class Zombies:
    """Round after round on one fleet; what is wrong goes to `violations`."""

    def __init__(self, folder: Path, store: str | None = None) -> None:
        self.folder = folder
        self.fleet = Fleet(folder, size=3, slots=4, lease=LEASE, store=store)
        self.lines: list[Line] = []
        self.takeovers: list[float] = []  # seconds from the freeze to the task's next attempt elsewhere
        self.checks: Counter[str] = Counter()
        self.violations: list[str] = []
        self.rounds = 0

    def play(self, rounds: int) -> None:
        with self.fleet, App(self.fleet.store, drives="nothing", starter="", notice=lambda _: None):
            for _ in range(rounds):
                self._round()
                self.rounds += 1
            codes = self.fleet.say_goodbye()
            self._expect("left in order", set(codes) == {0}, f"workers ended with {codes}")
        view = View(self.fleet.store)
        self._expect("intact", not view.complaints, f"integrity_check: {view.complaints[:3]}")

    def _round(self) -> None:
        gate = self.folder / f"gate-{self.rounds}"
        run = gated.options(id=f"gated-{self.rounds}").start(str(gate)).id
        self._wait_for(lambda: self._begun(run), "the task to begin")
        first = self._begun(run)[0]
        victim = next(member for member in self.fleet.members if member.process.pid == first.process)
        before = len(victim.said(10**9))
        victim.freeze_between_commits()
        frozen = time.monotonic()
        self._wait_for(lambda: len(self._begun(run)) > 1, "somebody to take over")
        second = self._begun(run)[1]
        self.takeovers.append(second.at - frozen)
        self._wait_for(lambda: time.monotonic() > frozen + 3 * LEASE, "three leases")
        gate.touch()
        self._wait_for(lambda: View(self.fleet.store).runs[run][0] == "succeeded", "the run to end")
        record = View(self.fleet.store)
        victim.thaw()
        self._wait_for(lambda: _said_lost(victim, before), "the zombie to say that it lost its runs")
        self._judge(run, first, second, record)

    def _judge(self, run: str, first: Line, second: Line, record: View) -> None:
        now = View(self.fleet.store)
        self._expect("record", now.histories[run] == record.histories[run], f"{run}: changed by the zombie")
        self._expect("final", now.runs[run] == record.runs[run], f"{run}: changed by the zombie")
        results = [values for (of, _), values in now.results().items() if of == run]
        self._expect(
            "refused", [second.value] in results and [first.value] not in results, f"{run}: {results}"
        )
        self.lines += self.fleet.ledger.new()
        steps = Counter(line.step for line in self.lines if line.run == run)
        self._expect("dependent once", sorted(steps.values()) == [1, 2], f"{run}: bodies {dict(steps)}")

    def _begun(self, run: str) -> list[Line]:
        """Attempts at the step that the gate holds up."""
        self.lines += self.fleet.ledger.new()
        ours = [line for line in self.lines if line.run == run]
        return [line for line in ours if line.step == ours[0].step]

    def _wait_for(self, what: Callable[[], object], name: str) -> None:
        end = time.monotonic() + PATIENCE
        while not what():
            if time.monotonic() > end:
                said = "\n".join(f"{member.name}:\n{member.said()}" for member in self.fleet.members)
                raise AssertionError(f"round {self.rounds}: waited in vain for {name}\n{said}")
            time.sleep(LOOK_SECONDS)

    def _expect(self, what: str, good: bool, complaint: str) -> None:
        self.checks[what] += 1
        if not good:
            self.violations.append(f"{what}: {complaint}")


def _said_lost(member: Member, before: int) -> bool:
    news = member.said(10**9)[before:]
    return any(words in news for words in LOST)
