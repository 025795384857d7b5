"""A fleet at work, faults that befall it, and an observer: until everything has ended, and ended well."""

from __future__ import annotations

import random
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.fleet import Feeder, Fleet, Member
from tests.chaos.ledger import Ledger
from tests.chaos.mischief import Mischief, small_disk
from tests.chaos.observer import Observer
from tests.chaos.serving import STEPS
from tests.chaos.witness import View, Witness

LOOK_SECONDS = 0.01
STALL_SECONDS = 60.0  # without a line in the ledger while work is due
AHEAD = 400  # runs that are unfinished at most while it rages


@dataclass(frozen=True)
class Plan:
    """`kinds`: faults with their weights; `pause`: seconds from one to the next, at least and at most."""

    runs: int
    faults: int
    kinds: dict[str, float]
    pause: tuple[float, float] = (0.3, 1.0)
    workers: int = 4
    slots: int = 8
    lease: float = 1.0
    spared: int = 0  # workers that are never killed, so that they can be weighed


class Stalled(AssertionError):
    """Nothing happens although there is work to do."""


class Storm:
    """One store, from the first worker to the last."""

    def __init__(self, plan: Plan, folder: Path, chance: random.Random) -> None:
        self.plan, self.chance, self.folder = plan, chance, folder
        self.violations: list[str] = []
        self.checks: Counter[str] = Counter()
        self._stack = ExitStack()
        self.fleet, self.observer, self.mischief = self._staged()
        self.feeder = Feeder(self.fleet.store)
        self.seconds = self.settled = (
            0.0  # from the first worker to the last; from the last fault to the last end
        )

    def _staged(self) -> tuple[Fleet, Observer, Mischief]:
        """Who plays, who looks, and who does harm."""
        plan, folder = self.plan, self.folder
        self.place = (
            self._stack.enter_context(small_disk(folder / "disk")) if "full" in plan.kinds else folder
        )
        fleet = self._stack.enter_context(
            Fleet(
                folder, size=plan.workers, slots=plan.slots, lease=plan.lease, store=self.place / "podium.db"
            )
        )
        observer = Observer(fleet.store, fleet.ledger)
        return fleet, observer, Mischief(fleet, observer, self.chance, plan.spared)

    def play(self) -> None:
        """Faults, healing, the end; raises Stalled."""
        began = time.monotonic()
        try:
            while self._is_raging():
                self.feeder.allow(self._runs_by_now())
                self.wait(self.chance.uniform(*self.plan.pause))
                self.mischief.strike(self._draw())
            self.mischief.mend_all()
            healed = time.monotonic()
            runs = self._runs_at_the_end()
            self.feeder.allow(runs)
            while len(self.observer.ended) < runs and not self._parked(runs):
                self.wait(LOOK_SECONDS)
            self.settled = time.monotonic() - healed
            self.feeder.end()
            self._end(runs)
        finally:
            self.close()
            self.seconds = time.monotonic() - began

    def close(self) -> None:
        """Mend everything and end everybody."""
        self.mischief.mend_all()
        self.observer.close()
        self._stack.close()

    def _is_raging(self) -> bool:
        return self.mischief.count.total() < self.plan.faults

    def _runs_by_now(self) -> int:
        """So many that there is work until the last fault, and no flood of it."""
        share = (self.mischief.count.total() + 1) / self.plan.faults
        return min(self.plan.runs, round(share * self.plan.runs), len(self.observer.ended) + AHEAD)

    def _runs_at_the_end(self) -> int:
        return self.plan.runs

    def _draw(self) -> str:
        kinds = self.plan.kinds
        return self.chance.choices(list(kinds), list(kinds.values()))[0]

    def wait(self, seconds: float) -> None:
        """Look, mend and revive for so long."""
        end = time.monotonic() + seconds
        while True:
            self.observer.look()
            self.mischief.mend_due()
            for member in self.fleet.members:
                if not member.lives:
                    self._judge_end(member)
                    member.revive()
            self._detect_stall()
            if time.monotonic() >= end:
                return
            time.sleep(LOOK_SECONDS)

    def _judge_end(self, member: Member) -> None:
        code = member.process.returncode
        self.observer.expect("lives", code == -9, f"{member.name} ended with {code}:\n{member.said()}")

    def _parked(self, runs: int) -> bool:
        """Whether nothing but parked runs is left."""
        left = self.observer.unfinished.values()
        is_fed = self.observer.started >= runs
        return is_fed and bool(left) and all(state == "parked" for state, *_ in left)

    def _detect_stall(self) -> None:
        busy = self.mischief.under_way & {"busy", "full", "outage"}
        if not self.observer.unfinished or busy:
            return
        if time.monotonic() - self.observer.last_line > STALL_SECONDS:
            for member in self.fleet.members:
                member.tell_stacks()
            time.sleep(1.0)
            rows = [f"{run} {row}" for run, row in list(self.observer.unfinished.items())[:20]]
            stacks = [f"{member.name}:\n{member.said(6000)}" for member in self.fleet.members]
            raise Stalled("\n".join([f"no body began for {STALL_SECONDS:g} s, unfinished:", *rows, *stacks]))

    def _end(self, runs: int) -> None:
        """Everybody leaves; then a last look at all of it."""
        codes = self.fleet.say_goodbye()
        self.observer.look()
        self.observer.close()
        witness = Witness(self.fleet.store, Ledger(self.fleet.ledger.file))
        witness.ended_well(STEPS, [])
        view = witness.view or View(self.fleet.store)
        for run in self.feeder.acknowledged:
            witness.expect("acknowledged", run in view.runs, f"the acknowledged start {run} is gone")
        witness.expect("all started", len(view.runs) == runs, f"{len(view.runs)} runs")
        witness.expect("left in order", set(codes) == {0}, f"workers ended with {codes}")
        losses = sum(self.mischief.count[kind] for kind in ("kill", "freeze", "cut"))
        limit = losses * 2 * self.plan.slots  # tasks on the loop, and in threads
        witness.expect(
            "extra", self.observer.extra <= limit, f"{self.observer.extra} extra bodies, not {limit}"
        )
        self.violations = self.observer.violations + witness.violations
        self.checks = self.observer.checks + witness.checks


def percentile(values: list[float], share: float) -> float:
    """The value that this share of them does not exceed."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))] if values else 0.0


def report(storm: Storm) -> list[str]:
    """What happened, for the page of proofs."""
    seen, faults, plan = storm.observer, storm.mischief.count, storm.plan
    half, nearly_all = percentile(seen.recoveries, 0.5), percentile(seen.recoveries, 0.99)
    kinds = ", ".join(f"{count} {kind}" for kind, count in faults.most_common())
    checks = ", ".join(f"{what} {n}" for what, n in storm.checks.items())
    slowest = max(seen.recoveries, default=0.0)
    recovered = f"p50 {half * 1000:.0f} ms, p99 {nearly_all * 1000:.0f} ms, max {slowest * 1000:.0f} ms"
    ran = f"{len(seen.ended)} of {storm.feeder.allowed} ended, {seen.lines.total()} bodies begun"
    return [
        f"faults: {faults.total()} ({kinds}) in {storm.seconds:.0f} s, {plan.workers} x {plan.slots} slots",
        f"runs: {ran}, {seen.extra} of them extra, {seen.by_zombies} by a process that had been frozen",
        f"recovery (kill of the owner to the run in other hands): {recovered}, {len(seen.recoveries)} runs",
        f"all had ended {storm.settled:.0f} s after the last fault was over",
        f"checks: {storm.checks.total()} ({checks})",
        f"violations: {len(storm.violations)}",
    ]
