"""Real kills: `python -m tests.chaos --kills 300`. Exits 0 exactly when no promise was broken.

Three workloads (a 1,000-step run, a 10,000-wide fan-out, 200 concurrent runs) are killed with SIGKILL at
random moments, a third of the kills each, and started again until they are done.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

from tests.chaos.trial import WORKLOADS, Tally, torment


def percentile(values: list[float], share: float) -> float:
    """The value that this share of them does not exceed."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))] if values else 0.0


def report(tally: Tally) -> list[str]:
    kinds = ", ".join(f"{count} {kind}" for kind, count in tally.kills.most_common())
    half, nearly_all = percentile(tally.recoveries, 0.5), percentile(tally.recoveries, 0.99)
    return [
        f"kills: {tally.kills.total()} in {tally.rounds} rounds: {kinds}",
        f"task bodies: {tally.lines}, {tally.extra} again after a kill; in flight were {tally.in_flight}",
        f"recovery (restart of the script to its next task body): p50 {half:.2f} s, p99 {nearly_all:.2f} s",
        f"checks: {tally.checks.total()} ({', '.join(f'{what} {n}' for what, n in tally.checks.items())})",
        f"violations: {len(tally.violations)}",
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    parser.add_argument("--only", choices=[workload.name for workload in WORKLOADS])
    options = parser.parse_args()
    chosen = [workload for workload in WORKLOADS if options.only in (None, workload.name)]
    chance, tally, began = random.Random(options.seed), Tally(), time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        for number, workload in enumerate(chosen):
            share = (options.kills + number) // len(chosen)
            torment(workload, share, Path(folder), chance, tally)
    for violation in tally.violations:
        print("VIOLATION", violation)
    print(f"seed {options.seed}, {time.monotonic() - began:.0f} s")
    print("\n".join(report(tally)))
    return 1 if tally.violations else 0


if __name__ == "__main__":
    sys.exit(main())
