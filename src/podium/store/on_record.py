"""The half of the store seam that changes nothing: what is on record, for whoever looks.

What is said at the head of `protocol` holds here, too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

from ..model import (
    AuditRow,
    CachedResult,
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
    WaitRow,
)


class OnRecord(Protocol):
    """What a store has on record."""

    def history(self, run: str, after: int = 0, limit: int = 1000) -> list[Entry]:
        """Entries with seq > after, in order, at most `limit`. Empty for an unknown run."""
        ...

    def logs(self, run: str, after: int = 0, limit: int = 1000, step: str | None = None) -> list[LogLine]:
        """Lines with n > after, in order, at most `limit`; with `step` those of that step alone ("": the
        body's). Empty for an unknown run."""
        ...

    def progress(self, run: str) -> list[StepProgress]:
        """What attempts at steps that are not over have said of their progress, by step. Empty for an
        unknown run."""
        ...

    def series(self) -> list[SeriesRow]:
        """All series that have points, by name."""
        ...

    def measures(self, query: MeasureQuery) -> list[Measure]:
        """Points of a series, the newest of them, in order of their times. They outlive their run."""
        ...

    def measure_bins(self, query: MeasureQuery, width: float) -> list[MeasureBin]:
        """The points of a series from `query.since` on, which is a time, in stretches of so many seconds;
        those without any are left out, and `query.limit` counts for nothing."""
        ...

    def chunks(self, run: str, name: str, after: int = 0, limit: int = 1000) -> list[StreamChunk]:
        """Chunks of one stream with n > after, in order, at most `limit`. Empty for an unknown one."""
        ...

    def streams(self, run: str) -> dict[str, int]:
        """The streams of a run by name, and the number of the last chunk of each."""
        ...

    def values(self, run: str) -> list[PublishedValue]:
        """What a run has published, by name. Empty for an unknown run."""
        ...

    def losses(self, run: str, limit: int = 100) -> list[Loss]:
        """The owners that a run has lost, the last first. Empty for an unknown run."""
        ...

    def inbox(self, run: str) -> list[Message]:
        """Undelivered messages of one run, oldest first; to look at: only its owner consumes them."""
        ...

    def waits(self, run: str = "", target: str = "", limit: int = 1000) -> list[WaitRow]:
        """What a run waits for, or the rows of all who wait for a target; what is answered already, too. The
        oldest runs first, at most `limit`."""
        ...

    def open_waits(self, run: str = "", kind: str = "", limit: int = 1000) -> list[WaitRow]:
        """The same of what is not answered: of one run or of all; of one kind, QUESTION or all."""
        ...

    def load(self, run: str) -> RunRow | None:
        """One run by its whole id."""
        ...

    def load_many(self, runs: Sequence[str]) -> dict[str, RunRow]:
        """These runs by their whole ids, as they are at one moment; those that are not there are missing."""
        ...

    def statuses(self, runs: Sequence[str]) -> dict[str, RunStatus]:
        """How these runs stand, likewise; cheap, however much they hold."""
        ...

    def entries_at(self, places: Sequence[tuple[str, int]]) -> dict[tuple[str, int], Entry]:
        """The entries at these places (run, seq), as far as they are there."""
        ...

    def cached(self, key: str) -> CachedResult | None:
        """The latest result on record whose `Entry.name` says that it may stand for calls with this key."""
        ...

    def queues(self) -> list[QueueRow]:
        """The queues that code has declared, or somebody has set, by name."""
        ...

    def lanes(self) -> list[LaneDepth]:
        """How much lies in each lane of a queue that is not empty, and until when that is held."""
        ...

    def attached(self, starts: Sequence[str]) -> dict[str, str]:
        """By the id of a start that came to ATTACHED the run that it got, if no other has got that since."""
        ...

    def find(self, query: Query) -> list[RunRow]:
        """Runs that match, newest first (by `created`). Empty when `before` names an unknown run."""
        ...

    def standings(self, wanted: Query | Sequence[str]) -> list[RunStanding]:
        """What `find` finds, or those of these ids that are there; cheap, however much they hold."""
        ...

    def counts(self, since: float) -> dict[State, int]:
        """How many runs stand in each unfinished state, and how many have ended in each final one since."""
        ...

    def tally(self, query: Query) -> dict[tuple[State, str], int]:
        """How many of the runs that match, of `query.limit` of them, stand how, by state and function."""
        ...

    def functions(self, most: int) -> dict[str, int]:
        """The functions that have runs, by name, with how many they have: counted up to `most`."""
        ...

    def horizon(
        self, runs: int, before: str | Place | None = None, until: float = math.inf
    ) -> tuple[str, float] | None:
        """The last of the newest `runs` runs, and when it was created; None: there are not so many. Of those
        that come behind `before` and were created before `until`; with those of the same moment."""
        ...

    def audited(self, before: int | None = None, limit: int = 100, run: str | None = None) -> list[AuditRow]:
        """What was asked for, of one run or of all, the newest first, with numbers below `before`."""
        ...
