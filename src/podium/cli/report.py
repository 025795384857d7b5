"""A failure in a dozen lines: what, the user's line first, how often it was tried, what to do now."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from sysconfig import get_path

import click

from .. import codec
from ..client import Frame, recorded_frames
from ..codec import Failure
from ..errors import DecodeError, TaskFailed
from ..machine import line_of
from ..model import Entry, Kind
from . import words
from .terminal import safe

_LIBRARIES = (get_path("stdlib"), get_path("purelib"), "<frozen", "<string>")  # the last: of dataclasses
_MESSAGE_MAX = 3  # further lines of an exception's message
_CALLERS = 3  # user frames shown above the innermost one
_STAND_IN = f"{TaskFailed.__module__}:{TaskFailed.__qualname__}"


def frame_lines(frames: Sequence[Frame]) -> Iterator[str]:
    """The innermost line of the user's own first, then who called it; what is not theirs in one line."""
    own = [frame for frame in frames if not frame.is_ours and not frame.file.startswith(_LIBRARIES)]
    for frame in reversed(own[-1 - _CALLERS :]):
        yield f"{line_of(frame.file, frame.line)}  {safe(frame.source)}".rstrip()
    inside = frames[-1] if frames and frames[-1] not in own and not frames[-1].is_ours else None
    if inside is not None:
        yield f"raised in {os.path.basename(os.path.dirname(inside.file))}/{line_of_name(inside)}"
    folded = len(frames) - min(len(own), 1 + _CALLERS) - (inside is not None)
    if folded > 0:
        ours = sum(frame.is_ours for frame in frames)
        kind = "podium frames" if ours == folded else "frames of podium and libraries"
        yield f"… {folded} {kind} (PODIUM_TRACE=1)"


def line_of_name(frame: Frame) -> str:
    """ "file.py:12 in name", for what lies deep inside a library."""
    return f"{os.path.basename(frame.file)}:{frame.line} in {frame.name}"


def failed(payload: bytes, entries: Sequence[Entry]) -> Iterator[str]:
    """The failure of a run. `entries` are the last of its history."""
    try:
        failure = codec.describe_failure(payload)
    except DecodeError:
        yield codec.preview(payload)
        return
    step = _failed_step(failure, entries)
    tries = [entry for entry in entries if step and entry.step == step.step and entry.kind is Kind.RETRY]
    subject = f"{words.label(step.step.partition('#')[0])} failed" if step else "the workflow's body failed"
    after = f" after {words.many(step.attempt, 'try', 'tries')}" if step and step.attempt > 1 else ""
    what = words.failure(step.payload if step else payload, 300)
    yield f"{click.style('✖', fg='red')} {subject}{after}: {click.style(what, bold=True)}"
    rest = [line.strip() for line in failure.message.strip().splitlines()[1:]]
    yield from (f"  {words.shorten(safe(line), 200)}" for line in rest[:_MESSAGE_MAX] if line)
    frames = recorded_frames(failure.traceback)
    if os.environ.get("PODIUM_TRACE") == "1":
        yield from (f"  {safe(line)}" for line in failure.traceback.splitlines())
    else:
        yield from (f"  {line}" for line in frame_lines(frames))
    yield from (f"  note: {safe(note)}" for note in failure.notes[:2])
    # A timeout is raised from the cancellation that it sent, which says no more than the timeout does.
    if failure.cause is not None and (
        failure.cause.message or not failure.cause.type.endswith("CancelledError")
    ):
        cause = safe(f"{words.label(failure.cause.type)}: {failure.cause.message}")
        yield f"  because of {words.shorten(cause, 200)}"
    if tries and step:
        yield "  " + _summary(tries, step)


def _summary(tries: Sequence[Entry], step: Entry) -> str:
    """ "try 1 ValueError: boom · try 2 same · not tried again"."""
    parts: list[str] = []
    before = ""
    for entry, payload in [*((t, t.payload[1:]) for t in tries), (step, step.payload)]:
        text = words.failure(payload, 60)
        parts.append(f"try {entry.attempt} {'same' if text == before else text}")
        before = text
    shown = parts if len(parts) <= 4 else [*parts[:2], f"… {len(parts) - 3} more", parts[-1]]
    return " · ".join([*shown, "not tried again"])


def _failed_step(failure: Failure, entries: Sequence[Entry]) -> Entry | None:
    """The step whose failure became the run's, if one did."""
    for entry in reversed(entries):
        if entry.kind is Kind.ERROR:
            try:
                found = codec.describe_failure(entry.payload)
            except DecodeError:
                continue
            if _identity(found) == _identity(failure):
                return entry
    return None


def _identity(failure: Failure) -> tuple[str, str]:
    """Type and message, of the original where another stands for it, as for a KeyboardInterrupt."""
    if failure.type != _STAND_IN:
        return failure.type, failure.message
    return str(failure.state.get("type", failure.type)), str(failure.state.get("message", failure.message))
