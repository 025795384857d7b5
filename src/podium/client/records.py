"""`Records`: what an app reads of runs."""

from __future__ import annotations

from ..errors import RunNotFound
from ..inspect import history
from ..model import Entry, Query, RunRow
from ..store import shown_url
from .session import Session


class Records:
    """Reads the store of one app. Any thread; each call is one look or a few."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def load(self, run: str) -> RunRow:
        """A run's row. Raises RunNotFound."""
        row = self._session.store.load(run)
        if row is None:
            where = shown_url(self._session.profile.url)
            raise RunNotFound(f"no run {run!r} in {where}", fix="podium runs  lists them")
        return row

    def find(self, query: Query) -> list[RunRow]:
        """Runs that match, newest first."""
        return self._session.store.find(query)

    def history(self, run: str) -> list[Entry]:
        """The whole recorded history of a run, in order. Raises RunNotFound."""
        self.load(run)
        return list(history.entries(self._session.store, run))
