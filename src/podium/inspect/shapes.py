"""Runs, entries, failures and log lines as programs get them: by `--json` and by the HTTP API.

Fields may be added, never renamed. Times are ISO 8601 in UTC; values stand as they were recorded, see
`podium.codec`. The classes are the one source of the API's OpenAPI document.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from .. import codec
from ..codec import Failure
from ..errors import DecodeError
from ..model import STDERR, STDOUT, Entry, Kind, LogLine, Loss, RunRow, name_and_person
from .dates import iso

_PRINTED = {STDOUT: "stdout", STDERR: "stderr"}


class RunShape(msgspec.Struct, frozen=True, kw_only=True):
    """A run."""

    id: str
    state: str
    function: str
    input: msgspec.Raw
    created: str | None
    started: str | None
    ended: str | None
    due: str | None
    entries: int
    owners_lost: int
    inbox: int
    logs: int
    starter: str
    origin: str | None
    parent: str | None
    tags: list[str]


class LossShape(msgspec.Struct, frozen=True, kw_only=True):
    """A run was freed of an owner that was gone: when, and the id of that engine."""

    at: str | None
    engine: str


class FailureShape(msgspec.Struct, frozen=True, kw_only=True):
    """A failure; of a group also its `members`, which alone say what failed."""

    type: str
    message: str
    call: str | UnsetType = UNSET
    traceback: str | UnsetType = UNSET
    members: list[FailureShape] | UnsetType = UNSET


class EntryShape(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of a run's history; a RESULT has a `value`, an ERROR and a RETRY have an `error`; what
    a person has settled says `by` whom, where that is known."""

    seq: int
    kind: str
    step: str
    scope: str
    function: str
    name: str
    at: str | None
    began: str | None
    attempt: int
    due: str | None
    by: str | UnsetType = UNSET
    error: FailureShape | UnsetType = UNSET
    value: msgspec.Raw | UnsetType = UNSET


class LineShape(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a run said. `source` is stdout, stderr or log; only a log record has a `level`."""

    run: str
    n: int
    at: str | None
    step: str | None
    attempt: int | None
    source: str
    level: int | None
    text: str


def run_fields(row: RunRow) -> dict[str, Any]:
    """The fields of `RunShape`, for shapes that have more of them."""
    return {
        "id": row.id,
        "state": str(row.state),
        "function": row.function,
        "input": msgspec.Raw(row.args or b"{}"),
        "created": iso(row.created),
        "started": iso(row.started),
        "ended": iso(row.ended),
        "due": iso(row.due),
        "entries": row.entries,
        "owners_lost": row.lost,
        "inbox": row.inbox,
        "logs": row.logs,
        "starter": row.starter,
        "origin": row.origin or None,
        "parent": row.parent or None,
        "tags": list(row.tags),
    }


def loss_shape(loss: Loss) -> LossShape:
    """An owner that a run has lost."""
    return LossShape(at=iso(loss.at), engine=loss.engine)


def entry_shape(entry: Entry) -> EntryShape:
    """An entry of a history, without the traceback of what failed."""
    scope, _, name = entry.step.partition("/")
    failed = entry.kind in (Kind.ERROR, Kind.RETRY)
    called, by = name_and_person(entry.name)
    return EntryShape(
        seq=entry.seq,
        kind=str(entry.kind),
        step=entry.step,
        scope=scope,
        function=f"{entry.module}:{name}".partition("#")[0] if entry.module else name.partition("#")[0],
        name=called,
        at=iso(entry.at),
        began=iso(entry.began or None),
        attempt=entry.attempt,
        due=iso(entry.due),
        by=by or UNSET,
        error=recorded_failure(entry.payload, traceback=False) if failed else UNSET,
        value=msgspec.Raw(shown) if (shown := shown_payload(entry)) and not failed else UNSET,
    )


def shown_payload(entry: Entry) -> bytes:
    """The payload of an entry, if it is for people: what the retry of a child goes on from is no value."""
    return b"" if entry.kind is Kind.CHILD else entry.payload


def line_shape(run: str, line: LogLine) -> LineShape:
    """A line of a run's log."""
    return LineShape(
        run=run,
        n=line.n,
        at=iso(line.at),
        step=line.step or None,
        attempt=line.attempt or None,
        source=_PRINTED.get(line.level, "log"),
        level=None if line.level in _PRINTED else line.level,
        text=line.text,
    )


def recorded_failure(payload: bytes, traceback: bool = True) -> FailureShape:
    """A failure on record; of bytes that are none what they look like."""
    try:
        return failure_shape(codec.describe_failure(payload), traceback)
    except DecodeError:
        return FailureShape(type="", message=codec.preview(payload))


def failure_shape(failure: Failure, traceback: bool = True) -> FailureShape:
    """A failure that was read."""
    members = failure.members
    return FailureShape(
        type=failure.type,
        message=failure.message,
        call=failure.call or UNSET,
        traceback=failure.traceback if traceback else UNSET,
        members=UNSET if members is None else [failure_shape(member, traceback) for member in members],
    )
