"""What was counted of runs, kept while the server runs."""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from collections.abc import Generator
from contextlib import contextmanager

import msgspec

from ..client import App
from ..inspect import Record, RunProgress, history, record_of
from ..model import Query, RunRow, State

_KEPT = 2000  # runs
_FOLLOWED = 100  # runs that somebody looks at
_MINUTE, _MINUTES = 60, 60
_ENDED_MAX = 10_000  # runs of a minute that are counted


class Records:
    """The counts of runs, by how far their record was: they are read once for each such state."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[tuple[str, float, int, str], Record] = OrderedDict()

    def of(self, app: App, row: RunRow) -> Record:
        """The record of a run."""
        key = (row.id, row.created, row.entries, str(row.state))
        with self._lock:
            found = self._known.get(key)
        if found is None:
            found = record_of(history.entries(app.store, row.id), row.state)
            with self._lock:
                self._known[key] = found
                while len(self._known) > _KEPT:
                    self._known.popitem(last=False)
        return found

    def has(self, row: RunRow) -> bool:
        """Whether nothing has to be read."""
        with self._lock:
            return (row.id, row.created, row.entries, str(row.state)) in self._known


class Progresses:
    """How far runs are that somebody looks at: each is counted on from where the last look has ended, so that
    a long run is not counted whole at each look."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[tuple[str, float, int], tuple[threading.Lock, RunProgress]] = OrderedDict()

    @contextmanager
    def of(self, app: App, row: RunRow) -> Generator[RunProgress]:
        """The progress of a run; nobody else counts it meanwhile."""
        key = (row.id, row.created, row.generation)
        with self._lock:
            lock, progress = self._known.setdefault(key, (threading.Lock(), RunProgress()))
            self._known.move_to_end(key)
            while len(self._known) > _FOLLOWED:
                self._known.popitem(last=False)
        with lock:
            for entry in history.entries(app.store, row.id, progress.seq):
                progress.add(entry)
            yield progress


class Minute(msgspec.Struct, frozen=True):
    """How many runs ended in it, by how they came out: at most 10,000 are counted. `at`: since 1970."""

    at: int
    succeeded: int
    failed: int
    cancelled: int


class LastHour:
    """How runs of the last hour came out, minute by minute, by the index of their ends. A minute is counted
    anew until the one after it is over, too: what ended in it may be committed late."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[int, Minute] = {}

    def minutes(self, app: App) -> list[Minute]:
        """The hour, oldest first; the last one goes on."""
        last = int(app.env.now()) // _MINUTE
        hour = range(last - _MINUTES + 1, last + 1)
        with self._lock:
            known = dict(self._known)
        found = {n: known.get(n) or self._counted(app, n * _MINUTE) for n in hour}
        with self._lock:
            self._known = {n: minute for n, minute in found.items() if n < last - 1}
        return list(found.values())

    def _counted(self, app: App, at: int) -> Minute:
        counts = Counter[State]()
        query = Query(ended=(float(at), float(at + _MINUTE)), limit=_ENDED_MAX)
        for (state, _), count in app.store.tally(query).items():
            counts[state] += count
        return Minute(at, counts[State.SUCCEEDED], counts[State.FAILED], counts[State.CANCELLED])
