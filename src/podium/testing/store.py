"""The real store behind a wrapper that fails, lies, stalls and kills, as the world's weather has it.

Every change is shown to the monitor at the instant at which it becomes durable, before its caller hears.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TypeVar

from ..depot import Depot
from ..errors import StoreUnavailable
from ..model import (
    NO_TASKS,
    AuditRow,
    Beat,
    CachedResult,
    Claimed,
    EngineRow,
    Entry,
    LaneDepth,
    LogLine,
    Loss,
    Measure,
    MeasureBin,
    MeasureQuery,
    Message,
    Place,
    PublishedValue,
    Query,
    QueueRow,
    RunRow,
    RunStanding,
    RunStatus,
    SeriesRow,
    State,
    StepProgress,
    StreamChunk,
    TaskSlots,
    Verdict,
    WaitRow,
    Write,
)
from ..store import Sent, Store
from .caller import Caller, FaultyDepot, begin_call, end_call
from .faults import lose, refuse
from .monitor import Monitor
from .sent import Delivery
from .stage import Stage

T = TypeVar("T")

NOT_NOW = 0.1  # chance that a commit cannot be sent: somebody else has the connection


class FaultyReader:
    """What only looks, and the faults that any call may meet. A dead process's calls unwind it."""

    def __init__(self, inner: Store, process: Caller, stage: Stage, monitor: Monitor) -> None:
        self._inner, self._process = inner, process
        self._stage, self._monitor = stage, monitor
        self._looked = 0.0  # when it last read who is alive
        self._unsure: Sequence[Write] | None = None  # the last commit was applied, its caller does not know

    def _call(self, name: str, act: Callable[[], T], then: Callable[[T], None] | None = None) -> T:
        process, stage = self._process, self._stage
        process.check_alive()
        fault = stage.next_fault(name)
        begin_call(process, stage, fault)
        refuse(fault, name)
        result = act()
        if then is not None:
            then(result)
        end_call(process, fault)
        lose(fault, name)
        return result

    def collect(self, engine: str, seen: Mapping[str, int] | None = None) -> list[Message]:
        self._resolved()
        return self._call("collect", lambda: self._inner.collect(engine, seen))

    def history(self, run: str, after: int = 0, limit: int = 1000) -> list[Entry]:
        return self._call("history", lambda: self._inner.history(run, after, limit))

    def logs(self, run: str, after: int = 0, limit: int = 1000, step: str | None = None) -> list[LogLine]:
        return self._call("logs", lambda: self._inner.logs(run, after, limit, step))

    def progress(self, run: str) -> list[StepProgress]:
        return self._call("progress", lambda: self._inner.progress(run))

    def inbox(self, run: str) -> list[Message]:
        return self._call("inbox", lambda: self._inner.inbox(run))

    def waits(self, run: str = "", target: str = "", limit: int = 1000) -> list[WaitRow]:
        return self._call("waits", lambda: self._inner.waits(run, target, limit))

    def open_waits(self, run: str = "", kind: str = "", limit: int = 1000) -> list[WaitRow]:
        return self._call("open_waits", lambda: self._inner.open_waits(run, kind, limit))

    def load(self, run: str) -> RunRow | None:
        return self._call("load", lambda: self._inner.load(run))

    def load_many(self, runs: Sequence[str]) -> dict[str, RunRow]:
        return self._call("load_many", lambda: self._inner.load_many(runs))

    def statuses(self, runs: Sequence[str]) -> dict[str, RunStatus]:
        return self._call("statuses", lambda: self._inner.statuses(runs))

    def entries_at(self, places: Sequence[tuple[str, int]]) -> dict[tuple[str, int], Entry]:
        return self._call("entries_at", lambda: self._inner.entries_at(places))

    def cached(self, key: str) -> CachedResult | None:
        return self._call("cached", lambda: self._inner.cached(key))

    def attached(self, starts: Sequence[str]) -> dict[str, str]:
        return self._call("attached", lambda: self._inner.attached(starts))

    def ask_engine(self, engine: str, asked: str) -> bool:
        return self._call("ask_engine", lambda: self._inner.ask_engine(engine, asked))

    def beats(self) -> list[Beat]:
        def then(_: list[Beat]) -> None:
            self._looked = self._stage.scheduler.time

        return self._call("beats", self._inner.beats, then)

    def engines(self) -> list[EngineRow]:
        return self._call("engines", self._inner.engines)

    def _resolved(self) -> None:
        """The committer went on without sending again: it has found out that the commit happened."""
        if self._unsure is not None:
            self._unsure = None
            self._stage.mark("ambiguous commit resolved")


class FaultyFinder(FaultyReader):
    """What finds runs and counts them, from near or far."""

    @property
    def near(self) -> bool:
        return self._inner.near and not self._stage.is_far

    def audited(self, before: int | None = None, limit: int = 100, run: str | None = None) -> list[AuditRow]:
        return self._call("audited", lambda: self._inner.audited(before, limit, run))

    def counts(self, since: float) -> dict[State, int]:
        return self._call("counts", lambda: self._inner.counts(since))

    def find(self, query: Query) -> list[RunRow]:
        return self._call("find", lambda: self._inner.find(query))

    def standings(self, wanted: Query | Sequence[str]) -> list[RunStanding]:
        return self._call("standings", lambda: self._inner.standings(wanted))

    def tally(self, query: Query) -> dict[tuple[State, str], int]:
        return self._call("tally", lambda: self._inner.tally(query))

    def functions(self, most: int) -> dict[str, int]:
        return self._call("functions", lambda: self._inner.functions(most))

    def horizon(
        self, runs: int, before: str | Place | None = None, until: float = math.inf
    ) -> tuple[str, float] | None:
        return self._call("horizon", lambda: self._inner.horizon(runs, before, until))


