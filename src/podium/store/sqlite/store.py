"""The store on SQLite: one file for everything on a host, or a named memory database inside a process."""

from __future__ import annotations

import functools
import json
import math
import threading
from collections.abc import Collection, Mapping, Sequence
from os import PathLike
from pathlib import Path

import apsw
import msgspec

from ...depot import Depot, depot_in_memory, depot_of
from ...errors import StoreRefused
from ...model import (
    NO_TASKS,
    AuditRow,
    Beat,
    CachedResult,
    Claimed,
    EngineRow,
    Entry,
    Message,
    Place,
    Query,
    RunRow,
    RunStanding,
    RunStatus,
    State,
    TaskSlots,
    Verdict,
    WaitRow,
    Write,
)
from ..moving import read_fence, refusal
from ..protocol import Store
from . import entries, finding, schema
from . import rows as records
from .batch import commit_batch, commit_each
from .claims import Claims
from .connection import Sync, connect_file, connect_memory, prepare_file, require_version
from .connections import Connections
from .faults import DATA_ERRORS, is_fenced
from .files import Files
from .home import lies_where_it_lay, settle
from .lone import commit_lone, is_lone
from .named import sweep
from .said import SaidReader
from .statements import SQL, Row, pragma, rows, rows_of_each, transaction
from .upkeep import expire, forget_measures
from .wakeup import Doorbell

_PAUSE_MIN, _PAUSE_MAX = 0.002, 0.02  # s between looks for changes: short waits are answered sooner


