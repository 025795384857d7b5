"""A failure in a dozen lines: what, the user's line first, how often it was tried, what to do now."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence

import click
from msgspec.structs import replace

from .. import codec
from ..codec import Failure
from ..errors import DecodeError, TaskFailed
from ..inspect import Frame, recorded_frames
from ..lines import line_of
from ..model import Entry, Kind
from . import formatting
from .terminal import safe

_MESSAGE_MAX = 3  # further lines of an exception's message
_NOTES_MAX = 2
_CALLERS = 3  # user frames shown above the innermost one, where nothing else wants the room
_GROUPS_MAX = 2  # of those that an error came through, the innermost ones
_LEAVES_MAX = 3  # errors of a group
_STAND_IN = f"{TaskFailed.__module__}:{TaskFailed.__qualname__}"


def frame_lines(
    frames: Sequence[Frame], callers: int = _CALLERS, through: Mapping[int, str] | None = None
) -> Iterator[str]:
    """The innermost line of the user's own first, then who called it; what is not theirs in one line.

    `through`: numbers of frames in which a group was waited for, and what that is called.
    """
    own = [number for number, frame in enumerate(frames) if frame.is_users]
    groups = {number: through[number] for number in own if through and number in through}
    shown = {*own[-1:], *list(groups)[-_GROUPS_MAX:]}
    others = [number for number in reversed(own) if number not in shown]
    shown.update(others[: max(0, 1 + callers - len(shown))])
    for number in sorted(shown, reverse=True):
        frame = frames[number]
        place = line_of(frame.file, frame.line)
        yield (
            f"through {groups[number]} at {place}"
            if number in groups
            else f"{place}  {safe(frame.source)}".rstrip()
        )
    inside = frames[-1] if frames and not frames[-1].is_users and not frames[-1].is_ours else None
    if inside is not None:
        yield f"raised in {os.path.basename(os.path.dirname(inside.file))}/{line_of_name(inside)}"
    folded = len(frames) - len(shown) - (inside is not None)
    if folded > 0:
        ours = sum(frame.is_ours for frame in frames)
        whose = "podium frame{}" if ours == folded else "frame{} of podium and libraries"
        yield f"… {folded} {whose.format('' if folded == 1 else 's')} (PODIUM_TRACE=1)"


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
    failures = [(entry, found) for entry in entries if (found := _recorded(entry)) is not None]
    step, original = _failed_step(failure, failures)
    tries = [entry for entry in entries if step and entry.step == step.step and entry.kind is Kind.RETRY]
    subject = f"{_step_name(step)} failed" if step else "the workflow's body failed"
    after = f" after {formatting.many(step.attempt, 'try', 'tries')}" if step and step.attempt > 1 else ""
    chain = _chain(failure, original)
    many = chain[-1].members is not None and len(chain[-1].leaves()) > 1
    what = _group(chain[-1]) if many else formatting.error(chain[-1], 300)
    yield f"{click.style('✖', fg='red')} {subject}{after}: {click.style(what, bold=True)}"
    about = list(_about(chain))
    if many:
        below = [*_leaves(chain[-1], failures), *_frames(chain, callers=0)]
    else:
        message = list(_rest_of(chain[-1].message))
        yield from message
        below = list(_frames(chain, callers=_CALLERS - len(message) - len(about) - bool(tries)))
    if os.environ.get("PODIUM_TRACE") == "1":
        below = [safe(line) for link in _all_of(failure) for line in link.traceback.splitlines()]
    yield from (f"  {line}" for line in below)
    if chain[-1].call:
        yield f"  in {formatting.shorten(safe(chain[-1].call), 200)}"
    yield from about
    if tries and step:
        yield "  " + _summary(tries, step)


# -- what there is to tell ---------------------------------------------------------------------------


def _recorded(entry: Entry) -> Failure | None:
    """The failure of a step that was not tried again."""
    if entry.kind is not Kind.ERROR:
        return None
    try:
        return codec.describe_failure(entry.payload)
    except DecodeError:
        return None


def _failed_step(
    failure: Failure, failures: Sequence[tuple[Entry, Failure]]
) -> tuple[Entry | None, Failure | None]:
    """The step whose failure became this one, if one did, and what was recorded there."""
    told = [_identity(leaf) for leaf in failure.leaves()]
    for entry, found in reversed(failures):
        if told in ([_identity(leaf) for leaf in found.leaves()], [_identity(found)]):
            return entry, found
    return None, None


def _step_name(entry: Entry) -> str:
    """The step of an entry as people say it: "1.2/pay#3" is "pay"."""
    return formatting.label(entry.step.partition("/")[2].partition("#")[0])


def _identity(failure: Failure) -> tuple[str, str]:
    """Type and message, of the original where another stands for it, as for a KeyboardInterrupt."""
    if failure.type != _STAND_IN:
        return failure.type, failure.message
    return str(failure.state.get("type", failure.type)), str(failure.state.get("message", failure.message))


def _original(failure: Failure, recorded: Failure | None) -> Failure:
    """A failure as it was when it was raised; one that stands for another has no members."""
    if failure.type != _STAND_IN:
        return failure
    type, message = _identity(failure)
    members = recorded.members if recorded and _identity(recorded) == (type, message) else None
    return replace(failure, type=type, message=message, members=members)


def _chain(failure: Failure, recorded: Failure | None) -> list[Failure]:
    """The groups of one that an error came through, the outermost first, and that error, or what of several
    it came down to. `recorded`: with the step that failed."""
    chain = [_original(failure, recorded)]
    while chain[-1].members and len(chain[-1].leaves()) == 1:
        chain.append(_original(chain[-1].members[0], recorded))
    return chain


def _all_of(failure: Failure) -> Iterator[Failure]:
    yield failure
    for member in failure.members or ():
        yield from _all_of(member)


# -- the lines ---------------------------------------------------------------------------------------


def _group(group: Failure) -> str:
    """A group in a line, without what is in it."""
    name = formatting.error(replace(group, members=None))
    return f"{name} ({formatting.many(len(group.leaves()), 'error')})"


def _rest_of(message: str) -> Iterator[str]:
    rest = [line.strip() for line in message.strip().splitlines()[1:]]
    yield from (f"  {formatting.shorten(safe(line), 200)}" for line in rest[:_MESSAGE_MAX] if line)


def _frames(chain: Sequence[Failure], callers: int) -> Iterator[str]:
    """The lines of all of a chain, as one traceback."""
    frames: list[Frame] = []
    through: dict[int, str] = {}
    for link in chain:
        frames += recorded_frames(link.traceback)
        own = [number for number, frame in enumerate(frames) if frame.is_users]
        if link.members and own:
            through[own[-1]] = _called(link)
    yield from frame_lines(frames, max(0 if len(chain) > 1 else 1, callers), through)


def _called(group: Failure) -> str:
    if group.message == "unhandled errors in a TaskGroup":  # asyncio's own words
        return "a TaskGroup"
    said = f" '{group.message}'" if group.message else ""
    return formatting.shorten(safe(f"{formatting.kind(group.type)}{said}"), 100)


def _leaves(group: Failure, failures: Sequence[tuple[Entry, Failure]]) -> Iterator[str]:
    """The first errors of a group, each with the user's line."""
    leaves = group.leaves()
    for leaf in leaves[:_LEAVES_MAX]:
        step, original = _failed_step(leaf, failures)
        called = formatting.shorten(safe(leaf.call), 100) or (_step_name(step) if step else "")
        of = f"{called} failed: " if called else ""
        own = [frame for frame in recorded_frames(leaf.traceback) if frame.is_users]
        at = f"  {line_of(own[-1].file, own[-1].line)}  {safe(own[-1].source)}".rstrip() if own else ""
        yield of + formatting.error(_original(leaf, original), 120) + at
    if len(leaves) > _LEAVES_MAX:
        yield f"… and {len(leaves) - _LEAVES_MAX:,} more"


def _about(chain: Sequence[Failure]) -> Iterator[str]:
    """What else was said of it: notes, and the cause."""
    notes = [note for link in reversed(chain) for note in link.notes]
    yield from (f"  note: {safe(note)}" for note in notes[:_NOTES_MAX])
    cause = chain[-1].cause
    # A timeout is raised from the cancellation that it sent, which says no more than the timeout does.
    if cause is not None and (cause.message or not cause.type.endswith("CancelledError")):
        yield f"  because of {formatting.error(cause)}" + (
            f"  in {formatting.shorten(safe(cause.call), 100)}" if cause.call else ""
        )


def _summary(tries: Sequence[Entry], step: Entry) -> str:
    """ "try 1 ValueError: boom · try 2 same · not tried again"."""
    parts: list[str] = []
    before = ""
    for entry, payload in [(entry, entry.payload) for entry in (*tries, step)]:
        text = formatting.failure(payload, 60)
        parts.append(f"try {entry.attempt} {'same' if text == before else text}")
        before = text
    shown = parts if len(parts) <= 4 else [*parts[:2], f"… {len(parts) - 3} more", parts[-1]]
    return " · ".join([*shown, "not tried again"])
