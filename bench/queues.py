"""How long a claim in a queue takes, with little in line and with much.

python -m bench.queues --runs 1000000 --lanes 100
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from podium.model import EngineRow, Fence, Move, NewRun, QueueChange, QueueLimits, State, Write
from podium.store import Store, open_store

FUNCTION = "bench:work"
CHUNK = 10_000


def fill(store: Store, runs: range, lanes: int) -> None:
    """Queue these runs, spread over the lanes."""
    for begin in range(runs.start, runs.stop, CHUNK):
        some = range(begin, min(begin + CHUNK, runs.stop))
        new = [
            NewRun(f"r{n:09}", FUNCTION, b"{}", b"", 1.0, queue="api", lane=str(n % lanes), rank=float(n))
            for n in some
        ]
        store.commit(None, [Write(new_runs=tuple(new))])


def claims(store: Store, times: int) -> list[float]:
    """Claim one run and end it, so often; how long each claim took, in ms."""
    found: list[float] = []
    for _ in range(times):
        began = time.perf_counter()
        (head,) = store.claim("e1", {FUNCTION: ""}, 1, time.time(), tasks=[FUNCTION]).heads
        found.append((time.perf_counter() - began) * 1000)
        fence = Fence(head.id, head.token, frozenset({State.RUNNING}))
        store.commit("e1", [Write(fence, Move(State.SUCCEEDED))])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1_000_000)
    parser.add_argument("--lanes", type=int, default=100)
    parser.add_argument("--claims", type=int, default=300)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(f"sqlite:///{Path(folder) / 'podium.db'}")
        store.migrate()
        store.announce(EngineRow("e1", 0, "h", 1, time.time()))
        limit = QueueChange("api", 1.0, declared=QueueLimits(concurrency=5))
        store.commit(None, [Write(queues=(limit,))])
        few = 2 * options.claims + options.lanes
        fill(store, range(few), options.lanes)
        before = statistics.median(claims(store, options.claims))
        fill(store, range(few, options.runs), options.lanes)
        after = statistics.median(claims(store, options.claims))
        store.close()
    print(
        f"{few:,} in line: p50 {before:.2f} ms; {options.runs:,}: p50 {after:.2f} ms ({after / before:.2f} x)"
    )


if __name__ == "__main__":
    main()
