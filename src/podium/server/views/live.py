"""What is told as it happens: the stream of events, and waiting for the end of a run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from ...inspect import FailureShape, recorded_failure
from ...model import RunRow, State
from ..http import Refused, Request, Streamed
from ..service import Service

QUIET_SECONDS = 15.0  # then a sign of life, so that a connection that is gone is noticed
RETRY_MS = 2000
BEGIN_SECONDS = 5.0  # for the feed to look at the store first
TOPICS = frozenset({"run", "step", "engine", "metrics"})


class EventsQuery(msgspec.Struct, frozen=True, kw_only=True):
    """`topics`: of run, step, engine, metrics, with commas between; all without. `after`: the id of the last
    event that is known, as the header Last-Event-ID says it."""

    topics: str = ""
    after: str = ""


class WaitQuery(msgspec.Struct, frozen=True, kw_only=True):
    """`timeout`: seconds."""

    timeout: Annotated[float, Meta(ge=0, le=60)] = 30.0


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """How a run came out. Not `done`: it goes on; ask again. A parked run is done: it needs a person."""

    id: str
    state: str
    done: bool
    result: msgspec.Raw | UnsetType = UNSET
    error: FailureShape | UnsetType = UNSET
    version: int = 1


async def events(service: Service, request: Request, query: EventsQuery) -> Streamed:
    """What changes, as server-sent events, until the client leaves. `reset`: something was missed."""
    place = request.headers.get("last-event-id") or query.after
    topics = frozenset(query.topics.split(",")) if query.topics else None
    if topics and (unknown := topics - TOPICS):
        raise Refused(
            400, "E100", f"there is no topic {min(unknown)}", f"topics: {', '.join(sorted(TOPICS))}"
        )
    return Streamed(_events(service, place, topics), "text/event-stream")


async def _events(service: Service, place: str, topics: frozenset[str] | None) -> AsyncIterator[bytes]:
    feed, news, loop = service.feed, asyncio.Event(), asyncio.get_running_loop()

    def wake() -> None:
        loop.call_soon_threadsafe(news.set)

    with feed.listening(wake):
        await asyncio.to_thread(feed.has_begun, BEGIN_SECONDS)
        place = place or feed.place()
        yield f"retry: {RETRY_MS}\nid: {feed.place()}\nevent: hello\ndata: {{}}\n\n".encode()
        while not feed.is_closed:
            news.clear()
            missed = feed.after(place)
            place, epoch = missed.place, missed.place.rpartition(".")[0]
            if missed.reset:
                yield f"id: {place}\nevent: reset\ndata: {{}}\n\n".encode()
            lines = [
                b"id: %s.%d\nevent: %s\ndata: %s\n\n" % (epoch.encode(), e.n, e.topic.encode(), e.data)
                for e in missed.events
                if topics is None or e.topic in topics
            ]
            if lines:
                yield b"".join(lines)
            try:
                async with asyncio.timeout(QUIET_SECONDS):
                    await news.wait()
            except TimeoutError:
                yield b": still here\n\n"


async def wait(service: Service, run: str, query: WaitQuery) -> Ended:
    """How a run comes out, within the timeout; if not by then, how it stands."""
    row = await asyncio.to_thread(service.app.load, run)
    if not row.state.is_settled:
        await _settled(service, row, query.timeout)
        row = await asyncio.to_thread(service.app.load, run)
    return Ended(
        id=row.id,
        state=str(row.state),
        done=row.state.is_settled,
        result=msgspec.Raw(row.payload or b"null") if row.state is State.SUCCEEDED else UNSET,
        error=recorded_failure(row.payload) if row.state is State.FAILED else UNSET,
    )


async def _settled(service: Service, row: RunRow, timeout: float) -> None:
    """Returns when the run is settled, or after so many seconds."""
    settled, loop = asyncio.Event(), asyncio.get_running_loop()

    def wake() -> None:
        loop.call_soon_threadsafe(settled.set)

    listening = service.ends.listening(row, wake)
    await asyncio.to_thread(listening.__enter__)  # it may look at the store
    try:
        async with asyncio.timeout(timeout):
            await settled.wait()
    except TimeoutError:
        pass
    finally:
        listening.__exit__(None, None, None)
