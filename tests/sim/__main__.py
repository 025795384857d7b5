"""`python -m tests.sim --seeds 20000`: search for broken promises, and say what was searched.

--kinds NAME,NAME   worlds of these kinds alone, or "all" but those by chance; no plants, no crash points
--replay SEED       one world, of the first of `--kinds`, with its trace digest and what went wrong
--planted           only the planted bugs
"""

from __future__ import annotations

import argparse
import os
import sys
import time

from tests.sim import campaign
from tests.sim.kinds import KINDS


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.sim", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1500, help="how many worlds by chance")
    parser.add_argument(
        "--kinds", type=_kinds, default=[], metavar="NAME,NAME", help=f"of: {', '.join(KINDS)}"
    )
    parser.add_argument("--start", type=int, default=0, help="the first seed")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--replay", type=int, metavar="SEED", help="play one world again")
    parser.add_argument("--planted", action="store_true", help="only the planted bugs")
    options = parser.parse_args()
    campaign.quiet()
    if options.replay is not None:
        return _replay(options.replay, *options.kinds[:1])
    if options.kinds:
        broken = [kind for kind in options.kinds if not _of_kind(kind, options)]
        return 1 if broken else 0
    caught = _plants(options.jobs)
    if options.planted:
        return 0 if caught else 1
    crashed = _crash_points(options.jobs)
    return 0 if _random(options.start, options.seeds, options.jobs) and crashed and caught else 1


def _kinds(text: str) -> list[str]:
    kinds = [kind for kind in KINDS if kind != "chance"] if text == "all" else text.split(",")
    if unknown := set(kinds) - set(KINDS):
        raise argparse.ArgumentTypeError(f"no such kind: {', '.join(sorted(unknown))}")
    return kinds


def _of_kind(kind: str, options: argparse.Namespace) -> bool:
    """A line for each kind, and one for each thing that is wrong."""
    began = time.monotonic()
    tally = campaign.random_worlds(options.start, options.seeds, options.jobs, kind)
    seconds = time.monotonic() - began
    print(
        f"{kind:10} {tally.worlds} worlds, {tally.evaluations.total()} checks, "
        f"{tally.faults.total()} faults: "
        f"{_listed(tally.met)}; violations: {len(tally.violations)} ({seconds:.0f} s)",
        flush=True,
    )
    for name in tally.unmet:
        print(f"  NEVER HAPPENED: {name}")
    for violation in tally.violations[:10]:
        print(f"  VIOLATION {violation}; replay: --kinds {kind} --replay SEED")
    return not tally.violations and not tally.unmet


def _replay(seed: int, kind: str = "chance") -> int:
    report = campaign.play(seed, kind)
    print(
        f"seed {seed}: digest {report.digest}, {report.seconds:.1f} virtual seconds, "
        f"{len(report.calls)} store calls"
    )
    print(f"faults: {_listed(report.faults)}\nmarks: {_listed(report.marks)}")
    for violation in report.violations:
        print(f"VIOLATION {violation}")
    return 1 if report.violations else 0


def _plants(jobs: int) -> bool:
    found = campaign.plants(jobs)
    escaped = [name for name, caught in found.items() if caught is None]
    print(f"planted bugs caught: {len(found) - len(escaped)} of {len(found)}")
    for name, caught in found.items():
        print(
            f"  {name:32} " + (f"seed {caught[0]}: {caught[1].partition(':')[0]}" if caught else "GOT AWAY")
        )
    return not escaped


def _crash_points(jobs: int) -> bool:
    began = time.monotonic()
    single, violations = campaign.crash_points(jobs)
    double, more = campaign.crash_pairs(jobs)
    violations += more
    seconds = time.monotonic() - began
    print(
        f"crash points covered: {single}, and {double} pairs ({seconds:.0f} s), violations: {len(violations)}"
    )
    for violation in violations[:20]:
        print(f"  VIOLATION {violation}")
    return not violations


def _random(start: int, count: int, jobs: int) -> bool:
    began = time.monotonic()
    tally = campaign.random_worlds(start, count, jobs)
    seconds = time.monotonic() - began
    print(f"seeds: {start} to {start + count - 1} ({count / seconds:.0f} per second in {jobs} processes)")
    print(f"virtual hours: {tally.seconds / 3600:.1f}, store calls: {tally.calls}")
    print(f"faults: {_listed(tally.faults)}")
    print(f"invariant evaluations: {tally.evaluations.total()}")
    for promise, number in sorted(tally.evaluations.items()):
        print(f"  {promise:48} {number}")
    print(f"marks: {_listed(tally.marks)}")
    for mark in tally.unmarked:
        print(f"NEVER HAPPENED: {mark}")
    print(f"violations: {len(tally.violations)}")
    for violation in tally.violations[:20]:
        print(f"  VIOLATION {violation}")
    if tally.violations:
        print(f"replay one: {sys.executable} -m tests.sim --replay SEED; then add it to tests/sim/seeds.txt")
    return not tally.violations and not tally.unmarked


def _listed(counts: campaign.Counter[str]) -> str:
    return ", ".join(f"{name} {number}" for name, number in sorted(counts.items())) or "none"


if __name__ == "__main__":
    sys.exit(main())
