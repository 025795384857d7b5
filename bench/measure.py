"""What the peers share to measure themselves: rows, percentiles, memory, processor time, fresh processes.

Standard library only, because it also runs in the other engine's virtual environment.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def emit(peer: str, workload: str, metric: str, value: float, n: int) -> None:
    """Print one result as a JSON line. Units stand in the metric's name."""
    row = {"peer": peer, "workload": workload, "metric": metric, "value": round(value, 4), "n": n}
    print(json.dumps(row), flush=True)


def percentile(values: Sequence[float], percent: float) -> float:
    """The value below which `percent` of the values lie (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def _status_mb(field: str) -> float | None:
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(field))


def peak_rss_mb() -> float:
    """Highest resident memory of this process so far."""
    # Not getrusage on Linux: its ru_maxrss starts with that of the process that did the fork.
    found = _status_mb("VmHWM")
    return found if found is not None else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def rss_mb() -> float:
    """Resident memory of this process now."""
    found = _status_mb("VmRSS")
    if found is not None:
        return found
    shown = subprocess.run(
        ["ps", "-o", "rss=", "-p", str(os.getpid())], capture_output=True, text=True, check=True
    )
    return int(shown.stdout) / 1024


def written_bytes() -> int:
    """Bytes that this process has handed to the system for files and pipes so far; 0 where nobody counts."""
    try:
        lines = Path("/proc/self/io").read_text().splitlines()
    except OSError:
        return 0
    return next(int(line.split()[1]) for line in lines if line.startswith("wchar"))


async def cpu_percent(seconds: float) -> float:
    """Processor time of this process over the next `seconds`, in percent of one core."""
    wall, used = time.perf_counter(), time.process_time()
    await asyncio.sleep(seconds)
    return 100 * (time.process_time() - used) / (time.perf_counter() - wall)


async def settle(limit: float = 120.0) -> float:
    """Wait until this process has been quiet for two seconds in a row; returns how long that took."""
    begin, quiet = time.perf_counter(), 0
    while quiet < 4 and time.perf_counter() - begin < limit:
        quiet = quiet + 1 if await cpu_percent(0.5) < 5 else 0
    return time.perf_counter() - begin


def child_env(**more: str) -> dict[str, str]:
    """The environment for a measured child: this tree first on its path."""
    path = os.pathsep.join(str(part) for part in (ROOT / "src", ROOT))
    return {**os.environ, "PYTHONPATH": path, **more}


def wall_ms(argv: Sequence[str], env: Mapping[str, str]) -> float:
    """Run a whole process and time it from the outside."""
    begin = time.perf_counter()
    done = subprocess.run(argv, env=dict(env), cwd=ROOT, capture_output=True, text=True, check=False)
    taken = (time.perf_counter() - begin) * 1000
    if done.returncode:
        raise RuntimeError(f"{' '.join(argv)} ended with {done.returncode}:\n{done.stderr}")
    return taken


def import_ms(package: str) -> float:
    """Import time of a package in a fresh interpreter, as that interpreter sees it."""
    code = f"import time; t = time.perf_counter(); import {package}; print((time.perf_counter() - t) * 1000)"
    done = subprocess.run(
        [sys.executable, "-c", code], env=child_env(), cwd=ROOT, capture_output=True, text=True, check=True
    )
    return float(done.stdout)
