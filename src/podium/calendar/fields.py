"""The five fields of a cron expression: read, with errors that name the field, and as sets of numbers."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..errors import UsageError

MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
NICKNAMES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_ORDER = "minute hour day month weekday"
_NTH = re.compile(r"(.+)#([1-5])")
_LAST = re.compile(r"(\d|[A-Z]{3})L")


@dataclass(frozen=True)
class Field:
    """One field: the numbers that it lets through, in order, and what no number says."""

    text: str
    numbers: tuple[int, ...]
    step: int = 0  # of a plain "*/n"
    special: tuple[tuple[int, int], ...] = ()  # of weekdays: (day, which of the month), -1 for the last
    last: str = ""  # of days: "L", the last of the month, or "LW", its last weekday

    @property
    def is_any(self) -> bool:
        """Whether it lets everything through."""
        return self.text == "*" or self.step == 1


@dataclass(frozen=True)
class Fields:
    """A whole expression."""

    minute: Field
    hour: Field
    day: Field
    month: Field
    weekday: Field

    @property
    def text(self) -> str:
        """The expression in its plainest form."""
        return " ".join(each.text for each in (self.minute, self.hour, self.day, self.month, self.weekday))


@dataclass(frozen=True)
class _Kind:
    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()

    def number(self, text: str, expression: str) -> int:
        """One number, or the name of a month or weekday."""
        for place, name in enumerate(self.names, self.low):
            if text == name[:3].upper():
                return place
        if text.isascii() and text.isdigit() and len(text) < 4 and self.low <= int(text) <= self.high:
            return int(text)
        named = f" or {self.names[0][:3].upper()} to {self.names[-1][:3].upper()}" if self.names else ""
        raise _refused(expression, f"{text!r} is no {self.name}", f"{self.low} to {self.high}{named}")


_KINDS = (
    _Kind("minute", 0, 59),
    _Kind("hour", 0, 23),
    _Kind("day of the month", 1, 31),
    _Kind("month", 1, 12, MONTHS),
    _Kind("weekday", 0, 7, DAYS),
)


def read_fields(expression: str) -> Fields:
    """The fields of "0 9 * * MON-FRI" or "@daily". Raises UsageError, naming the field."""
    text = expression.strip()
    if text.startswith("@"):
        known = NICKNAMES.get(text.lower())
        if known is None:
            raise _refused(expression, f"{text} is no known name", ", ".join(NICKNAMES))
        text = known
    parts = text.upper().split()
    if len(parts) != 5:
        fix = 'every("10s") is for seconds' if len(parts) == 6 else 'such as "0 9 * * MON-FRI"'
        raise _refused(expression, f"{len(parts)} fields instead of five ({_ORDER})", fix)
    return Fields(*(_read(part, kind, expression) for part, kind in zip(parts, _KINDS, strict=True)))


def _read(text: str, kind: _Kind, expression: str) -> Field:
    numbers: set[int] = set()
    special: list[tuple[int, int]] = []
    last = ""
    for term in text.split(","):
        if kind.name == "day of the month" and term in ("L", "LW"):
            last = term
        elif kind.name == "weekday" and (nth := _NTH.fullmatch(term) or _LAST.fullmatch(term)):
            which = int(nth[2]) if nth.re is _NTH else -1
            special.append((kind.number(nth[1], expression) % 7, which))
        else:
            numbers.update(_term(term, kind, expression))
    if last and (numbers or text != last):
        raise _refused(expression, f"{last} stands alone or not at all", "two schedules, one for each")
    if kind.name == "weekday":
        numbers = {number % 7 for number in numbers}
    step = int(text[2:]) if text.startswith("*/") and text[2:].isdigit() else 0
    return Field(text, tuple(sorted(numbers)), step, tuple(special), last)


def _term(term: str, kind: _Kind, expression: str) -> range:
    span, slash, step_text = term.partition("/")
    step = 1
    if slash:
        if not (step_text.isascii() and step_text.isdigit() and 0 < int(step_text) <= kind.high):
            raise _refused(
                expression, f"{term!r}: the step of a {kind.name} is no number", f"1 to {kind.high}"
            )
        step = int(step_text)
    low_text, dash, high_text = span.partition("-")
    if span == "*":
        # A week has seven days, though Sunday has two numbers.
        low, high = kind.low, 6 if kind.name == "weekday" else kind.high
    elif dash:
        low, high = kind.number(low_text, expression), kind.number(high_text, expression)
        if low > high:
            fix = f"{low}-{kind.high},{kind.low}-{high}"
            raise _refused(expression, f"{span!r}: the {kind.name} goes backwards", fix)
    else:
        low = kind.number(span, expression)
        high = kind.high if slash else low
    return range(low, high + 1, step)


def _refused(expression: str, what: str, fix: str) -> UsageError:
    return UsageError(f"cron({expression!r}): {what}", fix=fix)
