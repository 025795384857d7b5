"""How a run came out, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from .. import codec
from ..inspect import history, recorded_failure
from ..model import Entry, RunRow, State, read_reason
from . import formatting, report, terminal


def ending(row: RunRow, tail: Sequence[Entry], seconds: float, steps: int, retried: int) -> Iterator[str]:
    """For a good end one line, for a bad one also why, and what to do. `tail`: the last of its history."""
    counts = [f"in {formatting.span(seconds)}", history.in_words(steps)]
    counts += [formatting.many(retried, "retry", "retries")] if retried else []
    id = terminal.safe(row.id)
    summary = f"{formatting.state(row.state)} {' · '.join(counts)} · {id}"
    if row.state is State.FAILED:
        yield from report.failed(row.payload, tail)
        yield summary
        yield f"mend the code, then: podium retry {id}"
    elif row.state is State.PARKED:
        yield summary
        yield from parked_lines(row)
        yield f"then: podium resume {id}"
    else:
        yield summary


def parked_lines(row: RunRow) -> Iterator[str]:
    """Why a parked run needs somebody, and what it takes."""
    reason = read_reason(row.payload)
    yield f"  {reason.code}: {terminal.safe(reason.what)}"
    if reason.expected:
        yield f"  on record: {terminal.safe(reason.expected)}"
        yield f"  now asked: {terminal.safe(reason.found)}  at {terminal.safe(reason.line)}"
    if reason.fix:
        yield f"  {terminal.safe(reason.fix)}"


def result_text(payload: bytes, most: int, *, hide: bool = False) -> str:
    """A string as it is, anything else as Python would write it; nothing for None.

    `hide`: `***` for what a name calls a secret."""
    if payload in (b"null", b""):
        return ""
    try:
        value: Any = msgspec.json.decode(payload)
    except msgspec.DecodeError:
        value = None
    text = terminal.safe_lines(value) if isinstance(value, str) else codec.preview(payload, most, hide=hide)
    return text if len(text) <= most else f"{text[:most]}… ({len(text):,} characters; --json has all)"


def outcome_json(row: RunRow) -> dict[str, Any]:
    """Its result, error or reason, by state."""
    if row.state is State.SUCCEEDED:
        return {"result": msgspec.Raw(row.payload or b"null")}
    if row.state is State.FAILED:
        return {"error": recorded_failure(row.payload)}
    if row.state is State.PARKED:
        return {"reason": msgspec.to_builtins(read_reason(row.payload))}
    return {}
