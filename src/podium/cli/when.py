"""`--at WHEN`: a span from now, or a time as queries have it."""

from __future__ import annotations

import datetime

from ..checks import SECONDS_MAX
from ..errors import UsageError
from ..inspect import SPANS, read_moment
from ..model import RunRow, State
from . import formatting

_FORMAT = "%Y-%m-%d %H:%M:%S %Z"


def due(text: str, now: float) -> float:
    """When that is. Raises UsageError for what is no time, is over, or is too far away."""
    at = read_moment(text, now)
    if at is None:
        tomorrow = datetime.datetime.fromtimestamp(now).date() + datetime.timedelta(days=1)
        raise UsageError(
            f"--at {text!r} is neither {SPANS} nor a time ({tomorrow}, '{tomorrow} 08:00')",
            fix=f"such as --at 2h, or --at '{tomorrow} 08:00'",
        )
    if at < now:
        raise UsageError(
            f"--at {text!r} was {formatting.ago(at, now)}",
            fix="give a time to come; without --at it begins now",
        )
    if at - now > SECONDS_MAX:
        raise UsageError(
            f"--at {text!r} is {formatting.until(at, now)}", fix="thirty years ahead is the most"
        )
    return at


def begins_later(row: RunRow, now: float) -> str:
    """ "begins in 2 h (2026-11-27 08:00:00 CET)", of a run that was told so; else nothing."""
    if row.state is not State.QUEUED or row.due is None or row.due <= now:
        return ""
    there = datetime.datetime.fromtimestamp(row.due).astimezone()
    return f"begins {formatting.until(row.due, now)} ({there:{_FORMAT}})"
