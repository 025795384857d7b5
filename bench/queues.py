"""How long a claim in a queue takes, with little in line and with much, and with many runs that have ended.

Two stores beside each other, a claim on the one, then on the other: a slow minute of the machine hits both.

    python -m bench.queues --runs 1000000 --lanes 100
    python -m bench.queues --postgres --runs 1000000 --ended 10000000

`--at-most 1.2` makes it a proof: it fails where the median grows by more.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from podium.model import EngineRow, Fence, Move, NewRun, QueueChange, QueueLimits, State, TaskSlots, Write
from podium.store import Store, open_store
from tests.postgres import Cluster, cluster

FUNCTION = "bench:work"
CHUNK = 10_000
ENGINE = "e1"
TASKS = TaskSlots({FUNCTION: "threads"})

# Rows as `podium.store` writes them, made where they are to lie: ten million by way of commits take hours.
ROWS = """
INSERT INTO podium.runs (
    id, state, token, owner, due, lost, generation, base, messages, unread, created, began, started, ended,
    function, digest, fingerprint, project, queue, lane, rank, starter, starter_engine, attached_by,
    unique_name, origin, parent, root, seed, copied, context, tags, args, payload)
SELECT '{kind}' || lpad(n::text, 9, '0'), '{state}', {token}, NULL, {due}, 0, 0, 0, 0, 0, 1, {at}, {at}, {at},
       '{function}', '', '', '', 'api', (n % {lanes})::text, {rank}, '', NULL, '', '', '', '',
       '{kind}' || lpad(n::text, 9, '0'), '{kind}' || lpad(n::text, 9, '0'), 0, '', '', '{{}}', ''
FROM generate_series({first}, {last}) AS n
"""


def prepared(url: str, runs: int, lanes: int) -> Store:
    """A store with that many runs in line."""
    store = open_store(url)
    store.migrate()
    store.announce(EngineRow(ENGINE, 0, "h", 1, time.time()))
    store.wait(0.0)  # it listens, as an engine does: on PostgreSQL it then knows that its session is its own
    limit = QueueChange("api", 1.0, declared=QueueLimits(concurrency=5))
    store.commit(None, [Write(queues=(limit,))])
    fill(store, range(runs), lanes)
    return store


def fill(store: Store, runs: range, lanes: int) -> None:
    """Queue these runs, spread over the lanes."""
    for begin in range(runs.start, runs.stop, CHUNK):
        some = range(begin, min(begin + CHUNK, runs.stop))
        new = [
            NewRun(f"r{n:09}", FUNCTION, b"{}", b"", 1.0, queue="api", lane=str(n % lanes), rank=float(n))
            for n in some
        ]
        store.commit(None, [Write(new_runs=tuple(new))])


def fill_server(server: Cluster, url: str, queued: range, ended: int, lanes: int) -> None:
    """Runs in line and such as have ended, and what autovacuum does about so many new rows."""
    database = url.rpartition("/")[2]
    common = {"function": FUNCTION, "lanes": lanes}
    line = {"kind": "r", "state": "queued", "token": 0, "due": 1, "at": "NULL", "rank": "n"}
    past = {"kind": "d", "state": "succeeded", "token": 1, "due": "NULL", "at": "n", "rank": "NULL"}
    for first in range(queued.start, queued.stop, 100 * CHUNK):
        last = min(first + 100 * CHUNK, queued.stop) - 1
        server.execute(ROWS.format(**common, **line, first=first, last=last), database)
    for first in range(0, ended, 100 * CHUNK):
        last = min(first + 100 * CHUNK, ended) - 1
        server.execute(ROWS.format(**common, **past, first=first, last=last), database)
    server.execute("VACUUM ANALYZE podium.runs", database)


def claim(store: Store) -> float:
    """Claim one run and end it; how long the claim took, in ms."""
    began = time.perf_counter()
    (head,) = store.claim(ENGINE, {FUNCTION: ""}, 1, time.time(), tasks=TASKS).heads
    took = (time.perf_counter() - began) * 1000
    fence = Fence(head.id, head.token, frozenset({State.RUNNING}))
    store.commit(ENGINE, [Write(fence, Move(State.SUCCEEDED))])
    return took


@contextmanager
def stores(options: argparse.Namespace, few: int) -> Iterator[tuple[Store, Store]]:
    """With few runs in line, and with as many as is asked for."""
    rest = range(few, options.runs)
    if not options.postgres:
        with tempfile.TemporaryDirectory() as folder:
            urls = [f"sqlite:///{Path(folder) / name}.db" for name in ("little", "much")]
            with (
                closing(prepared(urls[0], few, options.lanes)) as little,
                closing(prepared(urls[1], few, options.lanes)) as much,
            ):
                fill(much, rest, options.lanes)
                yield little, much
        return
    with cluster("shared_buffers=512MB", "max_wal_size=8GB", below=options.data) as server:
        urls = [server.new_database(), server.new_database()]
        with (
            closing(prepared(urls[0], few, options.lanes)) as little,
            closing(prepared(urls[1], few, options.lanes)) as much,
        ):
            server.execute("VACUUM ANALYZE podium.runs", urls[0].rpartition("/")[2])
            fill_server(server, urls[1], rest, options.ended, options.lanes)
            yield little, much


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--runs", type=int, default=1_000_000)
    parser.add_argument("--ended", type=int, default=0, help="on PostgreSQL: runs that have ended")
    parser.add_argument("--lanes", type=int, default=100)
    parser.add_argument("--claims", type=int, default=300)
    parser.add_argument("--postgres", action="store_true", help="on a server of this bench's own")
    parser.add_argument("--data", type=Path, help="the folder in which that keeps its data")
    parser.add_argument("--at-most", type=float, help="fail where the median grows by more, e.g. 1.2")
    options = parser.parse_args()
    few = 2 * options.claims + options.lanes
    with stores(options, few) as both:
        for store in both:
            claim(store)
        took = [[claim(store) for store in both] for _ in range(options.claims)]
    before, after = (statistics.median(column) for column in zip(*took, strict=True))
    grown = after / before
    ended = f" and {options.ended:,} ended" if options.ended else ""
    print(
        f"{few:,} in line: p50 {before:.2f} ms; {options.runs:,}{ended}: p50 {after:.2f} ms ({grown:.2f} x)"
    )
    return int(options.at_most is not None and grown > options.at_most)


if __name__ == "__main__":
    sys.exit(main())
