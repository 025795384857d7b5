"""`StoreReader`: a store opened to be looked at, without anything that could drive a run."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path

from ..env import Env
from ..model import EngineRow, Query, RunRow
from ..opening import is_alive, locks_directory, opened_store, patiently, settled_url
from ..options import Options
from .records import Records


class StoreReader:
    """An open `StoreView`, with the runs in it. Any thread.

    `tell` is called with what a person should know: for whom opening waits. Opening waits `patience` seconds
    at most for a store that is busy, and raises StoreRefused or StoreUnavailable.
    """

    def __init__(self, url: str, env: Env, tell: Callable[[str], None], patience: float) -> None:
        self.url, self.env = settled_url(url), env
        self.options = Options()
        self.store = patiently(lambda: opened_store(self.url, env), env, tell, patience)
        self._records = Records(lambda: self.store, self.url)

    def load(self, run: str) -> RunRow:
        """A run's row. Raises RunNotFound."""
        return self._records.load(run)

    def find(self, query: Query) -> list[RunRow]:
        """Runs that match, newest first."""
        return self._records.find(query)

    def is_alive(self, engine: EngineRow) -> bool | None:
        """Whether an engine's process lives; None where only its lease can tell (another host)."""
        return is_alive(self._locks, engine)

    @cached_property
    def _locks(self) -> Path | None:
        return locks_directory(self.url, self.store)

    def close(self) -> None:
        """Close the store."""
        self.store.close()
