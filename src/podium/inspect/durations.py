"""Spans of time in words."""

from __future__ import annotations

from ..checks import SECONDS_MAX

_EVER = "more than 30 years"  # more than anybody waits for, or has waited


def span(seconds: float) -> str:
    """A duration in the one or two units that matter: "12 ms", "0.3 s", "14 s", "2 min 5 s", "3 h 12 min"."""
    if not seconds <= SECONDS_MAX:
        return _EVER
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
    if not passed <= SECONDS_MAX:
        return f"{_EVER} ago"
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if passed >= size:
            return f"{int(passed // size)} {unit} ago"
    return f"{int(passed)} s ago"


def until(due: float, now: float) -> str:
    """ "in 4 s", or "now"."""
    return f"in {span(due - now)}" if due - now > 0.05 else "now"
