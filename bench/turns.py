"""Two checkouts of Podium in turns, by this checkout's workloads: `python -m bench.turns OTHER [--runs 5]`.

For "is this commit slower than that one?": each workload runs in a fresh process on a fresh store, first on
one tree, then on the other, and the order changes with every round. What is told is the median of the ratios
of the rounds, this tree's by the other's, so that a slow minute of the machine hits both.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from statistics import median

from .cli import WORKLOADS
from .measure import ROOT

DEFAULT = "W1,W1-sync,W2-100,W2-long,W3-gather"
LESS_IS_BETTER = ("_ms", "_mb", "_percent", "bytes_per_step")


def measure(tree: Path, python: Path, workload: str, home: Path, scale: float) -> dict[str, float]:
    """The metrics of one child, by name. Raises CalledProcessError with what it said."""
    shutil.rmtree(home, ignore_errors=True)
    path = os.pathsep.join(str(part) for part in (tree / "src", ROOT))
    argv = [str(python), "-m", "bench.podium_bench", workload, "--data", str(home), "--scale", str(scale)]
    env = {**os.environ, "PYTHONPATH": path}
    try:
        done = subprocess.run(argv, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True, check=True)
    finally:
        shutil.rmtree(home, ignore_errors=True)
    rows = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return {row["metric"]: row["value"] for row in rows}


def main() -> None:
    """Measure and print one line for each metric."""
    parser = argparse.ArgumentParser(prog="python -m bench.turns", description=__doc__.partition("\n")[0])
    parser.add_argument("other", type=Path, help="another checkout, with a .venv of its own")
    parser.add_argument("--runs", type=int, default=5, help="rounds (5)")
    parser.add_argument("--only", default=DEFAULT, help=f"workloads ({DEFAULT})")
    parser.add_argument("--scale", type=float, default=1.0, help="makes every size smaller, e.g. 0.1")
    options = parser.parse_args()
    other = options.other.resolve()
    trees = [("this", ROOT, Path(sys.executable)), ("other", other, other / ".venv" / "bin" / "python")]
    data = ROOT / ".tools" / "bench-data"  # not the system's temporary directory: it is often in memory
    data.mkdir(parents=True, exist_ok=True)
    for workload in options.only.split(","):
        if workload not in WORKLOADS:
            raise SystemExit(f"there is no workload {workload}; there are: {', '.join(WORKLOADS)}")
        rounds: list[dict[str, dict[str, float]]] = []
        for turn in range(options.runs):
            order = trees if turn % 2 == 0 else trees[::-1]
            rounds.append(
                {
                    name: measure(tree, python, workload, data / f"{name}-{workload}", options.scale)
                    for name, tree, python in order
                }
            )
        for metric in rounds[0]["this"]:
            tell(workload, metric, [(one["this"][metric], one["other"][metric]) for one in rounds])


def tell(workload: str, metric: str, pairs: list[tuple[float, float]]) -> None:
    """One line: both medians, and the median ratio with the least and the greatest."""
    ratios = sorted(this / other for this, other in pairs if other)
    wanted = "less is better" if metric.endswith(LESS_IS_BETTER) else ""
    if ratios:
        medians = [median(values) for values in zip(*pairs, strict=True)]
        print(
            f"{workload:<10}{metric:<22}{medians[0]:>12,.1f} by {medians[1]:>12,.1f}"
            f"  = {median(ratios):.3f} ({ratios[0]:.3f}-{ratios[-1]:.3f}) {wanted}",
            flush=True,
        )


if __name__ == "__main__":
    main()
