"""Runs and their steps: what a query finds, by workflow, with what each run did of each function."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from ...inspect import Grid, Record, parse
from ...inspect.grid import ENTRIES_MAX, grid
from ...inspect.search import search
from ...model import RunRow
from ..service import Service

_LOOKED_AT = 200  # runs of the query, the newest, of which a grid is made
_WORKFLOWS = 6


class GridQuery(msgspec.Struct, frozen=True, kw_only=True):
    """`q` is what `podium runs` takes; `runs`: so many of each workflow, at most."""

    q: str = ""
    runs: Annotated[int, Meta(ge=1, le=60)] = 30


class GridPage(msgspec.Struct, frozen=True, kw_only=True):
    """A grid for each workflow that has steps, the one that has run last first; of the newest 200 runs that
    match."""

    items: list[Grid]
    next: None = None
    version: int = 1


def grids(service: Service, query: GridQuery) -> GridPage:
    """The newest runs that match, by workflow, each with its steps by function."""
    app, records = service.app, service.records
    workflows: dict[str, list[RunRow]] = {}
    for row in search(app, parse([query.q], app.env.now()), _LOOKED_AT).rows:
        workflows.setdefault(row.function, []).append(row)
    left = ENTRIES_MAX

    def record(row: RunRow) -> Record | None:
        nonlocal left
        if not records.has(row):
            if row.entries > left:
                return None
            left -= row.entries
        return records.of(app, row)

    chosen = list(workflows.values())[:_WORKFLOWS]
    drawn = [grid(rows[: query.runs], record) for rows in chosen]
    return GridPage(items=[one for one in drawn if one.rows])
