"""The yardstick: what this disk and this interpreter can do at all. `python -m bench.toy raw --data DIR`.

`raw` measures the disk's flush and bare SQLite commits. The other workloads run on the smallest thing that
keeps the promise "a step's result is on disk before the next step starts": one SQLite file, one row per
step, and a commit shared by every row that is ready at the same turn of the loop. No retries, no replay, no
ownership, no errors, no typed values: a real engine should reach a third to a half of it.
"""

from __future__ import annotations

import asyncio
import json
import os
import threading
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from queue import SimpleQueue

import apsw

from .cli import arguments
from .measure import emit, percentile
from .workloads import Peer, run

SCHEMA = """
create table step(run integer, seq integer, name text, state integer, output blob, began real, ended real,
                  primary key (run, seq)) without rowid
"""
INSERT = "insert into step values(?, ?, ?, ?, ?, ?, ?)"
Row = tuple[int, int, str, int, bytes, float, float]


def connect(path: Path) -> apsw.Connection:
    """A fresh WAL store at full sync."""
    db = apsw.Connection(str(path))
    db.execute("pragma journal_mode=wal; pragma synchronous=full")
    db.execute(SCHEMA)
    return db


class GroupCommit:
    """Commits rows in groups. Few rows: where it stands. Many: in a writer thread, while the loop goes on."""

    INLINE = 8  # a hop to the thread costs more than it hides below about this many rows

    def __init__(self, path: Path) -> None:
        self._db, self._loop = connect(path), asyncio.get_running_loop()
        self._rows: list[tuple[Row, asyncio.Future[None]]] = []
        self._armed = self._busy = False
        self._batches: SimpleQueue[list[tuple[Row, asyncio.Future[None]]]] = SimpleQueue()
        threading.Thread(target=self._write, daemon=True).start()

    def put(self, row: Row) -> asyncio.Future[None]:
        """The future is done once the row is on disk."""
        durable = self._loop.create_future()
        self._rows.append((row, durable))
        self._arm()
        return durable

    def _arm(self) -> None:
        # At the end of the turn, so that every coroutine that is ready has added its row.
        if self._rows and not (self._armed or self._busy):
            self._armed = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._armed = False
        batch, self._rows = self._rows, []
        if len(batch) <= self.INLINE:
            self._commit(batch)
            self._done(batch)
        else:
            self._busy = True
            self._batches.put(batch)

    def _write(self) -> None:
        while True:
            batch = self._batches.get()
            self._commit(batch)
            self._loop.call_soon_threadsafe(self._done, batch)

    def _commit(self, batch: list[tuple[Row, asyncio.Future[None]]]) -> None:
        with self._db:
            self._db.executemany(INSERT, (row for row, _ in batch))

    def _done(self, batch: list[tuple[Row, asyncio.Future[None]]]) -> None:
        self._busy = False
        for _, durable in batch:
            durable.set_result(None)
        self._arm()


class Toy:
    """Runs and steps on top of `GroupCommit`: a row at the start, one for each step, one at the end."""

    def __init__(self, path: Path) -> None:
        self._store, self._runs = GroupCommit(path), 0

    async def chain(self, n: int) -> int:
        async def body(number: int) -> int:
            value = 0
            for seq in range(1, n + 1):
                value = await self._step(number, seq, value)
            return value

        return await self._run(body, n + 1)

    async def fan(self, n: int) -> int:
        async def body(number: int) -> int:
            return sum(await asyncio.gather(*(self._step(number, i + 1, i) for i in range(n))))

        return await self._run(body, n + 1)

    async def _run(self, body: Callable[[int], Coroutine[None, None, int]], last: int) -> int:
        self._runs += 1
        number, begin = self._runs, time.time()
        await self._store.put((number, 0, "start", 0, b"", begin, begin))
        result = await asyncio.create_task(body(number))
        await self._store.put((number, last, "end", 1, json.dumps(result).encode(), begin, time.time()))
        return result

    async def _step(self, number: int, seq: int, x: int) -> int:
        begin = time.time()
        result = x + 1
        await self._store.put((number, seq, "inc", 1, json.dumps(result).encode(), begin, time.time()))
        return result


def flush_ms(path: Path, count: int) -> list[float]:
    """Overwrite 4 KB of a preallocated file and flush it: what a commit into a used WAL costs the disk."""
    sync = getattr(os, "fdatasync", os.fsync)
    handle, page = os.open(path, os.O_RDWR | os.O_CREAT), os.urandom(4096)
    taken: list[float] = []
    os.write(handle, page * 256)
    os.fsync(handle)
    for turn in range(count):
        begin = time.perf_counter()
        os.pwrite(handle, page, 4096 * (turn % 256))
        sync(handle)
        taken.append((time.perf_counter() - begin) * 1000)
    os.close(handle)
    return taken


def commits(db: apsw.Connection, run_number: int, group: int, count: int) -> float:
    """Rows per second in `count` transactions of `group` rows each."""
    begin = time.perf_counter()
    for turn in range(count):
        with db:
            db.executemany(
                INSERT, ((run_number, turn * group + i, "inc", 1, b"1", 0.5, 0.5) for i in range(group))
            )
    return group * count / (time.perf_counter() - begin)


def raw(data: Path) -> None:
    """Not scaled: a second or two. The log has its full size before anything is timed."""
    taken = flush_ms(data / "flush", 1000)
    for percent in (50, 99):
        emit("toy", "raw", f"flush_p{percent}_ms", percentile(taken, percent), len(taken))
    db = connect(data / "raw.db")
    commits(db, 0, 1, 2000)
    for group, count in ((1, 2000), (10, 1000), (100, 500), (1000, 100)):
        emit("toy", "raw", f"rows_per_s_in_groups_of_{group}", commits(db, group, group, count), count)


async def engine(workload: str, scale: float, data: Path) -> None:
    toy = Toy(data / "toy.db")
    await run(Peer("toy", toy.chain, toy.fan), workload, scale, data)


def main() -> None:
    """Run one workload in this process."""
    options = arguments()
    options.data.mkdir(parents=True, exist_ok=True)
    if options.workload == "raw":
        raw(options.data)
    else:
        asyncio.run(engine(options.workload, options.scale, options.data))


if __name__ == "__main__":
    main()
