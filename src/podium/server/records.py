"""What was counted of runs for grids, kept while the server runs."""

from __future__ import annotations

import threading
from collections import OrderedDict

from ..client import App
from ..inspect import Record, history, record_of
from ..model import RunRow

_KEPT = 2000  # runs


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