class FaultySeries(FaultyFinder):
    """What looks at series, and at queues."""

    def queues(self) -> list[QueueRow]:
        return self._call("queues", self._inner.queues)

    def lanes(self) -> list[LaneDepth]:
        return self._call("lanes", self._inner.lanes)

    def series(self) -> list[SeriesRow]:
        return self._call("series", self._inner.series)

    def measures(self, query: MeasureQuery) -> list[Measure]:
        return self._call("measures", lambda: self._inner.measures(query))

    def measure_bins(self, query: MeasureQuery, width: float) -> list[MeasureBin]:
        return self._call("measure_bins", lambda: self._inner.measure_bins(query, width))


class FaultyStreams(FaultySeries):
    """What looks at streams."""

    def chunks(self, run: str, name: str, after: int = 0, limit: int = 1000) -> list[StreamChunk]:
        return self._call("chunks", lambda: self._inner.chunks(run, name, after, limit))

    def streams(self, run: str) -> dict[str, int]:
        return self._call("streams", lambda: self._inner.streams(run))

    def losses(self, run: str, limit: int = 100) -> list[Loss]:
        return self._call("losses", lambda: self._inner.losses(run, limit))

    def values(self, run: str) -> list[PublishedValue]:
        return self._call("values", lambda: self._inner.values(run))


class FaultyStore(FaultyStreams):
    """One process's handle."""

    @property
    def depot(self) -> Depot:
        return FaultyDepot(self._inner, self._process, self._stage)

    def clock(self) -> float | None:
        return self._inner.clock()

    @property
    def shared(self) -> str:
        return self._inner.shared

    def commit(self, engine: str | None, writes: Sequence[Write]) -> list[Verdict]:
        resent = self._unsure is writes
        if not resent:
            self._resolved()
        self._unsure = None
        applied: list[bool] = []

        def then(verdicts: list[Verdict]) -> None:
            applied.append(True)
            self._monitor.committed(self._process, engine, writes, verdicts)

        try:
            verdicts = self._call("commit", lambda: self._inner.commit(engine, writes), then)
        except StoreUnavailable:
            if applied or resent:
                self._unsure = writes
            raise
        return verdicts

    def send(self, engine: str, writes: Sequence[Write], wake: Callable[[], object]) -> Sent | None:
        process, stage = self._process, self._stage
        if not stage.is_far or stage.chance.random() < NOT_NOW:
            return None
        self._resolved()
        process.check_alive()
        fault = stage.next_fault("send")
        begin_call(process, stage, fault)

        def act() -> list[Verdict]:
            verdicts = self._inner.commit(engine, writes)
            if not process.alive:
                stage.mark("made after its sender's death")
            self._monitor.committed(process, engine, writes, verdicts)
            return verdicts

        def unsure() -> None:
            self._unsure = writes

        sent = Delivery(stage, fault, act, process.readable, wake, unsure)
        end_call(process, fault)
        return sent

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
        self._resolved()
        return self._call(
            "claim",
            lambda: self._inner.claim(engine, functions, limit, now, runs, projects, queues, tasks),
            self._monitor.claimed,
        )

    def announce(self, engine: EngineRow) -> None:
        def then(_: None) -> None:
            self._monitor.announced(engine.id)

        self._call("announce", lambda: self._inner.announce(engine), then)

    def heartbeat(self, engine: str, info: str | None = None) -> bool:
        def then(alive: bool) -> None:
            self._monitor.beaten(engine, alive)

        return self._call("heartbeat", lambda: self._inner.heartbeat(engine, info), then)

    def release(self, dead: Mapping[str, int], at: float) -> int:
        def then(freed: int) -> None:
            self._monitor.released(dead, freed, self._looked)

        return self._call("release", lambda: self._inner.release(dead, at), then)

    def retire(self, engine: str) -> int:
        return self._call("retire", lambda: self._inner.retire(engine), self._monitor.retired)

    def audit(self, row: AuditRow) -> int:
        return self._call("audit", lambda: self._inner.audit(row))

    def audit_outcome(self, n: int, outcome: str) -> None:
        self._call("audit_outcome", lambda: self._inner.audit_outcome(n, outcome))

    def expire(self, before: float, limit: int = 1000) -> int:
        return self._call("expire", lambda: self._inner.expire(before, limit))

    def forget_measures(self, before: float, limit: int = 1000) -> int:
        return self._call("forget_measures", lambda: self._inner.forget_measures(before, limit))

    def sweep(self, before: float) -> tuple[int, int]:
        return self._call("sweep", lambda: self._inner.sweep(before))

    def wait(self, timeout: float, changes: bool = False) -> bool:
        raise AssertionError("an engine waits in its reactor, not in the store")

    def checkpoint_due(self) -> bool:
        return False  # a memory database has nothing to copy

    def checkpoint(self) -> None:
        self._inner.checkpoint()

    def migrate(self) -> None:
        self._inner.migrate()

    def close(self) -> None:
        self._inner.close()
