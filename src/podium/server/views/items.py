"""Runs as lists show them."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from ... import codec
from ...client import RESUMED, App
from ...errors import DecodeError
from ...inspect import RunShape, living, run_fields
from ...inspect.undriven import undriven
from ...model import RETRIABLE, UNFINISHED, RunRow, State

CALL_MAX = 120  # characters of a call


class Action(msgspec.Struct, frozen=True):
    """Something that can be done about it: `verb` is the last part of the POST's path."""

    label: str
    verb: str
    command: str


class RunItem(RunShape, frozen=True, kw_only=True):
    """A run in a list. `took`: seconds, so far of one that runs; `says`: how it came out, in a line."""

    name: str
    call: str
    took: float | None
    undriven: bool
    says: str


def items(app: App, rows: Iterable[RunRow]) -> list[RunItem]:
    """Rows as a list shows them."""
    rows, now = list(rows), app.env.now()
    left = {row.id for row in undriven(rows, living(app))} if rows else set[str]()
    return [
        RunItem(
            **run_fields(row),
            name=row.function.rpartition(":")[2],
            call=codec.preview_call(row.args, CALL_MAX),
            took=took(row, now),
            undriven=row.id in left,
            says=says(row),
        )
        for row in rows
    ]


def took(row: RunRow, now: float) -> float | None:
    """Seconds from its first claim to its end, or to now while it runs."""
    if row.started is None:
        return None
    if row.ended is not None:
        return row.ended - row.started
    return now - row.started if row.state is State.RUNNING else None


def says(row: RunRow) -> str:
    """How a run came out, in a line; "" of one that goes on."""
    if row.state is State.SUCCEEDED:
        return codec.preview(row.payload, CALL_MAX) if row.payload not in (b"", b"null") else ""
    if row.state is State.FAILED:
        return _failed(row.payload)
    return ""


def _failed(payload: bytes) -> str:
    try:
        return codec.describe_failure(payload).in_a_line()[:CALL_MAX]
    except DecodeError:
        return codec.preview(payload, CALL_MAX)


def actions(row: RunRow) -> list[Action]:
    """What its state allows."""
    allowed = (
        ("Retry", "retry", row.state in RETRIABLE),
        ("Resume", "resume", row.state in RESUMED),
        ("Pause", "pause", row.state in UNFINISHED and row.state is not State.PARKED),
        ("Cancel", "cancel", row.state in UNFINISHED),
        ("Terminate", "terminate", row.state in UNFINISHED and row.state is not State.RUNNING),
    )
    return [Action(label, verb, f"podium {verb} {row.id}") for label, verb, can in allowed if can]
