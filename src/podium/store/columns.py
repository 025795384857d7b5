"""What a round changes, as rows: one order of columns for the statements of every backend.

How a payload lies in its row is the backend's affair, so it is given beside what it belongs to.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from msgspec.structs import astuple

from ..model import NewRun
from .sets import Changes, InboxRow, RunState

Row = tuple[Any, ...]


def run_row(engine: str | None, new: NewRun, run: RunState, args: bytes | str, payload: bytes | str) -> Row:
    """A new run, as the batch has left it."""
    at = new.at if new.owned else None
    tags = json.dumps(list(dict.fromkeys(new.tags)), ensure_ascii=False) if new.tags else "[]"
    return (
        run.key, new.id, run.state, run.token, run.owner, run.due, run.messages, run.unread, new.at,
        at if new.began is None else new.began, at, run.ended, new.function, new.digest, run.fingerprint,
        new.project, new.queue, new.lane, run.rank, new.starter, engine, new.unique_name, new.origin,
        new.parent, new.root or new.id, new.seed or new.id, new.copy_from[1] if new.copy_from else 0,
        new.context, tags, args, payload, new.generation, new.base,
    )  # fmt: skip


def tag_rows(changes: Changes) -> list[Row]:
    """The tags of new runs."""
    return [(tag, run.key) for new, run in changes.new_runs for tag in dict.fromkeys(new.tags)]


def moved_row(run: RunState, payload: bytes | str) -> Row:
    """A run that moves."""
    return (run.state, payload, run.due, run.forgiven, run.fingerprint, run.ended, run.key, run.rank)


def payload_of(row: InboxRow) -> bytes:
    """What a new message is kept with: one that is taken already has no payload any more."""
    assert row.message is not None
    return row.message.payload if row.taken is None else b""


def message_row(row: InboxRow, payload: bytes | str) -> Row:
    """A new message."""
    message = row.message
    assert message is not None
    return (
        row.run.key, row.n, message.id, message.kind, message.name, message.state, message.sender,
        message.digest, message.at, row.taken, payload,
    )  # fmt: skip


def wait_rows(changes: Changes, runs: Mapping[str, RunState]) -> list[Row]:
    """New rows of `waits`, some of them answered already."""
    return [
        (runs[row.run].key, *astuple(row.wait), row.taken, row.by, row.digest)
        for row in changes.waits
        if row.wait is not None
    ]


def answer_rows(changes: Changes, runs: Mapping[str, RunState]) -> list[Row]:
    """Those that were there, and are answered now."""
    return [(row.taken, row.by, row.digest, runs[row.run].key, row.step) for row in changes.answered]
