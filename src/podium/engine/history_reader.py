"""Reads histories for replays: off the driving thread, page by page, fed in slices.

A long history must not hold up the other runs, neither while it is read nor while it is replayed. What comes
in together (a claim brings up to 200 runs) is read together, a page of each at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..errors import InternalError, StoreError
from ..executors.protocol import Reactor
from ..model import WAITS_MAX, Entry, Head, StepProgress, WaitRow
from ..store import Store
from .lane import Lane

PAGE = 1000  # entries read at once
SLICE = 200  # entries fed in one turn of the loop
TOGETHER = 50  # pages in one job of the reader

Said = Callable[[Sequence[StepProgress]], None]  # by attempts at steps that are not over
Waits = Callable[[Sequence[WaitRow]], None]
Feed = Callable[[Sequence[Entry]], bool]  # False: no more is wanted
Done = Callable[[BaseException | None], None]  # the whole history was fed, or could not be read


# With what is kept of progress, and what it waits for, before the first one.
_Page = tuple[list[StepProgress], list[WaitRow], list[Entry]]


class _Reading:
    """One history on its way."""

    __slots__ = ("after", "done", "feed", "head", "said", "waits")

    def __init__(self, head: Head, feed: Feed, done: Done, said: Said | None, waits: Waits | None) -> None:
        self.head, self.feed, self.done, self.said, self.waits = head, feed, done, said, waits
        self.after = head.base  # the last entry read; before it lie other generations


class HistoryReader:
    """Engine thread only; reads on a lane of its own."""

    def __init__(self, store: Store, reactor: Reactor, lane: Lane) -> None:
        self._store, self._reactor, self._lane = store, reactor, lane
        self._line: list[_Reading] = []
        self._is_busy = False

    def read(
        self, head: Head, feed: Feed, done: Done, said: Said | None = None, waits: Waits | None = None
    ) -> None:
        """Feed a run's entries in order, no further than its claim saw: later ones are another owner's.

        `said` is told before that what is kept of its attempts' progress, `waits` what it waits for.
        """
        self._line.append(_Reading(head, feed, done, said, waits))
        self._next()

    def _next(self) -> None:
        if self._is_busy or not self._line:
            return
        self._is_busy = True
        together, self._line = self._line[:TOGETHER], self._line[TOGETHER:]
        self._lane.do(
            lambda: [self._page_or_error(reading) for reading in together],
            lambda pages, error: self._read(together, pages, error),
        )

    def _page_or_error(self, reading: _Reading) -> _Page | Exception:
        """What is wrong with one history concerns that run alone; what is wrong with the store, all."""
        try:
            return self._page(reading)
        except StoreError:
            raise
        except Exception as error:
            return error

    def _page(self, reading: _Reading) -> _Page:
        head, after = reading.head, reading.after
        is_first = after == head.base
        said = self._store.progress(head.id) if reading.said and is_first else []
        waits = self._store.waits(head.id, limit=WAITS_MAX) if reading.waits and is_first else []
        if after >= head.entries:
            return said, waits, []
        page = self._store.history(head.id, after, min(PAGE, head.entries - after))
        if not page:
            raise InternalError(f"run {head.id} has only {after} of {head.entries} entries")
        return said, waits, page

    def _read(
        self,
        together: list[_Reading],
        pages: Sequence[_Page | Exception] | None,
        error: BaseException | None,
    ) -> None:
        self._is_busy = False
        for at, reading in enumerate(together):
            found = error if pages is None else pages[at]
            if found is None or isinstance(found, BaseException):
                self._guarded(reading, reading.done, found)
            else:
                self._guarded(reading, self._take, reading, found)
        self._next()

    def _guarded(self, reading: _Reading, act: Callable[..., None], *args: Any) -> None:
        """What goes wrong with one run is told of that run. Those that were read with it go on: nobody else
        would feed them."""
        try:
            act(*args)
        except Exception as error:
            reading.done(error)

    def _take(self, reading: _Reading, found: _Page) -> None:
        said, waits, page = found
        if reading.said is not None and said:
            reading.said(said)
        if reading.waits is not None and waits:
            reading.waits(waits)
        reading.after = page[-1].seq if page else reading.after
        self._feed(reading, page, 0)

    def _feed(self, reading: _Reading, page: list[Entry], start: int) -> None:
        """Feed a slice; the rest of the page in further turns of the loop, then the next page."""
        end = start + SLICE
        if not reading.feed(page[start:end]):
            return
        if end < len(page):
            self._reactor.call_soon(self._guarded, reading, self._feed, reading, page, end)
        elif reading.after < reading.head.entries:
            self._line.append(reading)
            self._next()
        else:
            reading.done(None)
