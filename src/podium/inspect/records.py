"""`Records`: what is read of runs in an open store."""

from __future__ import annotations

from collections.abc import Callable

from ..checks import is_storable
from ..errors import RunNotFound
from ..model import Entry, Query, RunRow
from ..store import Store, shown_url
from . import history


class Records:
    """Reads one store, which may be opened at the first look. Any thread; each call is one look or a few."""

    def __init__(self, store: Callable[[], Store], url: str) -> None:
        self._store, self._url = store, url

    def load(self, run: str) -> RunRow:
        """A run's row. Raises RunNotFound."""
        row = self._store().load(run) if is_storable(run) else None
        if row is None:
            raise RunNotFound(f"no run {run!r} in {shown_url(self._url)}", fix="podium runs  lists them")
        return row

    def find(self, query: Query) -> list[RunRow]:
        """Runs that match, newest first."""
        return self._store().find(query)

    def history(self, run: str) -> list[Entry]:
        """The whole recorded history of a run, in order. Raises RunNotFound."""
        self.load(run)
        return list(history.entries(self._store(), run))
