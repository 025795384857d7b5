"""How things are said: states, times, calls."""

from __future__ import annotations

import datetime
from typing import Any, cast

import click
import msgspec

from .. import codec
from ..errors import DecodeError
from ..model import State
from .terminal import safe

TIMES = "\N{MULTIPLICATION SIGN}"

_STATES = {
    State.QUEUED: ("◌", "cyan"),
    State.RUNNING: ("●", "blue"),
    State.WAITING: ("◌", "cyan"),
    State.SUCCEEDED: ("✔", "green"),
    State.FAILED: ("✖", "red"),
    State.CANCELLED: ("⊘", "yellow"),
    State.PARKED: ("⏸", "magenta"),
}


def state(value: State) -> str:
    """Sign, word and colour, so that each of them alone would do."""
    sign, colour = _STATES[value]
    return click.style(f"{sign} {value}", fg=colour)


def sign(value: State) -> str:
    """The sign alone, coloured."""
    mark, colour = _STATES[value]
    return click.style(mark, fg=colour)


def dim(text: str) -> str:
    """What need not be read."""
    return click.style(text, dim=True)


def span(seconds: float) -> str:
    """A duration in the one or two units that matter: "12 ms", "0.3 s", "14 s", "2 min 5 s", "3 h 12 min"."""
    if seconds < 0.0995:
        return f"{max(0.0, seconds) * 1000:.0f} ms"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    for size, unit, small_size, small in (
        (86400, "d", 3600, "h"),
        (3600, "h", 60, "min"),
        (60, "min", 1, "s"),
    ):
        if whole >= size:
            rest = whole % size // small_size
            return f"{whole // size} {unit}" + (f" {rest} {small}" if rest else "")
    return f"{whole} s"


def ago(then: float, now: float) -> str:
    """ "2 min ago"; whole units are enough for looking back."""
    passed = max(0.0, now - then)
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if passed >= size:
            return f"{int(passed // size)} {unit} ago"
    return f"{int(passed)} s ago"


def until(due: float, now: float) -> str:
    """ "in 4 s", or "now"."""
    return f"in {span(due - now)}" if due - now > 0.05 else "now"


def clock(seconds: float) -> str:
    """Elapsed time as a stop watch shows it: "00:14", "1:02:03"."""
    whole = int(max(0.0, seconds))
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60:02}:{rest % 60:02}"


def iso(at: float | None) -> str | None:
    """For programs: UTC with zone."""
    return None if at is None else datetime.datetime.fromtimestamp(at, datetime.UTC).isoformat()


def many(count: int, one: str, more: str = "") -> str:
    """ "1 step", "1,000 steps"."""
    return f"{count:,} {one if count == 1 else more or one + 's'}"


def label(function: str) -> str:
    """A function without its module."""
    return safe(function.rpartition(":")[2])


def call(args: bytes, width: int = 60) -> str:
    """Recorded arguments as a call writes them: `city='Oslo', days=7`."""
    try:
        tree: Any = msgspec.json.decode(args)
    except msgspec.DecodeError:
        return codec.preview(args, width)
    if not isinstance(tree, dict):
        return codec.preview(args, width)
    named = cast("dict[str, Any]", tree)
    if any(name.startswith("!") for name in named):
        return codec.preview(args, width)
    parts = (
        f"{safe(name)}={codec.preview(msgspec.json.encode(value), width)}" for name, value in named.items()
    )
    return shorten(", ".join(parts), width)


def preview(payload: bytes, width: int = 80) -> str:
    """A recorded value in a line."""
    return codec.preview(payload, width)


def shorten(text: str, width: int) -> str:
    """At most so many characters."""
    return text if len(text) <= width else text[: max(1, width - 1)] + "…"


def failure(payload: bytes, width: int = 200) -> str:
    """A recorded failure in a line: "ValueError: boom"."""
    try:
        found = codec.describe_failure(payload)
    except DecodeError:
        return codec.preview(payload, width)
    kind = found.type.rpartition(":")[2]
    return shorten(safe(f"{kind}: {found.message}" if found.message else kind), width)
