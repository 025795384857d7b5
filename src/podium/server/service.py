"""What the handlers share: the app that they ask, its feed, and what is known of this server."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import TypeVar

from ..client import App, Feed, Promise
from ..model import RunRow
from .access import Access
from .http import Undecided
from .records import LastHour, Progresses, Records

COMMIT_SECONDS = 30.0  # after which a caller is told that it is not known yet

T = TypeVar("T")


class Service:
    """One app, served. `modules`: that it was told to serve; `broken`: those that cannot be loaded."""

    def __init__(
        self,
        app: App,
        access: Access,
        version: str,
        modules: tuple[str, ...] = (),
        broken: Callable[[], Mapping[str, str]] = dict[str, str],
    ) -> None:
        self.app, self.access, self.version = app, access, version
        self.modules, self.broken = modules, broken
        self.feed, self.ends = Feed(app), Ends(app)
        self.records, self.progresses, self.last_hour = Records(), Progresses(), LastHour()

    def close(self) -> None:
        """End the streams. The app stays open: it is its owner's."""
        self.feed.close()


def committed(answer: Promise[T]) -> T:
    """What a change came to, once it is on disk. Raises Undecided where that takes too long."""
    try:
        return answer.result(COMMIT_SECONDS)
    except TimeoutError:
        if answer.done():  # its own
            raise
        raise Undecided(f"the change was not on disk within {COMMIT_SECONDS:g} s and may yet be") from None


class Ends:
    """Tells of the ends of runs: one watch for each run, however many ask, and ask again."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._lock = threading.Lock()
        self._wakes: dict[tuple[str, float], list[Callable[[], None]]] = {}

    @contextmanager
    def listening(self, row: RunRow, wake: Callable[[], None]) -> Generator[None]:
        """Meanwhile `wake` is called, on some thread, when this run, which is not settled, is."""
        key = (row.id, row.created)
        with self._lock:
            is_new = key not in self._wakes
            self._wakes.setdefault(key, []).append(wake)
        if is_new:
            self._app.wait(*key).add_done_callback(lambda _: self._ended(key))
        try:
            yield
        finally:
            with self._lock:
                if wake in self._wakes.get(key, ()):
                    self._wakes[key].remove(wake)

    def _ended(self, key: tuple[str, float]) -> None:
        with self._lock:
            wakes = self._wakes.pop(key, [])
        for wake in wakes:
            wake()
