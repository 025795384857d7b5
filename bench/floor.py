"""What a synced commit costs by itself, without an engine: `python -m bench.floor [--rows 4000]`.

One row of the size of a step's into an indexed table, one commit for each, WAL and full sync as every engine
here has them: wall time and processor time per commit. Nothing that keeps a step before the next one begins
is faster.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import apsw

from .measure import ROOT, emit

PAYLOAD = b"x" * 60


def main() -> None:
    """Print both in microseconds."""
    parser = argparse.ArgumentParser(prog="python -m bench.floor")
    parser.add_argument("--rows", type=int, default=4000)
    rows: int = parser.parse_args().rows
    tools = ROOT / ".tools"
    tools.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=tools) as scratch:
        connection = apsw.Connection(str(Path(scratch) / "floor.db"))
        connection.pragma("journal_mode", "wal")
        connection.pragma("synchronous", "full")
        connection.execute(
            "CREATE TABLE steps (run INTEGER, seq INTEGER, payload BLOB, PRIMARY KEY (run, seq))"
        )
        began, used = time.perf_counter(), time.process_time()
        for seq in range(rows):
            connection.execute("INSERT INTO steps VALUES (1, ?, ?)", (seq, PAYLOAD))
        wall, cpu = time.perf_counter() - began, time.process_time() - used
        connection.close()
    emit("sqlite", "commit", "wall_us", 1e6 * wall / rows, rows)
    emit("sqlite", "commit", "cpu_us", 1e6 * cpu / rows, rows)


if __name__ == "__main__":
    main()
