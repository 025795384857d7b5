"""How things are said: states, times, calls."""

from __future__ import annotations

import click
import msgspec

from .. import codec, errors, inspect
from ..codec import Failure
from ..errors import DecodeError
from ..inspect import ago as ago
from ..inspect import iso as iso
from ..inspect import span as span
from ..inspect import until as until
from ..model import State
from .terminal import safe

TIMES = "\N{MULTIPLICATION SIGN}"

_CALL_WIDTH = 120

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


def plain_state(value: State) -> str:
    """The same without colour, for what is made safe as a whole."""
    return f"{_STATES[value][0]} {value}"


def sign(value: State) -> str:
    """The sign alone, coloured."""
    mark, colour = _STATES[value]
    return click.style(mark, fg=colour)


def dim(text: str) -> str:
    """What need not be read."""
    return click.style(text, dim=True)


def clock(seconds: float) -> str:
    """Elapsed time as a stop watch shows it: "00:14", "1:02:03"."""
    whole = int(max(0.0, seconds))
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60:02}:{rest % 60:02}"


def many(count: int, one: str, more: str = "") -> str:
    """ "1 step", "1,000 steps"."""
    return f"{count:,} {one if count == 1 else more or one + 's'}"


def label(function: str) -> str:
    """A function without its module."""
    return safe(function.rpartition(":")[2])


def call(args: bytes, width: int = 60) -> str:
    """Recorded arguments as a call writes them: `city='Oslo', days=7`."""
    return codec.preview_call(args, width)


def named(name: str, payload: bytes, width: int) -> str:
    """A recorded value with its name: `stage='packing'`; `***` where that says that it is a secret."""
    return call(msgspec.json.encode({name: msgspec.Raw(payload)}), width)


def preview(payload: bytes, width: int = 80) -> str:
    """A recorded value in a line."""
    return codec.preview(payload, width)


def shorten(text: str, width: int) -> str:
    """At most so many characters."""
    return text if len(text) <= width else text[: max(1, width - 1)] + "…"


def failure(payload: bytes, width: int = 200) -> str:
    """The first line of a recorded failure: "ValueError: boom", and of one of Podium's own "E112: ..."."""
    try:
        found = codec.describe_failure(payload)
    except DecodeError:
        return codec.preview(payload, width)
    return error(found, width)


def failed_call(payload: bytes) -> str:
    """What the step was called with that failed so, or ""."""
    return shorten(safe(inspect.failed_call(payload)), _CALL_WIDTH)


def error(found: Failure, width: int = 200) -> str:
    """The same of one that was read."""
    return shorten(safe(found.in_a_line(kind)), width)


def kind(type: str) -> str:
    """What an exception is called; one of Podium's own by its code, which can be explained."""
    module, _, name = type.rpartition(":")
    return getattr(getattr(errors, name, None), "code", name) if module == errors.__name__ else name
