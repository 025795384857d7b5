"""What runs say while they go on: published values, and streams by pages."""

from __future__ import annotations

import asyncio
from typing import Annotated

import msgspec
from msgspec import Meta

from ...client import LOG, PAUSE_MAX
from ...env import RealEnv
from ...inspect import iso
from ..service import Service


class ChunksQuery(msgspec.Struct, frozen=True, kw_only=True):
    """`after`: the `n` of the last chunk that is known. `seconds`: how long to wait where there is none."""

    after: Annotated[int, Meta(ge=0, le=2**53)] = 0
    limit: Annotated[int, Meta(ge=1, le=1000)] = 200
    seconds: Annotated[float, Meta(ge=0, le=60)] = 0.0


class ChunkItem(msgspec.Struct, frozen=True, kw_only=True):
    """A chunk. `step`: that emitted it, "" of the body; `attempt`: which one, 0 of the body."""

    n: int
    at: str | None
    step: str
    attempt: int
    value: msgspec.Raw


class ChunksPage(msgspec.Struct, frozen=True, kw_only=True):
    """Chunks in order. `next`: what the following page comes after; null where there are no more yet.
    `over`: none will come, the run has ended or is parked."""

    items: list[ChunkItem]
    next: int | None
    over: bool
    version: int = 1


async def chunks(service: Service, run: str, name: str, query: ChunksQuery) -> ChunksPage:
    """A stream of a run, by pages; a stream that is not there has no chunks. `log` is what it prints."""
    clock = RealEnv().monotonic
    until = clock() + query.seconds
    while True:
        page = await asyncio.to_thread(_page, service, run, name, query)
        if page.items or page.over or clock() >= until or service.feed.is_closed:
            return page
        await asyncio.sleep(PAUSE_MAX)


def _page(service: Service, run: str, name: str, query: ChunksQuery) -> ChunksPage:
    row = service.app.load(run)  # before the chunks: of a run that has ended they are all there
    found = _items(service, row.id, name, query.after, query.limit + 1)
    more, items = len(found) > query.limit, found[: query.limit]
    return ChunksPage(items=items, next=items[-1].n if more else None, over=row.state.is_settled and not more)


def _items(service: Service, run: str, name: str, after: int, limit: int) -> list[ChunkItem]:
    store = service.app.store
    if name == LOG:
        return [
            ChunkItem(
                n=line.n, at=iso(line.at), step=line.step, attempt=line.attempt,
                value=msgspec.Raw(msgspec.json.encode(line.text)),
            )
            for line in store.logs(run, after, limit)
        ]  # fmt: skip
    return [
        ChunkItem(
            n=chunk.n, at=iso(chunk.at), step=chunk.step, attempt=chunk.attempt,
            value=msgspec.Raw(chunk.payload or b"null"),
        )
        for chunk in store.chunks(run, name, after, limit)
    ]  # fmt: skip
