"""`podium.measure`: numbers of bodies and tasks, kept as series."""

from __future__ import annotations

import json
import math
import reprlib
from numbers import Real
from typing import Any

from ..checks import check_shown, is_storable
from ..errors import UsageError
from ..executors import current_attempt, time_of_task
from ..machine import current_machine
from ..model import Measure

NAME_MAX = 200  # characters of a series' name
TAGS_MAX = 2000  # characters of the tags of one point
POINTS_MAX = 10_000  # of one attempt


def measure(name: str, value: float, /, **tags: str | int | bool) -> None:
    """Record a number as a point of a series, from a task or from a workflow's body.

    name   of the series: "machine.lowest"; 200 characters at most
    value  a finite number
    tags   what tells points of a series apart: machine="7". Kept as text

    The point is on record with the outcome of its attempt, failed ones included, or of the body's turn: once,
    whatever is replayed. A crash in the middle of a task loses its points with it, and the next attempt makes
    them again. `podium series` and `podium.series` show them; they stay when their run is pruned. Outside
    of a run it only checks what it is given.

    Raises UsageError for a value that is no finite number, for a name or tags that are too long or no text,
    and for more than 10,000 points of one attempt.

    Example:

    >>> podium.measure("machine.lowest", 48.5, machine="7")
    """
    number, text = _checked(name, value, tags)
    machine = current_machine()
    if machine is not None:
        machine.verbs.measure(name, number, text)
        return
    attempt = current_attempt.get()
    if attempt is None:
        return
    if attempt.measures is None:
        attempt.measures = []
    if len(attempt.measures) >= POINTS_MAX:
        raise UsageError(
            f"{attempt.function.label} has measured {POINTS_MAX:,} points in one attempt: no more are kept",
            fix="measure sums, lows and highs; or in more tasks",
        )
    attempt.measures.append(Measure(name, round(time_of_task(), 6), number, text))  # as datetimes are


def _checked(name: Any, value: Any, tags: dict[str, Any]) -> tuple[float, str]:
    """The value and the tags as the store has them."""
    if not isinstance(name, str) or not 0 < len(name) <= NAME_MAX or not is_storable(name):
        told = reprlib.repr(name)
        raise UsageError(f"measure({told}): the name of a series is text of 1 to {NAME_MAX} characters")
    number = _number(value)
    if not math.isfinite(number):
        raise UsageError(f"measure({name!r}, {reprlib.repr(value)}): a finite number is needed")
    for tag, said in tags.items():
        if not isinstance(said, (str, int)) or not is_storable(f"{tag}{said}"):
            raise UsageError(f"measure({name!r}): the tag {tag}={said!r} is no text", fix=f"{tag}=str(...)")
    text = json.dumps(
        {tag: str(tags[tag]) for tag in sorted(tags)}, ensure_ascii=False, separators=(",", ":")
    )
    check_shown("measure()", name, *map(str, tags.values()))
    if len(text) > TAGS_MAX:
        raise UsageError(
            f"measure({name!r}): its tags have {len(text):,} characters, {TAGS_MAX:,} are the most"
        )
    return number, text


def _number(value: Any) -> float:
    """The value as the store has it; NaN for what is no number, or too large for a float."""
    if isinstance(value, bool) or not isinstance(value, Real):
        return math.nan
    try:
        return float(value)
    except OverflowError:
        return math.nan
