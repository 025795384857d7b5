"""`StoreView`: an open store and what is needed to judge its rows. `App` is one; so is anything like it."""

from __future__ import annotations

from typing import Protocol

from ..env import Env
from ..model import EngineRow, Query, RunRow
from ..options import Options
from ..store import Store


class StoreView(Protocol):
    """What looking takes: rows, a clock, and whether the engines behind the rows live."""

    @property
    def store(self) -> Store: ...

    @property
    def url(self) -> str: ...

    @property
    def env(self) -> Env: ...

    @property
    def options(self) -> Options: ...

    def is_alive(self, engine: EngineRow) -> bool | None:
        """Whether an engine's process lives; None where only its lease can tell (another host)."""
        ...


class RecordView(StoreView, Protocol):
    """The same, asked for runs."""

    def load(self, run: str) -> RunRow:
        """A run's row. Raises RunNotFound."""
        ...

    def find(self, query: Query) -> list[RunRow]:
        """Runs that match, newest first."""
        ...
