"""Moving a store to another place: everything in it, once, so that exactly one of the two is in use.

A fence stands in the store's own tables (triggers that refuse every change), so that it holds against every
process, whatever it has open. The order is what makes it safe to be killed anywhere in between:

1. the source is fenced: *leaving*
2. in one transaction the target takes all rows, checked against what was read, and is fenced: *arriving*
3. the source has *left*, for good
4. the fence of the target is taken down

What was begun is gone on with by the same command. A target that is only arriving is written anew.
"""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Literal, NamedTuple, Protocol

import msgspec

from ..depot import Depot
from ..errors import StoreRefused

# What moves, in this order, and the columns that tell one row from another. `history` includes what a backend
# keeps of it elsewhere.
TABLES: Mapping[str, tuple[str, ...]] = {
    "runs": ("key",),
    "run_tags": ("tag", "run"),
    "history": ("run", "seq"),
    "inbox": ("run", "n"),
    "waits": ("run", "step"),
    "logs": ("run", "n"),
    "progress": ("run", "step"),
    "streams": ("run", "name", "n"),
    "published": ("run", "name"),
    "losses": ("run", "token"),
    "value_names": ("run", "generation", "name"),
    "measures": ("series", "at", "run", "step", "attempt", "ordinal", "generation"),
    "audit": ("n",),
    "queues": ("name",),
    "lanes": ("queue", "key"),
}
# What is of the place, or of the processes that use it; blobs come with the rows that name them.
STAYING = ("meta", "engines", "offers", "blobs", "recent_history", "sqlite_sequence")
PAYLOADS = {"runs": ("args", "payload"), "history": ("payload",), "inbox": ("payload",)}
PAGE = 200  # rows that are read, and written, at once

Row = tuple[Any, ...]
Phase = Literal["leaving", "left", "arriving"]


class MoveFence(msgspec.Struct, frozen=True):
    """Why a store takes no changes: its rows are on their way, or have gone."""

    move: str  # id of the move
    phase: Phase
    url: str  # of the other store, as people may see it
    store: str  # the other store's id
    at: float

    def written(self) -> str:
        return msgspec.json.encode(self).decode()


class Summary(NamedTuple):
    """What is in a table: how many rows, and a digest of them in their order."""

    rows: int
    digest: str


class Side(Protocol):
    """One of the two stores. Its schema is that of this code once it is open."""

    depot: Depot

    def noted(self, name: str) -> str | None:
        """What the store says of itself by that name."""
        ...

    @property
    def id(self) -> str:
        """The store's own, which no other has."""
        return self.noted("store") or ""

    def fence(self) -> MoveFence | None:
        """What stands around it, of a store that has moved or is about to."""
        return read_fence(self.noted("fence"))

    def came_by(self) -> str:
        """The id of the move by which the rows came here; "" where they did not."""
        return self.noted("came_by") or ""

    def is_empty(self) -> bool:
        """Whether nothing is in it that moves."""
        ...

    def counts(self) -> dict[str, int]:
        """How many rows each table has that moves."""
        ...

    def close_off(self, fence: MoveFence) -> bool:
        """Fence it, after whoever is writing at this moment. False, and nothing has happened: an engine is
        announced."""
        ...

    def replace_fence(self, fence: MoveFence) -> None:
        """Of a store that is fenced."""
        ...

    def open_up(self) -> None:
        """Take the fence down."""
        ...

    def columns(self, table: str) -> tuple[str, ...]: ...

    def page(self, table: str, columns: Sequence[str], after: Row | None) -> list[Row]:
        """The next rows by their key, after the one with the key `after`. The same in every backend: whole
        payloads as bytes, text as str."""
        ...

    def receiving(self, fence: MoveFence) -> AbstractContextManager[None]:
        """A transaction in which it is emptied, then takes rows by `add`, and at the end is fenced. Nobody
        else writes meanwhile."""
        ...

    def add(self, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None: ...

    def value_names(self) -> list[str]:
        """The values of the depot that its rows name."""
        ...

    def close(self) -> None: ...


def refusal(fence: MoveFence) -> StoreRefused:
    """What whoever opens or changes a fenced store is told."""
    at = datetime.datetime.fromtimestamp(fence.at, datetime.UTC)
    if fence.phase == "left":
        return StoreRefused(
            f"this store was moved to {fence.url} on {at:%Y-%m-%d}; all its runs are there",
            fix=f"PODIUM_URL={fence.url}, or --store",
        )
    if fence.phase == "leaving":
        return StoreRefused(
            f"this store is being moved to {fence.url} since {at:%Y-%m-%d %H:%M} UTC",
            fix=f"podium move THIS {fence.url}  goes on with it; podium move THIS --give-up  ends it",
        )
    return StoreRefused(
        f"this store is receiving the runs of {fence.url} since {at:%Y-%m-%d %H:%M} UTC",
        fix=f"podium move {fence.url} THIS  goes on with it",
    )


def read_fence(text: str | None) -> MoveFence | None:
    """As it stands in a store."""
    return msgspec.json.decode(text, type=MoveFence) if text else None


def copy_rows(
    source: Side, target: Side, translated: Callable[[str, Sequence[str], Row], Row]
) -> dict[str, Summary]:
    """Have all rows of the source in the target, which is receiving. `translated` makes a row of the target
    of one of the source, by table and columns.

    Raises StoreRefused where the target does not give back what it was given.
    """
    found: dict[str, Summary] = {}
    for table, key in TABLES.items():
        columns = source.columns(table)
        if set(columns) != set(target.columns(table)):
            raise AssertionError(f"the two stores have other columns in {table}")

        def given(table: str = table, columns: tuple[str, ...] = columns) -> Iterator[Row]:
            for rows in _pages(source, table, columns, TABLES[table]):
                changed = [translated(table, columns, row) for row in rows]
                target.add(table, columns, changed)
                yield from changed

        found[table] = summary = _summary(given())
        there = _summary(row for rows in _pages(target, table, columns, key) for row in rows)
        if there != summary:
            raise StoreRefused(
                f"the copy of {table} is not what was read: {there.rows:,} rows of {summary.rows:,}",
                fix="nothing was moved; please report it",
            )
    return found


def _pages(side: Side, table: str, columns: Sequence[str], key: Sequence[str]) -> Iterator[list[Row]]:
    places = [columns.index(name) for name in key]
    after: Row | None = None
    while rows := side.page(table, columns, after):
        yield rows
        if len(rows) < PAGE:
            return
        after = tuple(rows[-1][place] for place in places)


def _summary(rows: Iterable[Row]) -> Summary:
    digest, count = hashlib.sha256(), 0
    for row in rows:
        digest.update(msgspec.msgpack.encode(row))
        count += 1
    return Summary(count, digest.hexdigest())
