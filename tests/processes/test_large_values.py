"""A value of real size by reference: written once, and loaded by nobody but the tasks that get it."""

from __future__ import annotations

import sys
from pathlib import Path

from tests import forkserver

PROGRAM = """
import os
from pathlib import Path
import numpy as np
from podium import task, workflow

@task
def make() -> np.ndarray: return np.arange(6_250_000, dtype=float)

@task
def same(array: np.ndarray) -> np.ndarray: return array

@task
def total(array: np.ndarray) -> float:
    if not Path("fifth").exists():
        Path("fifth").touch()
        os._exit(9)
    return float(array.sum())

@workflow
def five_steps() -> float:
    array = make()
    for _ in range(3):
        array = same(array)
    return total(array)

if __name__ == "__main__":
    reads, load = [], np.load
    np.load = lambda *args, **how: reads.append(args) or load(*args, **how)
    print(five_steps.run(), len(reads))
"""


def test_50_mb_go_through_five_steps_as_one_file_though_the_process_is_killed_in_the_fifth(
    tmp_path: Path,
) -> None:
    (tmp_path / "large.py").write_text(PROGRAM)

    def run() -> tuple[int, str]:
        done = forkserver.run(
            [sys.executable, "large.py"], cwd=tmp_path, timeout=60, capture_output=True, text=True
        )
        return done.returncode, done.stdout

    def kept() -> list[tuple[str, int, int]]:
        folder = tmp_path / ".podium" / "podium.db-values"
        stats = [(file.name, file.stat()) for file in folder.iterdir() if file.stat().st_size]
        return [(name, stat.st_size, stat.st_mtime_ns) for name, stat in stats]

    assert run() == (9, "")
    written = kept()
    assert [size for _, size, _ in written] == [50_000_128]
    total = 6_250_000 * 6_249_999 // 2
    assert run() == (0, f"{float(total)} 1\n"), "loaded by the fifth step alone, by no replay"
    assert kept() == written, "written once"
