"""How schedules are read: in words where they can be, with an exact error where they cannot."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest

import podium
from podium.calendar import cron, every


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("0 9 * * 1-5", "every weekday at 09:00"),
        ("0 9 * * MON-FRI", "every weekday at 09:00"),
        ("*/5 * * * *", "every 5 minutes"),
        ("* * * * *", "every minute"),
        ("@hourly", "every hour"),
        ("30 * * * *", "every hour at minute 30"),
        ("0 */6 * * *", "every 6 hours"),
        ("@daily", "every day at 00:00"),
        ("0 9,17 * * 7", "every Sunday at 09:00 and 17:00"),
        ("0 12 * * 6,0", "every Saturday and Sunday at 12:00"),
        ("0 12 * * sun,mon", "every Monday and Sunday at 12:00"),
        ("30 6 1 * *", "on day 1 of every month at 06:30"),
        ("0 0 1,15 JAN *", "on days 1 and 15 of January at 00:00"),
        ("0 0 L * *", "on the last day of every month at 00:00"),
        ("0 18 LW * *", "on the last weekday of every month at 18:00"),
        ("0 9 * * MON#2", "on the second Monday of the month at 09:00"),
        ("0 9 * * 5L", "on the last Friday of the month at 09:00"),
        ("0 9 13 * 5", "on day 13 or a Friday at 09:00"),
        ("0 9 13 * */5", "on day 13 if it is a Friday and Sunday at 09:00"),
        ("*/10 8-17 * * 1-5", "every 10 minutes of hours 8 to 17 every weekday"),
        ("0 0 * 6-8 *", "every day in June, July and August at 00:00"),
    ],
)
def test_an_expression_in_words(expression: str, words: str) -> None:
    assert cron(expression).words.removesuffix(", UTC") == words


def test_words_name_the_zone() -> None:
    assert cron("0 9 * * 1-5", tz=ZoneInfo("Europe/Oslo")).words == "every weekday at 09:00, Europe/Oslo"
    assert cron("0 9 * * *", tz=UTC).words == "every day at 09:00, UTC"
    assert every("1h").words == "every hour"
    assert every(90).words == "every 90 seconds"


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("0 9 * *", "4 fields instead of five"),
        ("0 0 9 * * 1", 'every("10s") is for seconds'),
        ("60 9 * * *", "'60' is no minute\n  0 to 59"),
        ("0 24 * * *", "'24' is no hour\n  0 to 23"),
        ("0 9 0 * *", "'0' is no day of the month\n  1 to 31"),
        ("0 9 * FEBRUARY *", "'FEBRUARY' is no month\n  1 to 12 or JAN to DEC"),
        ("0 9 * * 8", "'8' is no weekday\n  0 to 7 or SUN to SAT"),
        ("0 17-9 * * *", "'17-9': the hour goes backwards\n  17-23,0-9"),
        ("*/0 * * * *", "'*/0': the step of a minute is no number\n  1 to 59"),
        ("0 0 1,L * *", "L stands alone"),
        ("0 0 31 2 *", "on day 31 of February at 00:00 never comes"),
        ("0 0 30,31 2 *", "on days 30 and 31 of February at 00:00 never comes"),
        ("0 0 31 4,6 *", "on day 31 of April and June at 00:00 never comes"),
        ("@fortnightly", "@fortnightly is no known name"),
        (",5 * * * *", "'' is no minute"),
        ("", "0 fields instead of five"),
        (None, "text is needed"),
    ],
)
def test_what_is_no_schedule_is_refused_where_it_is_written(expression: Any, said: str) -> None:
    with pytest.raises(podium.UsageError) as refused:
        cron(expression)
    assert said in str(refused.value)
    assert repr(expression) in str(refused.value)


REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "half a second": (lambda: every("0.5s"), "one at least"),
    "none": (lambda: every(0), "one at least"),
    "a part of one": (lambda: every(1.5), "whole seconds"),
    "a word": (lambda: every("soon"), "no span"),
    "less than nothing": (lambda: every(-5), "seconds from 0"),
    "no number": (lambda: every(float("nan")), "seconds from 0"),
    "a misspelt zone": (lambda: cron("@daily", tz="Europe/Olso"), "no such zone"),
    "a path": (lambda: cron("@daily", tz="../etc/passwd"), "no such zone"),
    "a nameless zone": (lambda: cron("@daily", tz=timezone(timedelta(hours=2))), "has no name"),
    "no zone": (lambda: cron("@daily", tz=2), "is no zone"),
    "a list": (lambda: cron("@daily", args=["a"]), "by parameter name"),
    "an overlap": (lambda: cron("@daily", overlap="queue"), "overlap="),
    "a catch-up": (lambda: cron("@daily", catch_up="some"), "catch_up="),
    "a large one": (lambda: cron("@daily", catch_up=1001), "from 0 to 1,000"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_is_refused(what: str) -> None:
    call, said = REFUSED[what]
    with pytest.raises(podium.UsageError) as refused:
        call()
    assert said in str(refused.value)


def test_a_timedelta_is_a_span() -> None:
    assert every(timedelta(minutes=5)).seconds == 300