class SqliteStore(SaidReader, Store):
    """A handle on a store; what its methods mean is said in `podium.store.protocol`.

    `path`: a file, created when missing (0600, in a directory 0700), or ":memory:" for a private database,
    or ":memory:?name" for one that all handles of this process with that name share.
    `sync`: "full" syncs each commit; with "normal" a power cut may take back the last moments.
    `patience`: seconds to wait for another process's write lock before StoreUnavailable.
    `allow_network`: open a file on a network file system all the same.
    `vfs`: name of a registered SQLite VFS, for tests that inject faults.

    Raises StoreRefused when the file cannot be a store, or is newer than this code; then it is untouched.
    """

    def __init__(
        self,
        path: str | PathLike[str],
        *,
        sync: Sync = "full",
        patience: float = 30.0,
        allow_network: bool = False,
        vfs: str | None = None,
    ) -> None:
        require_version()
        name = str(path)
        files = None
        memory, _, memory_name = name.partition("?") if name.startswith(":memory:") else ("", "", "")
        if memory:
            self._depot = depot_in_memory(memory_name)
            opener = functools.partial(connect_memory, memory_name, patience=patience)
        else:
            file = Path(path).resolve()  # its locks and side files have one place, whatever links lead here
            prepare_file(file, allow_network=allow_network)
            opener = functools.partial(connect_file, file, sync=sync, patience=patience, vfs=vfs)
            files = Files(file)
            self._depot = depot_of(file)
        self._connections = Connections(opener, files, patience)
        self._closed = threading.Event()
        self._claims = Claims(self._connections)
        self._version: int | None = None  # of the data, when somebody last waited for a change
        # A memory database has no other process to wake.
        self._doorbell = None if memory else Doorbell()

    @property
    def depot(self) -> Depot:
        return self._depot

    @property
    def near(self) -> bool:
        return True

    def migrate(self) -> None:
        file = self._connections.file
        with self._connections.reading() as connection:  # a look must not wait for who writes
            version = schema.schema_version(connection)
            noted = rows(connection, SQL["noted"], ("fence",)) if version else []
            if noted and (fence := read_fence(noted[0][0])) is not None:
                raise refusal(fence)
            if version == schema.SCHEMA_VERSION and lies_where_it_lay(connection, file):
                return
        with self._connections.writing() as connection:
            schema.migrate(connection)
            settle(connection, file)
        if version == 0:
            self._connections.checkpoint()  # so that even a copy of the file alone is known as one

    def close(self) -> None:
        self._closed.set()
        if self._doorbell is not None:
            self._doorbell.close()
        self._connections.close()

    # -- writing --------------------------------------------------------------------------------------

    def commit(self, engine: str | None, writes: Sequence[Write]) -> list[Verdict]:
        if not writes:
            return []
        known = self._connections.known
        with self._connections.committing() as connection:
            try:
                if len(writes) == 1 and engine is not None and is_lone(writes[0]):
                    verdict = commit_lone(connection, engine, writes[0], known)
                    if verdict is not None:
                        return [verdict]
                with transaction(connection):
                    known.look(connection)
                    verdicts, wakes = commit_batch(connection, self.depot, engine, writes, known)
                    ports = self._ports(connection, engine) if wakes else []
            except DATA_ERRORS:
                known.forget()
                # One write holds what the store cannot. Rolled back; again, each behind a savepoint.
                with transaction(connection):
                    verdicts, wakes = commit_each(connection, self.depot, engine, writes)
                    ports = self._ports(connection, engine) if wakes else []
            except BaseException:
                known.forget()
                raise
        self._ring(ports)
        return verdicts

    # -- owning ---------------------------------------------------------------------------------------

    def claim(
        self,
        engine: str,
        functions: Mapping[str, str],
        limit: int,
        now: float,
        runs: Sequence[str] | None = None,
        projects: Mapping[str, str] | None = None,
        queues: Collection[str] | None = None,
        tasks: TaskSlots = NO_TASKS,
    ) -> Claimed:
        return self._claims.claim(engine, functions, limit, now, runs, projects, queues, tasks)

    def collect(self, engine: str, seen: Mapping[str, int] | None = None) -> list[Message]:
        with self._connections.snapshot() as connection:
            found = rows(connection, SQL["collect"], (engine, json.dumps(seen or {})))
            return [records.message(connection, row) for row in found]

    def announce(self, engine: EngineRow) -> None:
        port = self._doorbell.listen() if self._doorbell is not None else 0
        values = (engine.id, engine.beat, engine.host, engine.pid, engine.started, engine.info, port)
        with self._connections.writing() as connection:
            try:
                with transaction(connection):
                    rows(connection, SQL["announce"], values)
                    self._claims.offer(connection, engine.id, engine.functions)
            except apsw.ConstraintError as error:
                if is_fenced(error):
                    raise
                raise StoreRefused(
                    f"engine {engine.id} is announced already", fix="an engine takes a fresh id at each start"
                ) from error
            self._claims.offered(engine.id, engine.functions)

    def heartbeat(self, engine: str, info: str | None = None) -> bool:
        with self._connections.writing() as connection, transaction(connection):
            rows(connection, SQL["heartbeat"], (engine, info))
            return connection.changes() == 1

    def ask_engine(self, engine: str, asked: str) -> bool:
        with self._connections.writing() as connection, transaction(connection):
            rows(connection, SQL["ask_engine"], (engine, asked))
            return connection.changes() == 1

    def beats(self) -> list[Beat]:
        with self._connections.reading() as connection:
            return [Beat(*row) for row in rows(connection, SQL["beats"])]

    def engines(self) -> list[EngineRow]:
        with self._connections.reading() as connection:
            found = rows(connection, SQL["engines"])
        return [EngineRow(*row, functions=json.loads(offered)) for *row, offered in found]

    def release(self, dead: Mapping[str, int], at: float) -> int:
        # Usually there is nothing to do, or another engine has done it, and a look needs no write lock.
        with self._connections.reading() as connection:
            silent = [one for one in dead.items() if rows(connection, SQL["is_silent"], one)]
            if not silent and not rows(connection, SQL["any_orphan"]):
                return 0
        with self._connections.writing() as connection, transaction(connection):
            rows_of_each(connection, SQL["condemn"], silent)
            rows(connection, SQL["record_losses"], (at,))
            rows(connection, SQL["release_orphans"])
            freed = connection.changes()
            # Also when nothing was freed: what was left to the dead one's code is anybody's now.
            ports = self._ports(connection, None)
        self._ring(ports)
        return freed

    def retire(self, engine: str) -> int:
        with self._connections.writing() as connection, transaction(connection):
            rows(connection, SQL["forget_engine"], (engine,))
            rows(connection, SQL["hand_back"], (engine,))
            freed = connection.changes()
            ports = self._ports(connection, engine) if freed else []
        self._ring(ports)
        return freed

    # -- reading --------------------------------------------------------------------------------------

    def history(self, run: str, after: int = 0, limit: int = 1000) -> list[Entry]:
        with self._connections.reading() as connection:
            found = entries.read(connection, run, after, limit)
            return [records.entry(connection, row) for row in found]

    def inbox(self, run: str) -> list[Message]:
        with self._connections.snapshot() as connection:
            found = rows(connection, SQL["inbox"], (run,))
            return [records.message(connection, (id, run, *rest)) for id, *rest in found]

    def waits(self, run: str = "", target: str = "", limit: int = 1000) -> list[WaitRow]:
        return self._waits("waits_of_run" if run else "waits_for_target", (run or target, limit))

    def open_waits(self, run: str = "", kind: str = "", limit: int = 1000) -> list[WaitRow]:
        if run:
            return self._waits("open_waits_of_run", (run, kind, limit))
        return self._waits("open_waits", (kind, limit))

    def _waits(self, statement: str, values: tuple[str | int, ...]) -> list[WaitRow]:
        with self._connections.reading() as connection:
            found = rows(connection, SQL[statement], values)
        return [msgspec.structs.replace(WaitRow(*row), cancels=bool(row[-1])) for row in found]

    def load(self, run: str) -> RunRow | None:
        with self._connections.snapshot() as connection:
            found = rows(connection, records.LOAD, (run,))
            return records.run_row(connection, found[0]) if found else None

    def counts(self, since: float) -> dict[State, int]:
        with self._connections.snapshot() as connection:
            return finding.counts(connection, since)

    def load_many(self, runs: Sequence[str]) -> dict[str, RunRow]:
        with self._connections.snapshot() as connection:
            found = rows(connection, records.LOAD_MANY, (json.dumps(runs),))
            return {row.id: row for row in (records.run_row(connection, one) for one in found)}

    def statuses(self, runs: Sequence[str]) -> dict[str, RunStatus]:
        with self._connections.snapshot() as connection:
            found = rows(connection, SQL["statuses"], (json.dumps(runs),))
            return {row.id: row for row in (records.status(connection, one) for one in found)}

    def entries_at(self, places: Sequence[tuple[str, int]]) -> dict[tuple[str, int], Entry]:
        with self._connections.snapshot() as connection:
            found = entries.at(connection, places)
            return {(row[0], row[1]): records.entry(connection, row[1:]) for row in found}

    def cached(self, key: str) -> CachedResult | None:
        with self._connections.snapshot() as connection:
            return records.cached(connection, key)

    def attached(self, starts: Sequence[str]) -> dict[str, str]:
        with self._connections.reading() as connection:
            return dict(rows(connection, SQL["attached"], (json.dumps(starts),)))

    def find(self, query: Query) -> list[RunRow]:
        with self._connections.snapshot() as connection:
            return finding.find(connection, query)

    def standings(self, wanted: Query | Sequence[str]) -> list[RunStanding]:
        with self._connections.snapshot() as connection:
            return finding.standings(connection, wanted)

    def tally(self, query: Query) -> dict[tuple[State, str], int]:
        with self._connections.snapshot() as connection:
            return finding.tally(connection, query)

    def functions(self, most: int) -> dict[str, int]:
        with self._connections.snapshot() as connection:
            return dict(rows(connection, SQL["functions"], (most,)))

    def horizon(
        self, runs: int, before: str | Place | None = None, until: float = math.inf
    ) -> tuple[str, float] | None:
        with self._connections.snapshot() as connection:
            return finding.horizon(connection, runs, before, until)

    # -- waking and upkeep ------------------------------------------------------------------------------

    def wait(self, timeout: float, changes: bool = False) -> bool:
        if not changes:
            return self._sleep(timeout)
        pause = _PAUSE_MIN
        while not self._has_changed():
            if timeout <= 0 or self._closed.is_set():
                return False
            if self._sleep(min(pause, timeout)):
                return True
            timeout -= pause
            pause = min(pause * 1.5, _PAUSE_MAX)
        return True

    def _sleep(self, seconds: float) -> bool:
        if self._doorbell is not None and self._doorbell.port:
            return self._doorbell.wait(seconds)
        self._closed.wait(seconds)
        return False

    def _has_changed(self) -> bool:
        """Whether there was a commit since this was last asked; a look costs some microseconds."""
        with self._connections.reading() as connection:
            before, self._version = self._version, pragma(connection, "data_version")
        return before != self._version

    def expire(self, before: float, limit: int = 1000) -> int:
        return expire(self._connections, before, limit)

    def forget_measures(self, before: float, limit: int = 1000) -> int:
        return forget_measures(self._connections, before, limit)

    def sweep(self, before: float) -> tuple[int, int]:
        return sweep(self._connections, self._depot, before)

    def audit(self, row: AuditRow) -> int:
        with self._connections.writing() as connection, transaction(connection):
            ((n,),) = rows(connection, SQL["audit"], row.columns())
            return n

    def audit_outcome(self, n: int, outcome: str) -> None:
        with self._connections.writing() as connection, transaction(connection):
            rows(connection, SQL["audit_outcome"], (outcome, n))

    def checkpoint_due(self) -> bool:
        return self._connections.checkpoint_due()

    def checkpoint(self) -> None:
        self._connections.checkpoint()

    def _ports(self, connection: apsw.Connection, engine: str | None) -> list[Row]:
        """Where to ring, once the transaction has committed."""
        return rows(connection, SQL["ports"], (engine,)) if self._doorbell is not None else []

    def _ring(self, ports: list[Row]) -> None:
        if ports and self._doorbell is not None:
            self._doorbell.ring(port for (port,) in ports)
