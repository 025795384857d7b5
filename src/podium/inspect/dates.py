"""Times as people write them: spans (90s, 15m, 2h, 3d, 1w) and dates (2026-11-20, 2026-11-20T14:00, today).

Without a zone a date is this machine's, or that of a schedule.
"""

from __future__ import annotations

import datetime
import functools
import math

from ..checks import read_span
from ..errors import UsageError

Span = tuple[float, float]  # from (inclusive), until (exclusive); UTC seconds

ALWAYS = (float("-inf"), float("inf"))
SPANS = "a span (90s, 15m, 2h, 3d, 1w)"
DATES = "a date (2026-11-20, 2026-11-20T14:00, today, yesterday)"

_END = datetime.datetime.max.replace(microsecond=0, tzinfo=datetime.UTC)


def read_date(text: str, now: float, zone: datetime.tzinfo | None = None) -> Span | None:
    """What a date covers: a day is as long as it is there, a minute one second; None where it is none.
    `zone`: of a date without one; None: this machine's."""
    today = datetime.datetime.fromtimestamp(now, zone).date()
    days = {"today": today, "yesterday": today - datetime.timedelta(days=1)}
    try:
        day = days.get(text) or datetime.date.fromisoformat(text)
    except ValueError:
        try:
            moment = datetime.datetime.fromisoformat(text)
        except ValueError:
            return None
        at = _seconds(moment if moment.tzinfo else moment.replace(tzinfo=zone))
        return at, at + 1.0
    begin = _seconds(datetime.datetime.combine(day, datetime.time(), zone))
    if day == datetime.date.max:
        return begin, ALWAYS[1]
    next_day = day + datetime.timedelta(days=1)
    return begin, _seconds(datetime.datetime.combine(next_day, datetime.time(), zone))


def read_moment(text: str, now: float) -> float | None:
    """When it is: a span from now, or where a date begins; None where it is neither."""
    span = read_span(text)
    if span is not None:
        return now + span
    date = read_date(text, now)
    return None if date is None else date[0]


def read_range(
    begin: str, end: str, now: float, zone: datetime.tzinfo
) -> tuple[datetime.datetime, datetime.datetime]:
    """From when until when, both included: dates, of which the last one counts to its end, or spans ago.

    Raises UsageError where either is none of these.
    """
    (first, _), (_, last) = (_past(text, now, zone) for text in (begin, end))
    try:
        return datetime.datetime.fromtimestamp(first, zone), datetime.datetime.fromtimestamp(last, zone)
    except (OverflowError, ValueError, OSError):
        raise UsageError(f"{begin} to {end} leaves the calendar", fix=DATES) from None


def _past(text: str, now: float, zone: datetime.tzinfo) -> Span:
    """The first and the last moment of it."""
    span = read_span(text)
    if span is not None:
        return now - span, now - span
    date = read_date(text, now, zone)
    if date is None:
        raise UsageError(f"{text!r} is neither {SPANS} ago nor {DATES}")
    begin, end = date
    return begin, begin if end == begin + 1.0 else end - 1e-3


def iso(at: float | None) -> str | None:
    """For programs: UTC with zone; the end of the calendar for what lies behind it."""
    if at is None:
        return None
    try:
        seconds = math.floor(at)
        millionths = round((at - seconds) * 1e6)
        if millionths == 1_000_000:
            seconds, millionths = seconds + 1, 0
        second = _second(seconds)
    except (OverflowError, ValueError, OSError):
        return _END.isoformat()
    return f"{second}.{millionths:06}+00:00" if millionths else f"{second}+00:00"


# A page of a history has a thousand times within few seconds.
@functools.lru_cache(maxsize=256)
def _second(seconds: int) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).replace(tzinfo=None).isoformat()


def _seconds(at: datetime.datetime) -> float:
    """Since 1970; endless at the ends of the calendar, where a zone leads out of it."""
    try:
        return at.timestamp()
    except (OverflowError, ValueError):
        return ALWAYS[at.year > 1970]
