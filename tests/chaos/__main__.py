"""Real processes and real faults, judged from outside. Each exits 0 exactly when no promise was broken.

    python -m tests.chaos kills --kills 300              a script, killed and started again until done
    python -m tests.chaos storm --kills 300 --runs 2000  four workers on one file, killed at their work
    python -m tests.chaos mix --faults 100 --runs 1000   as well frozen, locked out, out of space
    python -m tests.chaos zombies --rounds 50            a frozen worker wakes up after another took over
    python -m tests.chaos soak --minutes 60              half load with faults; nothing may grow
    python -m tests.chaos fleet --restarts 20 --cuts 4 --outage 60
                                                         on PostgreSQL: it restarts, is away, out of reach

With --postgres storm and zombies play on a server that this starts.
A seed repeats the choice of faults, not the timing of the processes.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Callable, Collection
from contextlib import ExitStack
from pathlib import Path

from tests.chaos.mischief import is_root
from tests.chaos.server import ServerStorm
from tests.chaos.soak import KINDS, Soak
from tests.chaos.storm import Plan, Stalled, Storm, percentile, report
from tests.chaos.trial import WORKLOADS, Tally, torment
from tests.chaos.zombies import Zombies
from tests.postgres import cluster

Outcome = tuple[list[str], list[str]]  # violations, lines for the page of proofs


def kills(options: argparse.Namespace, folder: Path, chance: random.Random) -> Outcome:
    """Three workloads, a third of the kills each."""
    chosen = [workload for workload in WORKLOADS if options.only in (None, workload.name)]
    tally = Tally()
    for number, workload in enumerate(chosen):
        torment(workload, (options.kills + number) // len(chosen), folder, chance, tally)
    kinds = ", ".join(f"{count} {kind}" for kind, count in tally.kills.most_common())
    half, nearly_all = percentile(tally.recoveries, 0.5), percentile(tally.recoveries, 0.99)
    return tally.violations, [
        f"kills: {tally.kills.total()} in {tally.rounds} rounds: {kinds}",
        f"task bodies: {tally.lines}, {tally.extra} again after a kill; in flight were {tally.in_flight}",
        f"recovery (restart of the script to its next task body): p50 {half:.2f} s, p99 {nearly_all:.2f} s",
        f"checks: {tally.checks.total()} ({', '.join(f'{what} {n}' for what, n in tally.checks.items())})",
        f"violations: {len(tally.violations)}",
    ]


def storm(options: argparse.Namespace, folder: Path, chance: random.Random) -> Outcome:
    if options.postgres:
        with cluster() as server:
            plan = Plan(options.runs, options.kills, {"kill": options.kills})
            return _played(ServerStorm(plan, folder, chance, server))
    return _played(Storm(Plan(options.runs, options.kills, {"kill": 1.0}), folder, chance))


def fleet(options: argparse.Namespace, folder: Path, chance: random.Random) -> Outcome:
    """One outage, and the rest in any order around it."""
    kinds = {"restart": options.restarts, "cut": options.cuts, "kill": options.kills, "outage": 1}
    plan = Plan(options.runs, sum(kinds.values()), kinds, pause=(0.5, 2.0))
    with cluster() as server:
        return _played(ServerStorm(plan, folder, chance, server, options.outage))


def mix(options: argparse.Namespace, folder: Path, chance: random.Random) -> Outcome:
    return _played(Storm(Plan(options.runs, options.faults, kinds(options.without)), folder, chance))


def _played(storm: Storm) -> Outcome:
    try:
        storm.play()
    except Stalled as stalled:
        return [*storm.observer.violations, str(stalled)], report(storm)
    return storm.violations, report(storm)


def zombies(options: argparse.Namespace, folder: Path, chance: random.Random) -> Outcome:
    with ExitStack() as stack:
        url = stack.enter_context(cluster()).new_database() if options.postgres else None
        found = Zombies(folder, url)
        found.play(options.rounds)
    half, slowest = percentile(found.takeovers, 0.5), max(found.takeovers)
    return found.violations, [
        f"rounds: {found.rounds}, each with a worker frozen for three leases of {found.fleet.lease:g} s",
        f"recovery (freeze to the task's next attempt elsewhere): p50 {half:.2f} s, max {slowest:.2f} s",
        f"checks: {found.checks.total()} ({', '.join(f'{what} {n}' for what, n in found.checks.items())})",
        f"violations: {len(found.violations)}",
    ]


def soak(options: argparse.Namespace, folder: Path, chance: random.Random) -> Outcome:
    found = Soak(options.minutes, folder, chance, kinds(options.without))
    rate = found.probe()
    violations, lines = _played(found)
    return [*violations, *found.weigh()[1]], [
        f"load: {rate / 2:.1f} runs per second, half of what the fleet did at once",
        *lines[:-1],
        *found.weigh()[0],
        f"violations: {len(violations) + len(found.weigh()[1])}",
    ]


def kinds(without: Collection[str] = ()) -> dict[str, float]:
    """Faults with their weights; a disk can only be filled by whoever may mount one."""
    spared = {*without, *(() if is_root() else ("full",))}
    return {kind: weight for kind, weight in KINDS.items() if kind not in spared}


COMMANDS: dict[str, Callable[[argparse.Namespace, Path, random.Random], Outcome]] = {
    "kills": kills,
    "storm": storm,
    "mix": mix,
    "zombies": zombies,
    "soak": soak,
    "fleet": fleet,
}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("command", choices=COMMANDS)
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument(
        "--only", choices=[workload.name for workload in WORKLOADS], help="kills: one workload"
    )
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--faults", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--postgres", action="store_true", help="storm, zombies: on a server")
    parser.add_argument("--restarts", type=int, default=2, help="fleet: of the server, at once")
    parser.add_argument(
        "--cuts", type=int, default=1, help="fleet: a worker without the server for four leases"
    )
    parser.add_argument("--outage", type=float, default=5.0, help="fleet: seconds without the server")
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument(
        "--without", choices=KINDS, nargs="*", default=[], help="mix, soak: faults to leave out"
    )
    return parser.parse_args()


def main() -> int:
    options, began = arguments(), time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        violations, lines = COMMANDS[options.command](options, Path(folder), random.Random(options.seed))
    for violation in violations[:20]:
        print("VIOLATION", violation[:2000])
    print(f"seed {options.seed}, {time.monotonic() - began:.0f} s")
    print("\n".join(lines))
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
