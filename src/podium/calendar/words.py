"""Schedules as people say them: "every weekday at 09:00, Europe/Oslo"."""

from __future__ import annotations

from collections.abc import Sequence

from .fields import DAYS, MONTHS, Field, Fields

_WEEKDAYS, _WEEKEND = (1, 2, 3, 4, 5), (0, 6)
_NTH = {1: "first", 2: "second", 3: "third", 4: "fourth", 5: "fifth", -1: "last"}
_SPANS = ((604_800, "week"), (86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))
_TIMES_MAX = 6  # times of a day that are listed; of more, minutes and hours are said apart


def span_in_words(seconds: int) -> str:
    """ "every 5 minutes", "every hour"."""
    size, unit = next((size, unit) for size, unit in _SPANS if seconds % size == 0)
    count = seconds // size
    return f"every {unit}" if count == 1 else f"every {count:,} {unit}s"


def cron_in_words(fields: Fields) -> str:
    """A cron expression, without its zone."""
    time, days = _time(fields), _days(fields)
    if time.startswith("every"):
        return f"{time} {days}".strip() if days != "every day" else time
    return f"{days} {time}"


def _time(fields: Fields) -> str:
    minute, hour = fields.minute, fields.hour
    if minute.is_any:
        part = "every minute"
    elif minute.step:
        part = f"every {minute.step} minutes"
    elif not hour.is_any and not hour.step and len(minute.numbers) * len(hour.numbers) <= _TIMES_MAX:
        return f"at {_joined([f'{h:02}:{m:02}' for h in hour.numbers for m in minute.numbers])}"
    else:
        part = "every hour" if hour.is_any else f"every {hour.step} hours" if hour.step > 1 else ""
        minutes = "" if minute.numbers == (0,) and part else _at_minutes(minute)
        if part:
            return f"{part} {minutes}".strip()
        return f"{minutes} of {_hours(hour)}"
    if hour.is_any:
        return part
    return f"{part} of {f'every {hour.step} hours' if hour.step else _hours(hour)}"


def _at_minutes(minute: Field) -> str:
    return f"at minute{'s' * (len(minute.numbers) > 1)} {_numbers(minute)}"


def _hours(hour: Field) -> str:
    return f"hour{'s' * (len(hour.numbers) > 1)} {_numbers(hour)}"


def _numbers(field: Field) -> str:
    numbers = field.numbers
    if len(numbers) > 2 and numbers[-1] - numbers[0] == len(numbers) - 1:
        return f"{numbers[0]} to {numbers[-1]}"
    return _joined([str(number) for number in numbers])


def _days(fields: Fields) -> str:
    day, weekday = fields.day, fields.weekday
    by_day, by_weekday = not day.is_any, not weekday.is_any
    month = "" if fields.month.is_any else _joined([MONTHS[number - 1] for number in fields.month.numbers])
    if by_day and by_weekday:
        # Cron's own rule: a field that begins with a star only narrows down, else either is enough.
        both = day.text.startswith("*") or weekday.text.startswith("*")
        said = f"{_of_month(day)} {'if it is' if both else 'or'} {_of_week(weekday, 'a')}"
    elif by_day:
        said = _of_month(day)
    elif by_weekday:
        said = _of_week(weekday, "every")
    else:
        return f"every day in {month}" if month else "every day"
    if not month:
        return f"{said} of every month" if by_day and not by_weekday else said
    return f"{said} {'of' if by_day and not by_weekday else 'in'} {month}"


def _of_month(day: Field) -> str:
    if day.last:
        return "on the last day" if day.last == "L" else "on the last weekday"
    if day.step:
        return f"every {day.step} days from day 1"
    return f"on day{'s' * (len(day.numbers) > 1)} {_numbers(day)}"


def _of_week(weekday: Field, each: str) -> str:
    named = [f"the {_NTH[which]} {DAYS[number]} of the month" for number, which in weekday.special]
    if weekday.numbers == _WEEKDAYS:
        named.insert(0, f"{each} weekday")
    elif weekday.numbers == _WEEKEND:
        named.insert(0, f"{each} Saturday and Sunday")
    elif weekday.numbers:
        # As a week is said, from Monday on.
        week = sorted(weekday.numbers, key=lambda number: (number - 1) % 7)
        named.insert(0, f"{each} {_joined([DAYS[number] for number in week])}")
    said = _joined(named)
    return f"on {said}" if said.startswith("the") and each == "every" else said


def _joined(parts: Sequence[str]) -> str:
    """ "a", "a and b", "a, b and c"."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
