"""Reading what a run says while it goes on: its published values, and its streams chunk by chunk."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any

import msgspec

from .. import codec
from ..errors import RunNotFound, UsageError
from ..store import Store
from .app import App

LOG = "log"  # the stream of what a run prints and logs
PAGE = 1000  # chunks read at once
PAUSE_MIN, PAUSE_MAX = 0.004, 0.025  # s between two looks at a stream that has nothing new

Read = Callable[[int], Sequence["Chunk"]]  # what comes after this number
IsOver = Callable[[], bool]
Decode = Callable[[bytes], Any]  # what a chunk was recorded as


class Chunk(msgspec.Struct, frozen=True):
    """One chunk of a stream.

    n        its number in the stream, counting from 1
    step     identity of the step that emitted it; "" of the workflow's body
    attempt  which attempt at that step, counting from 1; 0 of the body
    value    what was emitted; of the stream `log` the text of a line

    Example:

    >>> next(iter(counts.start(3).stream("numbers")))
    Chunk(n=1, step='/counting', attempt=1, value=0)
    """

    n: int
    step: str
    attempt: int
    value: Any


class Stream:
    """The chunks of one stream of a run, as they come; it ends when the run has ended, or is parked.

    `for chunk in stream`, `async for chunk in stream`. To go on later, ask for what comes after the last one:
    `run.stream(name, after=chunk.n)`. Raises StoreUnavailable, and RunNotFound where the run is gone.

    Example:

    >>> run = counts.start(3)
    >>> [chunk.value for chunk in run.stream("numbers")]
    [0, 1, 2]
    """

    def __init__(self, read: Read, is_over: IsOver, after: int) -> None:
        self._read, self._is_over, self._after = read, is_over, after

    def __iter__(self) -> Iterator[Chunk]:
        look, pause, nap = _Look(self._read, self._is_over, self._after), PAUSE_MIN, threading.Event()
        while (chunks := look.next()) is not None:
            yield from chunks
            pause = PAUSE_MIN if chunks else min(pause * 1.5, PAUSE_MAX)
            if not chunks:
                nap.wait(pause)

    async def __aiter__(self) -> AsyncIterator[Chunk]:
        look, pause = _Look(self._read, self._is_over, self._after), PAUSE_MIN
        while (chunks := await asyncio.to_thread(look.next)) is not None:
            for chunk in chunks:
                yield chunk
            pause = PAUSE_MIN if chunks else min(pause * 1.5, PAUSE_MAX)
            if not chunks:
                await asyncio.sleep(pause)


class _Look:
    """Reads on from where it stopped."""

    def __init__(self, read: Read, is_over: IsOver, after: int) -> None:
        self._read, self._is_over, self._after = read, is_over, after

    def next(self) -> Sequence[Chunk] | None:
        """What there is by now; None: nothing more will come."""
        chunks = self._read(self._after)
        if not chunks and self._is_over():
            chunks = self._read(self._after)  # what came between the two looks
            if not chunks:
                return None
        if chunks:
            self._after = chunks[-1].n
        return chunks


def stream_of(app: App, run: str, name: str, after: int, decode: Decode = codec.decode) -> Stream:
    """A stream of a run on record. Raises UsageError for a place that is none."""
    if not isinstance(after, int) or after < 0:  # pyright: ignore[reportUnnecessaryIsInstance]  # as given
        raise UsageError(f"stream(after={after!r}): the number of the last known chunk is needed, or 0")
    store = app.store

    def read(after: int) -> list[Chunk]:
        return read_chunks(store, run, name, after, decode)

    return Stream(read, lambda: _is_over(store, run), after)


def read_chunks(store: Store, run: str, name: str, after: int, decode: Decode = codec.decode) -> list[Chunk]:
    """A page of chunks of a stream after this number, as far as they are there."""
    if name == LOG:
        return [Chunk(line.n, line.step, line.attempt, line.text) for line in store.logs(run, after, PAGE)]
    return [
        Chunk(chunk.n, chunk.step, chunk.attempt, decode(chunk.payload))
        for chunk in store.chunks(run, name, after, PAGE)
    ]


def _is_over(store: Store, run: str) -> bool:
    row = store.statuses([run]).get(run)
    if row is None:
        raise RunNotFound(f"run {run} is gone", fix="podium runs  lists what there is")
    return row.state.is_settled


def value_of(app: App, run: str, name: str) -> Any:
    """What a run has published under this name; None where it has not."""
    value = next((value for value in app.store.values(run) if value.name == name), None)
    return None if value is None else codec.decode(value.payload)
