"""Values that a user gives: refused where they are given, by name, with what would do.

Later they would be a TypeError deep inside an engine or, as NaN compares false to everything,
be noticed by nobody.
"""

from __future__ import annotations

import datetime
import math
import re
from typing import Any, NamedTuple

from .errors import UsageError
from .redaction import hidden_pairs

_UNITS = {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_SPAN = re.compile(r"(?:\d+(?:\.\d+)?(?:min|[smhdw]))+")
_SPAN_PART = re.compile(r"(\d+(?:\.\d+)?)(min|[smhdw])")

_SHARE = re.compile(r"(\d{1,3}(?:\.\d+)?) ?%")

SECONDS_MAX = 1e9  # thirty years; much more, and the clocks below us overflow


def is_number(value: Any) -> bool:
    """Whether it is one and is finite. True and False are none: who gives them meant something else."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and -math.inf < value < math.inf


def check_type(call: str, name: str, value: Any, kinds: tuple[type, ...], needed: str) -> None:
    """Raise UsageError unless it is None or of one of these types; `needed` says of what, in words."""
    if value is not None and not isinstance(value, kinds):
        raise UsageError(f"{call}({name}={value!r}): {needed} is needed")


def check_count(call: str, name: str, value: Any, low: int, high: float = math.inf) -> None:
    """Raise UsageError unless it is a whole number within the limits."""
    if type(value) is not int or not low <= value <= high:
        limits = f"from {low} to {high:,}" if high < math.inf else f"of {low} or more"
        raise UsageError(f"{call}({name}={value!r}): a whole number {limits} is needed")


def check_seconds(call: str, name: str, value: Any, *, zero: bool = True) -> None:
    """Raise UsageError unless it can be a duration in seconds; `zero`: whether none at all is one."""
    if is_number(value) and 0 <= value <= SECONDS_MAX and (value or zero):
        return
    is_delta = isinstance(value, datetime.timedelta)
    least = "from 0" if zero else "above 0"
    raise UsageError(
        f"{call}({name}={value!r}): seconds {least} are needed, {SECONDS_MAX:,.0f} at most",
        fix=f"{name}={value.total_seconds():g}" if is_delta else f'or text such as {name}="1h30m"',
    )


def check_shown(call: str, *texts: str) -> None:
    """Raise UsageError where a name that is kept and shown holds the value of a secret."""
    for value, reference in hidden_pairs():
        if any(value in text for text in texts):
            raise UsageError(
                f"{call} holds the value of Secret({reference!r})",
                fix="leave it out: names are shown",
            )


TEXT_MAX = 500  # characters of a name or an id: PostgreSQL has them in indexes, 2,700 bytes at most


def is_storable(text: str) -> bool:
    """Whether every store can hold it: no lone surrogates, no NUL."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text


def check_text(call: str, name: str, value: Any, most: int | None = TEXT_MAX) -> None:
    """Raise UsageError unless it is text of 1 to `most` characters that every store can hold."""
    if isinstance(value, str) and value and is_storable(value) and (most is None or len(value) <= most):
        return
    limit = "" if most is None else f" of 1 to {most} characters"
    raise UsageError(
        f"{call}({name}={value!r:.80}): text{limit} is needed, without NUL or lone surrogates"
        if not isinstance(value, str) or value
        else f"{call}({name}=''): text is needed, and it is empty"
    )


Span = float | str  # what a length of time is given as: seconds, or "1h30m"


def seconds_of(call: str, name: str, span: Span, *, zero: bool = True) -> float:
    """A length of time as seconds. Raises UsageError for what is none; `zero`: whether none at all is one."""
    read = read_span(span) if isinstance(span, str) else span
    seconds: Any = span if read is None else read
    check_seconds(call, name, seconds, zero=zero)
    return seconds


def read_span(text: str) -> float | None:
    """Seconds of "1h30m"; None where it is none."""
    if not _SPAN.fullmatch(text):
        return None
    return sum(float(count) * _UNITS[unit] for count, unit in _SPAN_PART.findall(text))


class Tolerance(NamedTuple):
    """How many of many calls may fail before all of them have: a number, and a share of how many they are."""

    number: float
    share: float = 0.0
    is_said: bool = False  # by `tolerate`

    @staticmethod
    def of(on_error: str, tolerate: int | str) -> Tolerance:
        """What `map(on_error=, tolerate=)` says. Raises UsageError."""
        if on_error not in ("raise", "return"):
            raise UsageError(f'map(on_error={on_error!r}): "raise" or "return" is needed')
        given: Any = tolerate
        found = _SHARE.fullmatch(given) if isinstance(given, str) else None
        is_count = type(given) is int and given >= 0
        if not (is_count or (found is not None and float(found[1]) <= 100)):
            raise UsageError(
                f"map(tolerate={given!r}): a number of failures is needed", fix='or a share such as "5%"'
            )
        if on_error == "return":
            if given != 0:
                raise UsageError(
                    f'map(on_error="return", tolerate={given!r}): "return" tolerates any number of failures',
                    fix="leave one of them out",
                )
            return Tolerance(math.inf)
        if found is not None:
            return Tolerance(0, float(found[1]) / 100, is_said=True)
        return Tolerance(int(given), is_said=given != 0)

    def is_exceeded(self, failures: int, of: int | None) -> bool:
        """Whether these are too many; `of`: how many calls there are, None where that is not known yet."""
        if self.share:
            return of is not None and failures > of * self.share
        return failures > self.number

    def noted(self, error: BaseException, failures: int, of: int | None) -> BaseException:
        """The failure that was one too many."""
        if self.is_said:
            said = f"{self.share * 100:g} %" if self.share else f"{self.number:g}"
            total = "" if of is None else f" of {of:,}"
            error.add_note(f"{failures:,}{total} items failed, and {said} may")
        return error
