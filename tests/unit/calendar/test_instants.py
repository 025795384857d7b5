"""Instants of schedules against an independent computation: by zones' offsets alone, day by day."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from podium.calendar import cron, every

ZONES = ("Europe/Oslo", "America/New_York", "Africa/Cairo", "Australia/Lord_Howe", "Asia/Kolkata")
BEGIN, END = datetime(2019, 1, 1, tzinfo=UTC), datetime(2029, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@cache
def transitions(zone: ZoneInfo) -> list[datetime]:
    """The instants at which a zone's offset changes, in UTC."""

    def offset(at: datetime) -> timedelta | None:
        return at.astimezone(zone).utcoffset()

    found: list[datetime] = []
    days = [BEGIN + timedelta(days=n) for n in range((END - BEGIN).days + 1)]
    for low, high in pairwise(days):
        if offset(low) != offset(high):
            while high - low > MINUTE:
                middle = low + MINUTE * ((high - low) // MINUTE // 2)
                low, high = (middle, high) if offset(middle) == offset(low) else (low, middle)
            found.append(high)
    return found


def instants_of(wall: datetime, zone: ZoneInfo) -> list[datetime]:
    """When clocks there show this, in UTC: once, twice in autumn, never in spring."""
    tries = [wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)]
    return sorted({at for at in tries if at.astimezone(zone).replace(tzinfo=None) == wall})


def days(begin: datetime, end: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    day = begin.astimezone(zone).replace(tzinfo=None, hour=0, minute=0, second=0)
    while day <= end.astimezone(zone).replace(tzinfo=None):
        yield day
        day += timedelta(days=1)


@pytest.mark.parametrize("name", ZONES)
@pytest.mark.parametrize(
    ("expression", "times", "weekdays"),
    [("0 9 * * MON-FRI", [(9, 0)], range(5)), ("30 0,2 * * *", [(0, 30), (2, 30)], range(7))],
)
def test_fixed_times_come_once_a_day_for_ten_years(
    name: str, expression: str, times: list[tuple[int, int]], weekdays: range
) -> None:
    zone = ZoneInfo(name)
    changes = transitions(zone)
    expected: set[datetime] = set()
    for day in days(BEGIN, END, zone):
        if day.weekday() not in weekdays:
            continue
        for hour, minute in times:
            found = instants_of(day.replace(hour=hour, minute=minute), zone)
            if not found:  # right after the gap
                at = day.replace(hour=hour, minute=minute, tzinfo=zone).astimezone(UTC)
                found = [max(change for change in changes if change <= at)]
            expected.add(found[0])
    got = cron(expression, tz=name).between(BEGIN.timestamp() - 1, END.timestamp())
    assert [datetime.fromtimestamp(at, UTC) for at in got] == sorted(
        at for at in expected if BEGIN <= at <= END
    )


@pytest.mark.parametrize("name", ZONES)
@pytest.mark.parametrize(
    ("expression", "hours", "step", "weekdays"),
    [("*/20 * * * *", range(24), 20, range(7)), ("*/10 0-2 * * FRI,SUN", range(3), 10, (4, 6))],
)
def test_what_has_a_star_follows_real_time_around_each_change_of_the_clocks(
    name: str, expression: str, hours: range, step: int, weekdays: range | tuple[int, ...]
) -> None:
    zone = ZoneInfo(name)
    for change in transitions(zone) or [BEGIN]:
        begin, end = change - timedelta(days=1), change + timedelta(days=1)
        expected = sorted(
            at
            for day in days(begin, end, zone)
            if day.weekday() in weekdays
            for hour in hours
            for minute in range(0, 60, step)
            for at in instants_of(day.replace(hour=hour, minute=minute), zone)
            if begin < at <= end
        )
        got = cron(expression, tz=name).between(begin.timestamp(), end.timestamp())
        assert [datetime.fromtimestamp(at, UTC) for at in got] == expected


@pytest.mark.parametrize("name", ZONES)
def test_the_next_instant_is_the_same_from_wherever_it_is_asked(name: str) -> None:
    """Also from within a repeated or a skipped hour."""
    schedule = cron("15,30 2 * * *", tz=name)
    for change in transitions(ZoneInfo(name)) or [BEGIN]:
        whole = list(schedule.between(change.timestamp() - 86_400, change.timestamp() + 2 * 86_400))
        for minutes in range(-180, 181, 7):
            at = change.timestamp() + 60 * minutes
            assert schedule.next(at) == next(each for each in whole if each > at)


def test_an_interval_has_the_same_instants_whoever_begins() -> None:
    five = every("5m")
    assert five.first(0.0, 3) == [300.0, 600.0, 900.0]
    assert five.next(899.9) == 900.0
    assert five.next(900.0) == 1200.0
    assert (
        every("1d").next(datetime(2026, 3, 1, 5, tzinfo=UTC).timestamp())
        == datetime(2026, 3, 2, tzinfo=UTC).timestamp()
    )


def test_a_day_that_comes_every_28_years_is_one() -> None:
    found = cron("0 0 29 2 */7").next(datetime(2024, 3, 1, tzinfo=UTC).timestamp())
    assert datetime.fromtimestamp(found, UTC) == datetime(2032, 2, 29, tzinfo=UTC)
