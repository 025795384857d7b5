"""`cron(...)` and `every(...)`: when to start runs, as data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, timedelta, timezone, tzinfo
from functools import lru_cache
from itertools import count, islice
from typing import Any, Literal, get_args
from zoneinfo import ZoneInfo

import msgspec

from ..checks import check_count, check_seconds, read_span
from ..errors import UsageError
from .fields import Fields, read_fields
from .instants import cron_instants, ever_comes
from .words import cron_in_words, span_in_words

Overlap = Literal["skip", "allow"]
CatchUp = Literal["none", "latest", "all"]
Span = float | str

CATCH_UP_MAX = 1000  # missed instants that are made up for at most, of "all"


class Schedule(msgspec.Struct, frozen=True):
    """When to start runs of a workflow, with which arguments. Made by `cron(...)` and `every(...)`.

    Example:

    >>> podium.cron("0 9 * * MON-FRI", tz="Europe/Oslo").words
    'every weekday at 09:00, Europe/Oslo'
    """

    expression: str = ""  # cron's five fields; "": an interval
    seconds: int = 0  # of the interval
    tz: str = "UTC"  # the zone that the expression is read in
    args: Mapping[str, Any] = {}
    overlap: Overlap = "skip"
    catch_up: CatchUp | int = "latest"

    @property
    def words(self) -> str:
        """What it says, in words."""
        if self.seconds:
            return span_in_words(self.seconds)
        said = cron_in_words(_fields(self.expression))
        return said if self.tz == "UTC" and said.startswith("every minute") else f"{said}, {self.tz}"

    @property
    def zone(self) -> tzinfo:
        """Of its instants."""
        return _zone(self.tz)

    @property
    def cap(self) -> int:
        """How many missed instants are made up for at most."""
        if isinstance(self.catch_up, int):
            return self.catch_up
        return {"none": 0, "latest": 1, "all": CATCH_UP_MAX}[self.catch_up]

    def after(self, at: float) -> Iterator[float]:
        """Its instants after this one, in UTC seconds and in order."""
        if self.seconds:
            # Multiples of the interval since 1970: the same ones in every process, whenever it began.
            return (float(self.seconds * n) for n in count(int(at // self.seconds) + 1))
        return cron_instants(_fields(self.expression), self.zone, at)

    def next(self, at: float) -> float:
        """The first instant after this one, in UTC seconds."""
        return next(self.after(at))

    def between(self, after: float, until: float) -> Iterator[float]:
        """Its instants after one and up to another, which is included."""
        for at in self.after(after):
            if at > until:
                return
            yield at

    def first(self, at: float, count: int) -> list[float]:
        """So many instants after this one."""
        return list(islice(self.after(at), count))


def cron(
    expression: str,
    *,
    tz: str | tzinfo = "UTC",
    args: Mapping[str, Any] | None = None,
    overlap: Overlap = "skip",
    catch_up: CatchUp | int = "latest",
) -> Schedule:
    """A schedule by a cron expression: minute, hour, day, month, weekday, for `@workflow(schedule=...)`.

    expression  five fields, with `*`, `*/5`, `1-5`, `1,15`, names (`MON`, `JAN`), `L` and `LW` for the last
                day and weekday of a month, `MON#2` for the second Monday, `FRIL` for the last Friday; or
                @hourly, @daily, @weekly, @monthly, @yearly
    tz          the zone it is read in, by name. A time that daylight saving skips comes right after the
                gap; one that comes twice comes the first time
    args        what the workflow is called with, by parameter name
    overlap     "skip": none is started while the last one has not ended; "allow"
    catch_up    of the instants that nobody was there for: "none", the "latest", "all" (1,000 at most), or
                so many of the latest

    Raises UsageError for what cannot be read, and for what never comes.

    Example:

    >>> podium.cron("30 6 1 * *", tz="Europe/Oslo").words
    'on day 1 of every month at 06:30, Europe/Oslo'
    """
    given: Any = expression  # as it was given
    if not isinstance(given, str):
        raise UsageError(f"cron({expression!r}): text is needed", fix='such as "0 9 * * MON-FRI"')
    fields = read_fields(given)
    if not ever_comes(fields):
        raise UsageError(f"cron({given!r}): {cron_in_words(fields)} never comes", fix="another day or month")
    _check("cron", args, overlap, catch_up)
    return Schedule(
        expression=fields.text, tz=_zone_name(tz), args=dict(args or {}), overlap=overlap, catch_up=catch_up
    )


def every(
    span: Span,
    *,
    args: Mapping[str, Any] | None = None,
    overlap: Overlap = "skip",
    catch_up: CatchUp | int = "latest",
) -> Schedule:
    """A schedule by an interval: whole seconds or text ("90s", "15m", "2h", "1d"), for
    `@workflow(schedule=...)`. Its instants are the multiples of the interval since 1970, UTC.

    The other arguments are those of `cron`. Raises UsageError for less than a second, and for parts of one.

    Example:

    >>> podium.every("5m").words
    'every 5 minutes'
    """
    given: Any = span.total_seconds() if isinstance(span, timedelta) else span
    seconds = read_span(given) if isinstance(given, str) else given
    if seconds is None:
        raise UsageError(f"every({span!r}): no span", fix='seconds, or text such as "15m" or "1h30m"')
    check_seconds("every", "span", seconds)
    if seconds < 1 or seconds != int(seconds):
        raise UsageError(
            f"every({span!r}): whole seconds are needed, and one at least",
            fix="what is due more often is a loop in a task",
        )
    _check("every", args, overlap, catch_up)
    return Schedule(seconds=int(seconds), args=dict(args or {}), overlap=overlap, catch_up=catch_up)


def _check(call: str, args: Any, overlap: object, catch_up: Any) -> None:
    if args is not None and not (isinstance(args, Mapping) and all(isinstance(name, str) for name in args)):  # pyright: ignore[reportUnknownVariableType]  # as given
        raise UsageError(f"{call}(args={args!r}): arguments by parameter name are needed")
    if overlap not in get_args(Overlap):
        raise UsageError(f'{call}(overlap={overlap!r}): "skip" or "allow" is needed')
    if catch_up not in get_args(CatchUp):
        if isinstance(catch_up, str):
            raise UsageError(f'{call}(catch_up={catch_up!r}): "none", "latest", "all" or a number is needed')
        check_count(call, "catch_up", catch_up, 0, CATCH_UP_MAX)


def _zone_name(tz: object) -> str:
    name = tz if isinstance(tz, str) else getattr(tz, "key", None) or ("UTC" if tz == UTC else None)
    if not isinstance(name, str):
        what = f"tz={tz!r} has no name" if isinstance(tz, (tzinfo, timezone)) else f"tz={tz!r} is no zone"
        raise UsageError(f"cron({what}, and the store keeps a name", fix='such as tz="Europe/Oslo"')
    _zone(name)
    return name


@lru_cache(maxsize=256)
def _zone(name: str) -> tzinfo:
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise UsageError(
            f"tz={name!r}: this machine knows no such zone",
            fix='a name such as "Europe/Oslo"; where the system has no zones at all, pip install tzdata',
        ) from None


@lru_cache(maxsize=256)
def _fields(expression: str) -> Fields:
    return read_fields(expression)
