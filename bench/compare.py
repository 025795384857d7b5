"""Podium, dbos and unhinged side by side on this machine, in one run: `make bench`.

Each workload runs in a fresh process on a fresh store, first on one engine, then on the other; the order
changes with every round, so that a slow minute of the machine hits all. The toy of `bench.toy` goes along
as the yardstick. Each peer lives in a virtual environment of its own, built on first use.

With `--postgres` Podium and dbos are measured on databases of one PostgreSQL, which this starts, with all
syncs on.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import apsw

from tests.postgres import Cluster, cluster

from .cli import WORKLOADS
from .measure import ROOT, child_env
from .report import Facts, Row, render

VERSIONS = {"dbos": "3.4.0", "unhinged": "0.2.0"}
ONCE = (
    "W5",
    "W7",
    "replay",
    "workers",
)  # medians of their own, or minutes long: measured in the first round only
SUPPORTS = {
    "podium": WORKLOADS,
    "dbos": tuple(name for name in WORKLOADS if name not in ("W3-map", "replay")),
    "unhinged": ("W1", "W1-sync", "W2-100", "W2-long", "W3-gather", "W8"),
    "toy": ("raw", "W1", "W2-100", "W2-1000", "W3-gather", "W4"),
}
ON_A_SERVER = ("W1", "W1-sync", "W2-100", "W2-1000", "W2-long", "W3-gather", "W3-map", "W4", "workers")
# dbos starts some 120 sleepers a second and keeps each in memory: 100,000 would take a quarter of an hour; so
# would 100,000 steps, and 10,000 runs of unhinged that one waits for.
FRACTION = {
    ("dbos", "W7"): 0.02,
    ("dbos", "W2-long"): 0.1,
    ("unhinged", "W2-long"): 0.3,
    ("unhinged", "W3-gather"): 0.3,
}
TIMEOUT_SECONDS = 900


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.compare", description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=3, help="rounds; the table shows median, min and max (3)")
    parser.add_argument("--only", default="", help="workloads, e.g. W1,W2-100 (W2 means all that start so)")
    parser.add_argument(
        "--quick", action="store_true", help="one round at a tenth of the size: indicative only"
    )
    parser.add_argument(
        "--dbos-scale", type=float, default=1.0, help="smaller sizes for dbos, e.g. 0.1; rates stay rates"
    )
    parser.add_argument("--peers", default="podium,dbos,unhinged,toy", help="leave some out, e.g. podium,toy")
    parser.add_argument(
        "--postgres", action="store_true", help="podium and dbos on one PostgreSQL of this bench"
    )
    parser.add_argument(
        "--tools", type=Path, default=ROOT / ".tools", help="where the peers' environments are kept"
    )
    parser.add_argument("--data", type=Path, help="where the stores go: a directory on the disk to measure")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the raw rows, one per line")
    parser.add_argument(
        "--write", type=Path, metavar="FILE", help="also write the report, e.g. docs/benchmarks.md"
    )
    return parser.parse_args()


def peer_python(peer: str, tools: Path) -> Path:
    """The interpreter of a peer's environment; builds it on first use."""
    version = VERSIONS[peer]
    home = tools / f"bench-{peer}-{version}"
    python = home / "bin" / "python"
    if not (home / "ready").exists():
        say(f"building an environment for {peer} {version} in {home}")
        subprocess.run([sys.executable, "-m", "venv", "--clear", home], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", f"{peer}=={version}"], check=True)
        (home / "ready").touch()
    return python


@dataclass
class Bench:
    pythons: dict[str, Path]
    data: Path
    scale: float
    dbos_scale: float
    server: Cluster | None = None

    def measure(self, peer: str, workload: str, turn: int) -> list[Row]:
        """Run one child; a child that fails becomes one row that says so."""
        scale = self.scale * FRACTION.get((peer, workload), 1.0)
        if peer == "dbos":
            scale *= self.dbos_scale
        home = self.data / f"{peer}-{workload}-{turn}"
        shutil.rmtree(home, ignore_errors=True)
        argv = [self.pythons[peer], "-m", f"bench.{peer}_bench" if peer != "toy" else "bench.toy", workload]
        argv += ["--data", home, "--scale", scale]
        if self.server is not None:
            argv += ["--url", self.server.new_database()]
        begin = time.perf_counter()
        try:
            done = subprocess.run(
                [str(part) for part in argv],
                cwd=ROOT,
                env=child_env(),
                capture_output=True,
                text=True,
                timeout=TIMEOUT_SECONDS,
                check=False,
            )
            failed, output = done.returncode != 0, done.stderr
            lines = done.stdout.splitlines()
        except subprocess.TimeoutExpired:
            failed, output, lines = True, f"not done after {TIMEOUT_SECONDS} s", []
        finally:
            shutil.rmtree(home, ignore_errors=True)
        ended = "  FAILED" if failed else ""
        say(f"round {turn + 1}  {workload:<10}{peer:<8}{time.perf_counter() - begin:6.1f} s{ended}")
        if failed:
            say(output.strip())
            note = (output.strip().splitlines() or ["no message"])[-1]
            return [Row(peer, workload, "failed", 0.0, 0, turn, note)]
        return [Row(**json.loads(line), run=turn) for line in lines if line.startswith("{")]


def chosen(only: str) -> list[str]:
    wanted = [part.strip() for part in only.split(",") if part.strip()]
    found = [
        name for name in WORKLOADS if not wanted or any(name == w or name.startswith(w + "-") for w in wanted)
    ]
    if not found:
        raise SystemExit(f"no workload matches {only!r}; there are: {', '.join(WORKLOADS)}")
    return found


def plan(peers: list[str], workloads: list[str], rounds: int) -> list[tuple[int, str, str]]:
    """(round, workload, peer) in the order of measuring."""
    steps: list[tuple[int, str, str]] = []
    for turn in range(rounds):
        order = peers if turn % 2 == 0 else peers[::-1]
        names = ["raw", *(name for name in workloads if turn == 0 or name not in ONCE)]
        steps += [(turn, name, peer) for name in names for peer in order if name in SUPPORTS[peer]]
    return steps


@contextmanager
def served(data: Path | None) -> Iterator[Cluster | None]:
    """A server of our own with its data below that folder, where anybody's process may go."""
    if data is None:
        yield None
        return
    with cluster("max_connections=200", "shared_buffers=256MB", "max_wal_size=4GB", below=data) as server:
        yield server


def facts(options: argparse.Namespace, scale: float, rounds: int, server: Cluster | None) -> Facts:
    """Where, when and with what this was measured."""
    return Facts(
        date=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        commit=commit(),
        machine=f"{cpu_model()}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}",
        versions=f"Python {platform.python_version()}, apsw {apsw.apsw_version()}, "
        + ", ".join(f"{peer} {version}" for peer, version in VERSIONS.items()),
        load=f"{os.getloadavg()[0]:.2f}",
        rounds=rounds,
        scale=scale,
        dbos_scale=options.dbos_scale,
        server=server.execute("SHOW server_version")[0][0] if server else "",
    )


def commit() -> str:
    """Pages are no change: this one, for instance, is about to be written."""
    changed = output(["git", "status", "--porcelain", "--untracked-files=no", "--", ".", ":!docs"])
    return (output(["git", "describe", "--always"]) or "unknown") + ("-dirty" if changed else "")


def output(argv: list[str]) -> str:
    return subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()


def cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown processor"
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")),
        platform.machine(),
    )


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    """Measure, print the report, write what was asked for."""
    options = arguments()
    scale, rounds = (0.1, 1) if options.quick else (1.0, options.runs)
    peers = [name for name in options.peers.split(",") if name in SUPPORTS]
    if options.postgres:
        peers = [name for name in peers if name in ("podium", "dbos")]
    pythons: dict[str, Path] = {name: Path(sys.executable) for name in ("podium", "toy")}
    pythons |= {peer: peer_python(peer, options.tools.absolute()) for peer in peers if peer in VERSIONS}
    # Not the system's temporary directory: it is often in memory, where a flush costs nothing.
    data = (options.data or options.tools / "bench-data").absolute()
    data.mkdir(parents=True, exist_ok=True)
    workloads = [name for name in chosen(options.only) if not options.postgres or name in ON_A_SERVER]
    rows: list[Row] = []
    with served(data if options.postgres else None) as server:
        known = facts(options, scale, rounds, server)
        bench = Bench(pythons, data, scale, options.dbos_scale, server)
        for turn, workload, peer in plan(peers, workloads, rounds):
            rows += bench.measure(peer, workload, turn)
    text = render(rows, known)
    print(text)
    if options.json:
        options.json.write_text("".join(json.dumps(row.__dict__) + "\n" for row in rows))
    if options.write:
        options.write.write_text(text)


if __name__ == "__main__":
    main()
