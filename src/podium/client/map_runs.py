"""`Runs`: many started calls of one function, in order or as they complete."""

from __future__ import annotations

import asyncio
import contextlib
import queue
from collections.abc import AsyncIterable, AsyncIterator, Callable, Generator, Iterable, Iterator, Sized
from functools import partial
from typing import Any, Generic, Protocol, TypeVar

from ..checks import Tolerance
from ..errors import UsageError
from ..executors import slot_lent
from .run import Run
from .stored_run import StoredRun

R = TypeVar("R")


class Fan(Protocol):
    """Where the results come from: a FanOut of steps inside a workflow, a Batch of runs outside."""

    async def collect(self) -> list[Any]: ...

    def __iter__(self) -> Iterator[Any]: ...

    def __aiter__(self) -> AsyncIterator[Any]: ...

    def completed(self) -> Iterator[Any]: ...

    def acompleted(self) -> AsyncIterator[Any]: ...

    def cancel(self) -> None: ...

    def counts(self) -> tuple[int, int]:
        """How many items were drawn, and how many of these are in flight."""
        ...


class Runs(Generic[R]):
    """Iterate it (`for`, `async for`) in the order of the items, or await it for the list of results.

    A failed item raises its failure where its result would come, and the others are cancelled; with
    `on_error="return"`, and as many times as `tolerate` says, the exception itself comes as the result.
    Outside of workflows also RunCancelled and RunParked.

    Example:

    >>> list(fetch.map(["a.html", "b.html"], limit=20))
    ['page a.html', 'page b.html']
    """

    def __init__(self, fan: Fan, label: str = "") -> None:
        self._fan, self._label = fan, label

    def __iter__(self) -> Iterator[R]:
        return iter(self._fan)

    def __aiter__(self) -> AsyncIterator[R]:
        return self._fan.__aiter__()

    def __await__(self) -> Generator[Any, None, list[R]]:
        return self._fan.collect().__await__()

    def as_completed(self) -> Completed[R]:
        """Results as they complete; inside a workflow in the order on record, the same on every resume.

        Example:

        >>> sorted(fetch.map(["a.html", "b.html"]).as_completed())
        ['page a.html', 'page b.html']
        """
        return Completed(self._fan)

    def cancel(self) -> None:
        """Cancel what is in flight; draw no further items.

        Example:

        >>> pages = fetch.map(["a.html", "b.html"])
        >>> pages.cancel()
        """
        self._fan.cancel()

    def __repr__(self) -> str:
        drawn, in_flight = self._fan.counts()
        return f"<Runs of {self._label}: {drawn} started, {in_flight} of them in flight>"


class Completed(Generic[R]):
    """Iterable in both ways."""

    def __init__(self, fan: Fan) -> None:
        self._fan = fan

    def __iter__(self) -> Iterator[R]:
        return self._fan.completed()

    def __aiter__(self) -> AsyncIterator[R]:
        return self._fan.acompleted()


class Batch:
    """Runs over items outside of workflows: `limit` at once, drawn as earlier ones complete. Who iterates it,
    or awaits it, does so alone; later somebody may go on where that left off."""

    def __init__(
        self,
        start: Callable[[Any], StoredRun],
        items: Iterable[Any] | AsyncIterable[Any],
        limit: int,
        tolerance: Tolerance,
    ) -> None:
        if isinstance(items, AsyncIterable):
            raise UsageError(
                "map over an async iterable works inside workflows", fix="collect the items first"
            )
        self._start = start
        self._tolerance, self._failures = tolerance, 0
        self._number = len(items) if isinstance(items, Sized) else None
        self._items: Iterator[tuple[int, Any]] = enumerate(items)
        self._ended: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._ring: Callable[[], None] = lambda: None  # tells who waits in asyncio
        self._runs: dict[int, Run[Any]] = {}
        self._ready: dict[int, Any] = {}
        self._last_failure: Exception = UsageError("none has failed")
        self._drawn = self._given = 0
        for _ in range(limit):
            self._draw()

    def _draw(self) -> None:
        for position, item in self._items:
            stored = self._start(item)
            self._runs[position] = Run(stored)
            self._drawn += 1
            stored.ended().add_done_callback(partial(self._has_ended, position))
            return

    def _has_ended(self, position: int, _: object) -> None:
        """On some thread."""
        self._ended.put(position)
        self._ring()

    def _next(self) -> int | None:
        """Wait for one more run to end; its position, or None when all have."""
        if not self._runs:
            return None
        with slot_lent(run.id for run in self._runs.values()):
            position = self._ended.get()
        return self._take(position)

    async def _anext(self) -> int | None:
        """The same, while others have their turn. No thread waits: asyncio has few, and cannot stop one."""
        if not self._runs:
            return None
        await self._arrival()
        return await asyncio.to_thread(self._take, self._ended.get_nowait())  # it may start another run

    async def _arrival(self) -> None:
        loop, came = asyncio.get_running_loop(), asyncio.Event()

        def ring() -> None:
            with contextlib.suppress(RuntimeError):  # that loop has closed: nobody waits there
                loop.call_soon_threadsafe(came.set)

        self._ring = ring
        with slot_lent(run.id for run in self._runs.values()):
            while self._ended.empty():
                came.clear()
                await came.wait()

    def _take(self, position: int) -> int:
        """What became of this run; draw the next item."""
        run = self._runs.pop(position)
        try:
            self._ready[position] = run.result()
        except Exception as error:
            self._failures, self._last_failure = self._failures + 1, error
            self._ready[position] = error
        self._draw()
        number = self._drawn if self._number is None and not self._runs else self._number
        if self._failures and self._tolerance.is_exceeded(self._failures, number):
            self.cancel()
            raise self._tolerance.noted(self._last_failure, self._failures, number)
        return position

    def completed(self) -> Iterator[Any]:
        while (position := self._next()) is not None:
            yield self._ready.pop(position)

    async def acompleted(self) -> AsyncIterator[Any]:
        while (position := await self._anext()) is not None:
            yield self._ready.pop(position)

    def __iter__(self) -> Iterator[Any]:
        while (position := self._first()) is not None:
            if position in self._ready:
                yield self._ready.pop(position)
            else:
                self._next()

    async def __aiter__(self) -> AsyncIterator[Any]:
        while (position := self._first()) is not None:
            if position in self._ready:
                yield self._ready.pop(position)
            else:
                await self._anext()

    def _first(self) -> int | None:
        """The first item whose value nobody has had, None after the last: who iterates again goes on."""
        while self._given < self._drawn:
            if self._given in self._ready or self._given in self._runs:
                return self._given
            self._given += 1
        return None

    async def collect(self) -> list[Any]:
        return [value async for value in self]

    def cancel(self) -> None:
        for run in self._runs.values():
            run.cancel()
        self._items = iter(())  # nothing more is drawn

    def counts(self) -> tuple[int, int]:
        return self._drawn, len(self._runs)


__all__ = ["Batch", "Completed", "Fan", "Runs"]
