"""The store on PostgreSQL: one database for many hosts."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from os import PathLike
from typing import Any

import psycopg

from ...depot import Depot
from ...errors import StoreError, StoreRefused
from ...model import NO_TASKS, AuditRow, Beat, Claimed, EngineRow, TaskSlots, Verdict, Write
from ..moving import read_fence, refusal
from ..protocol import Sent, Store
from . import schema
from .batch import Batch
from .changes import recording
from .claims import Claims, offer, wanted_by
from .doorbell import Doorbell
from .lines import Line, Server
from .statements import SQL, Row, Statement, rows, trip
from .streams import StreamReader
from .values import depot_at, sweep

_PAUSE_MIN, _PAUSE_MAX = 0.005, 0.1  # s between looks for changes: short waits are answered sooner
# Commits without an engine, after which more of them are likely: then it is worth a look whether the session
# is our own, so that what they take may be prepared. That look takes as long as one of them.
_MANY_ALONE = 3
_COMMIT: Statement = (SQL["commit"], {})


class PostgresStore(StreamReader, Store):
    """A handle on a store; what its methods mean is said in `podium.store.protocol`.

    `url`: whatever libpq takes as postgresql://…, several hosts and all. `patience`: seconds to wait for rows
    that another transaction has locked before StoreUnavailable. `values`: the folder of values by reference,
    which all hosts share; None: PODIUM_VALUES.

    Raises StoreRefused for what is no URL. The first connection is made by the first call.
    """

    def __init__(
        self, url: str, *, patience: float = 30.0, values: str | PathLike[str] | None = None
    ) -> None:
        server = Server(url)
        super().__init__(server)
        self._depot = depot_at(values)
        self._writing, self._heart = Line(server, keeps=True), Line(server, keeps=True)
        self._batch = Batch(self._writing, self._depot, patience)
        self._claims = Claims()
        self._name = server.name  # what its commits without an engine take turns by
        self._seen: str | None = None  # of the data, when somebody last waited for a change
        self._is_announced = False
        self._committed_alone = 0  # without an engine
        self._id = ""
        self.doorbell = Doorbell(server, partial(self._notify, self._heart))

    @property
    def depot(self) -> Depot:
        return self._depot

    @property
    def near(self) -> bool:
        return False

    @property
    def shared(self) -> str:
        if not self._id:
            ((self._id,),) = self.look(SQL["store_id"])
        return self._id

    def clock(self) -> float | None:
        with self._heart.held() as connection:
            return float(rows(connection, SQL["clock"])[0][0])

    def migrate(self) -> None:
        with self._writing.held() as connection:
            schema.migrate(connection)
            noted = rows(connection, SQL["noted"], {"name": "fence"})
        if noted and (fence := read_fence(noted[0][0])) is not None:
            raise refusal(fence)

    def close(self) -> None:
        self.server.close()  # first, or whoever comes meanwhile opens a line anew, which nobody closes
        self.doorbell.close()
        for line in (self._writing, self._heart, self._reading):
            line.close()

    # -- writing --------------------------------------------------------------------------------------

    def commit(self, engine: str | None, writes: Sequence[Write]) -> list[Verdict]:
        if not writes:
            return []
        turn = engine or self._name
        with self._noting_doubt(turn), self._writing.held() as connection:
            verdicts, wakes = self._batch.commit(connection, engine, turn, writes)
        if wakes:
            self._ring(self._writing)
        if engine is None and not self._is_announced:
            self._committed_alone += 1
            if self._committed_alone == _MANY_ALONE:
                self.doorbell.prove(partial(self._notify, self._writing))
        return verdicts

    def send(self, engine: str, writes: Sequence[Write], wake: Callable[[], object]) -> Sent | None:
        with self._noting_doubt(engine):
            return self._batch.send(engine, writes, wake, self._noting_doubt)

    @contextmanager
    def _noting_doubt(self, turn: str) -> Generator[None]:
        try:
            yield
        except StoreError as error:
            if error.unknown:
                self._unsettled.add(turn)
            raise

    def _change(self, line: Line, turn: str, *statements: Statement) -> list[list[Row]]:
        """Run them in a transaction of one round trip; the rows of each."""
        opening = self._batch.opening(turn)
        with line.held() as connection:
            return trip(connection, [*opening, *statements, _COMMIT])[len(opening) : -1]

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
        wanted = wanted_by(engine, functions, limit, now, runs, projects, queues, tasks)
        with self._writing.held() as connection:
            found = self._claims.look(connection, wanted)
            if isinstance(found, Claimed):
                return found
            return self._claims.take(connection, wanted, found, self._batch.opening(engine))

    def announce(self, engine: EngineRow) -> None:
        values: dict[str, Any] = {
            "engine": engine.id, "beat": engine.beat, "host": engine.host, "pid": engine.pid,
            "started": float(engine.started), "info": engine.info,
        }  # fmt: skip
        statements: list[Statement] = [(SQL["announce"], values)]
        if engine.functions:
            statements.append(offer(engine.id, engine.functions))
        try:
            self._change(self._writing, engine.id, *statements)
        except psycopg.errors.UniqueViolation as error:
            raise StoreRefused(
                f"engine {engine.id} is announced already", fix="an engine takes a fresh id at each start"
            ) from error
        self._claims.offered(engine.id, engine.functions)
        self._is_announced = True

    def heartbeat(self, engine: str, info: str | None = None) -> bool:
        with self._heart.held() as connection:
            return bool(rows(connection, SQL["heartbeat"], {"engine": engine, "info": info}))

    def ask_engine(self, engine: str, asked: str) -> bool:
        with self._heart.held() as connection:
            return bool(rows(connection, SQL["ask_engine"], {"engine": engine, "asked": asked}))

    def beats(self) -> list[Beat]:
        with self._heart.held() as connection:
            return [Beat(*row) for row in rows(connection, SQL["beats"])]

    def engines(self) -> list[EngineRow]:
        found = self.look(SQL["engines"])
        return [EngineRow(*row, functions=json.loads(offered)) for *row, offered in found]

    def release(self, dead: Mapping[str, int], at: float) -> int:
        # Usually there is nothing to do, or another engine has done it, and a look locks nothing.
        seen = {"engines": list(dead), "beats": list(dead.values())}
        looks: list[Statement] = [(SQL["any_silent"], seen)] if dead else []
        with self._heart.held() as connection:
            if not any(trip(connection, [*looks, (SQL["any_orphan"], {})])):
                return 0
        gone: list[Statement] = [(SQL["lock_engines"], seen), (SQL["condemn"], seen)] if dead else []
        *_, freed = self._change(self._heart, self._name, *gone, (SQL["release_orphans"], {"at": at}))
        # Also when nothing was freed: what was left to the dead one's code is anybody's now.
        self._ring(self._heart)
        return len(freed)

    def retire(self, engine: str) -> int:
        one = {"engine": engine}
        _, freed = self._change(self._writing, engine, (SQL["forget_engine"], one), (SQL["hand_back"], one))
        if freed:
            self._ring(self._writing)
        return len(freed)

    # -- waking and upkeep ------------------------------------------------------------------------------

    def wait(self, timeout: float, changes: bool = False) -> bool:
        if not changes:
            return self._sleep(timeout)
        pause = _PAUSE_MIN
        while not self._has_changed():
            if timeout <= 0 or self.server.is_closed:
                return False
            if self._sleep(min(pause, timeout)):
                return True
            timeout -= pause
            pause = min(pause * 1.5, _PAUSE_MAX)
        return True

    def _sleep(self, seconds: float) -> bool:
        return self.doorbell.wait(seconds) if self._is_announced else self.doorbell.sleep(seconds)

    def _has_changed(self) -> bool:
        before, ((self._seen,),) = self._seen, self.look(SQL["changes"])
        return before != self._seen

    def _ring(self, line: Line) -> None:
        try:
            self._notify(line)
        except StoreError:  # only a hint: others poll, too
            pass

    def _notify(self, line: Line) -> None:
        with line.held() as connection:
            rows(connection, SQL["ring"])

    def expire(self, before: float, limit: int = 1000) -> int:
        values = {"before": float(before), "limit": limit}
        old: Statement = (SQL["forget_lanes"], values)
        _, ((gone,),) = self._change(self._writing, self._name, old, (SQL["expire"], values))
        return gone

    def sweep(self, before: float) -> tuple[int, int]:
        return sweep(self._writing, self._batch.opening(self._name), self._depot, before)

    def forget_measures(self, before: float, limit: int = 1000) -> int:
        values = {"before": float(before), "limit": limit}
        (((gone,),),) = self._change(self._writing, self._name, (SQL["forget_measures"], values))
        return gone

    def audit(self, row: AuditRow) -> int:
        *_, ((n,),) = self._change(self._writing, "audit", *recording([row]))
        return n

    def audit_outcome(self, n: int, outcome: str) -> None:
        self._change(self._writing, self._name, (SQL["audit_outcome"], {"n": n, "outcome": outcome}))

    def checkpoint_due(self) -> bool:
        return False  # the server has its own

    def checkpoint(self) -> None:
        pass
