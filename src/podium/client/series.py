"""`podium.series(name)`: the points that bodies and tasks have measured."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping

import msgspec

from ..checks import Span, check_count, seconds_of
from ..errors import UsageError
from ..model import Measure, MeasureQuery
from .app import App
from .default_app import current_app


class Point(msgspec.Struct, frozen=True):
    """A number that `podium.measure` has recorded.

    at     when, UTC
    value  the number
    tags   text by name
    run    the id of the run that made it, which may have been pruned since
    step   the step in it; of a point of the body the call's own identity

    Example:

    >>> for point in podium.series("machine.lowest"):
    ...     print(point.at, point.value, point.run)
    """

    at: datetime.datetime
    value: float
    tags: dict[str, str] = {}
    run: str = ""
    step: str = ""


def series(
    name: str,
    /,
    *,
    tags: Mapping[str, str] | None = None,
    since: Span | datetime.datetime | None = None,
    until: datetime.datetime | None = None,
    limit: int = 1000,
    app: App | None = None,
) -> list[Point]:
    """The points of a series, in the order of their times.

    tags   only points that have all of these
    since  only points from then on: a time, or a span before now (seconds, "2h")
    until  only points before then
    limit  the newest so many

    Raises UsageError for a time without zone. A name without points gives none.

    Example:

    >>> [point.value for point in podium.series("machine.lowest", since="1d")]
    []
    """
    app = app or current_app()
    check_count("series", "limit", limit, 1)
    query = MeasureQuery(
        series=name,
        tags=tag_texts(tags or {}),
        since=_moment("since", since, app.env.now()),
        until=float("inf") if until is None else _moment("until", until, 0.0),
        limit=limit,
    )
    return [point(each) for each in app.session.store.measures(query)]


def point(row: Measure) -> Point:
    """A point as programs get it."""
    at = datetime.datetime.fromtimestamp(row.at, datetime.UTC)
    return Point(at, row.value, json.loads(row.tags), row.run, row.step)


def tag_texts(tags: Mapping[str, str]) -> tuple[str, ...]:
    """Tags as a MeasureQuery has them."""
    pairs = [
        json.dumps({tag: str(text)}, ensure_ascii=False, separators=(",", ":")) for tag, text in tags.items()
    ]
    return tuple(pair[1:-1] for pair in pairs)


def _moment(name: str, given: Span | datetime.datetime | None, now: float) -> float:
    if given is None:
        return float("-inf")
    if not isinstance(given, datetime.datetime):
        return now - seconds_of("series", name, given)
    if given.tzinfo is None:
        raise UsageError(
            f"series({name}={given}): a time with a zone is needed", fix="such as datetime.now(UTC)"
        )
    return given.timestamp()
