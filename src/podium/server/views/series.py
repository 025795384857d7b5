"""What bodies and tasks have measured."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from ...client import tag_texts
from ...errors import RunNotFound, UsageError
from ...inspect import DATES, BinShape, SeriesShape, bin_shape, read_moment, series_shapes, series_view
from ...model import MeasureQuery
from ..service import Service


class SeriesPage(msgspec.Struct, frozen=True, kw_only=True):
    """All series, by name."""

    items: list[SeriesShape]
    next: None = None
    version: int = 1


class SeriesQuery(msgspec.Struct, frozen=True, kw_only=True):
    """`since`, `until`: 2026-11-20, 2026-11-20T14:00+01:00, today; `tag`: key=text; `bins`: their number."""

    since: str | None = None
    until: str | None = None
    tag: str | None = None
    bins: Annotated[int, Meta(ge=1, le=2000)] = 200


class SeriesItem(msgspec.Struct, frozen=True, kw_only=True):
    """One series in stretches of `width` seconds, those without points left out; what its last point says."""

    name: str
    begin: float
    width: float
    count: int
    bins: list[BinShape]
    last: float | None
    last_run: str
    version: int = 1


def listed(service: Service) -> SeriesPage:
    """What has been measured."""
    return SeriesPage(items=series_shapes(service.app))


def one(service: Service, name: str, query: SeriesQuery) -> SeriesItem:
    """A series over time."""
    key, equals, value = (query.tag or "").partition("=")
    if query.tag and not (key and equals):
        raise UsageError(f"tag={query.tag!r}: key=text is needed")
    asked = MeasureQuery(
        series=name,
        tags=tag_texts({key: value} if key else {}),
        since=float("-inf") if query.since is None else _moment(service, query.since),
        until=float("inf") if query.until is None else _moment(service, query.until),
    )
    view = series_view(service.app, asked, query.bins)
    if view is None:
        raise RunNotFound(f"no series is named {name!r}", fix="GET /api/series  lists them")
    return SeriesItem(
        name=name,
        begin=view.begin,
        width=view.width,
        count=view.count,
        bins=list(map(bin_shape, view.bins)),
        last=view.last.value if view.last else None,
        last_run=view.last.run if view.last else "",
    )


def _moment(service: Service, text: str) -> float:
    at = read_moment(text, service.app.env.now())
    if at is None:
        raise UsageError(f"{text!r} is no time", fix=DATES)
    return at
