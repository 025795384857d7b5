"""What was counted of runs, kept while the server runs."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Generator
from contextlib import contextmanager

from ..client import App
from ..inspect import Record, RunProgress, history, record_of
from ..model import RunRow

_KEPT = 2000  # runs
_FOLLOWED = 100  # runs that somebody looks at


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
