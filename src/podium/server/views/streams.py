"""What runs say while they go on: published values, and streams by pages."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from ...inspect import iso
from ...model import StreamChunk
from ..service import Service


class ChunksQuery(msgspec.Struct, frozen=True, kw_only=True):
    """`after`: the `n` of the last chunk that is known."""

    after: Annotated[int, Meta(ge=0, le=2**53)] = 0
    limit: Annotated[int, Meta(ge=1, le=1000)] = 200


class ChunkItem(msgspec.Struct, frozen=True, kw_only=True):
    """A chunk. `step`: that emitted it, "" of the body; `attempt`: which one, 0 of the body."""

    n: int
    at: str | None
    step: str
    attempt: int
    value: msgspec.Raw


class ChunksPage(msgspec.Struct, frozen=True, kw_only=True):
    """Chunks in order. `next`: what the following page comes after; null where there are no more yet."""

    items: list[ChunkItem]
    next: int | None
    version: int = 1


def chunks(service: Service, run: str, name: str, query: ChunksQuery) -> ChunksPage:
    """A stream of a run, by pages; a stream that is not there has no chunks."""
    store, row = service.app.store, service.app.load(run)
    page = store.chunks(row.id, name, query.after, query.limit + 1)
    more, page = len(page) > query.limit, page[: query.limit]
    return ChunksPage(items=[_item(chunk) for chunk in page], next=page[-1].n if more else None)


def _item(chunk: StreamChunk) -> ChunkItem:
    return ChunkItem(
        n=chunk.n,
        at=iso(chunk.at),
        step=chunk.step,
        attempt=chunk.attempt,
        value=msgspec.Raw(chunk.payload or b"null"),
    )
