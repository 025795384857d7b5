"""What a person's decision about a run amounts to: cancel, terminate, resume, retry, each as data to commit.

Nothing here reads or writes a store. What a run's state does not allow raises WrongState.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from enum import Enum
from typing import NamedTuple

import msgspec

from .. import codec
from ..engine import parking, paused
from ..errors import DecodeError, WrongState
from ..inspect import StepName
from ..model import (
    CANCEL,
    COPY_BEGAN,
    DEADLINE,
    FED,
    RETRIABLE,
    STARTS,
    EngineRow,
    Entry,
    Fence,
    Kind,
    Message,
    Move,
    NewRun,
    Outcome,
    RunRow,
    State,
    Verdict,
    Write,
    copy_of_row,
    head_of_new,
    id_of_retry,
    lineage_of,
    own_lineage_of,
    read_reason,
    with_undone,
)
from .undone import (
    has_come,
    has_failed,
    has_happened,
    is_from_canceller,
    is_from_people,
    past_of_retry,
    standing,
    uncertain,
)
from .writing import is_refused

_UNDRIVEN = frozenset({State.QUEUED, State.WAITING, State.PARKED})
_CANCELLED = "asyncio.exceptions:CancelledError"


class Cancelled(Enum):
    """What a cancel has come to."""

    ENDED = "ended"  # at once
    ASKED = "asked"  # its body stops at its next turn
    TOO_LATE = "too late"  # it had ended


def cancelling(row: RunRow, message_id: str, now: float) -> tuple[Write, ...]:
    """Writes to be tried one after the other, until one is not refused; none for a run that has ended.

    A queued body has not begun, a parked one cannot go on: such a run ends at once, unless somebody has taken
    it meanwhile. But a parked run that has something to undo is put back in line for that, and a retry, which
    may have copied such a thing, stays there. Any other body gets CancelledError at its next turn, whoever
    drives it by then.
    """
    if row.state.is_final:
        return ()
    asked = (Message(message_id, row.id, CANCEL, now),)
    ask = Write(messages=asked)
    fence = Fence(row.id, row.token, frozenset({State.PARKED}))
    back = Write(fence=fence, move=Move(State.WAITING, due=now), messages=asked)
    if row.state is State.PARKED and read_reason(row.payload).undoes:
        return back, ask
    if row.state is State.PARKED or (row.state is State.QUEUED and not row.copied):
        return _decision(row, Move(State.CANCELLED, at=now)), ask, back
    return ask, back  # which is for one that was paused in this moment


def cancelled_by(write: Write, verdict: Verdict) -> Cancelled:
    """What the write of `cancelling` that was not refused has done. Raises WrongState where all were."""
    if is_refused(verdict):
        run = write.messages[0].run if write.messages else ""
        raise WrongState(f"run {run} has moved on meanwhile", fix=f"podium cancel {run}  once more")
    if write.move is not None and write.move.state is State.CANCELLED:
        return Cancelled.ENDED
    return Cancelled.TOO_LATE if Outcome.GONE in verdict.messages else Cancelled.ASKED


def accepted(run: str, verdict: Verdict) -> Verdict:
    """The verdict on a decision. Raises WrongState where the run is not any more as it was seen."""
    if verdict.outcome is not Outcome.DONE:
        raise WrongState(f"run {run} has moved on meanwhile", fix=f"podium why {run}")
    return verdict


def terminating(row: RunRow, owner: EngineRow | None, now: float) -> Write:
    """The end of a run that nobody drives; its body does not run. `owner`: the living engine that has it."""
    return _decision(row, Move(State.CANCELLED, at=now), owner)


def pausing(row: RunRow, message: Message) -> tuple[Write, ...]:
    """Writes to be tried one after the other, until one is not refused; none for a run that is parked.

    One that nobody drives is parked at once; else whoever drives it lets end what has begun, and parks it.
    Raises WrongState where it has ended.
    """
    if row.state is State.PARKED:
        return ()
    if row.state.is_final:
        raise _has_ended(row)
    ask = Write(messages=(message,))
    if row.state is State.RUNNING or (row.inbox and row.started is not None):
        return (ask,)  # what lies there may be a cancel
    begins = row.due or 0.0 if row.started is None else 0.0
    reason = paused(message.sender, message.at, begins)
    return _decision(row, parking(reason, message.at, seen=row.messages)), ask


def resuming(row: RunRow, now: float, fingerprint: str | None = None) -> Write:
    """A parked run back in line, not before the time at which it was to begin; `fingerprint`: of the code of
    whoever resumes it, which may be mended."""
    if row.state is not State.PARKED:
        raise WrongState(f"run {row.id} is {row.state}, not parked", fix=_way_on(row))
    due = max(now, read_reason(row.payload).not_before)
    return _decision(row, Move(State.WAITING, due=due, fingerprint=fingerprint))


def settling(row: RunRow, step: str, message: Message) -> Write:
    """A run back in line that was parked because only a person can say what became of this step, which
    `message` says. Raises WrongState."""
    if row.state is not State.PARKED:
        raise WrongState(f"run {row.id} is {row.state}, not parked", fix=_way_on(row))
    reason = read_reason(row.payload)
    if reason.step == "":
        raise WrongState(f"run {row.id} is parked for another reason: {reason.what}", fix=_way_on(row))
    if not StepName(step).means(reason.step):
        raise WrongState(f"run {row.id} is parked over {reason.step}, not over {step}", fix=_way_on(row))
    back = _decision(row, Move(State.WAITING, due=message.at))
    return msgspec.structs.replace(back, messages=(msgspec.structs.replace(message, name=reason.step),))


def renaming(row: RunRow, owner: EngineRow | None, function: str, starter: str = "") -> Write:
    """A run of a function that is called otherwise now; its state and its record stay. `starter`: the script
    whose call gets it from now on, where that is another one."""
    return msgspec.structs.replace(_decision(row, owner=owner), rename=function, starter=starter)


def _decision(row: RunRow, move: Move | None = None, owner: EngineRow | None = None) -> Write:
    if row.state.is_final:
        raise _has_ended(row)
    if row.state not in _UNDRIVEN:
        where = f" in process {owner.pid} on {owner.host}, which alone may write for it" if owner else ""
        fix = f"podium cancel {row.id}  asks it to stop; or end that process first"
        raise WrongState(f"run {row.id} runs{where}", fix=fix)
    return Write(fence=Fence(row.id, row.token, _UNDRIVEN), move=move)


def _has_ended(row: RunRow) -> WrongState:
    return WrongState(f"run {row.id} has ended: {row.state}", fix=f"podium show {row.id}")


class Past(NamedTuple):
    """What of a failed run a retry goes on from."""

    own: Sequence[Entry]  # the record of its generation
    keep: int  # how many of these are copied
    well: int  # up to where it went well: results behind what is copied stand
    undone: frozenset[str]  # steps that were undone since; "": all that there are

    def has_undone(self, step: str) -> bool:
        """Whether what this step has come to was undone."""
        return step in self.undone or "" in self.undone


def past_of(row: RunRow, entries: Sequence[Entry]) -> Past:
    """Raises WrongState for a run that has not failed."""
    if row.state not in RETRIABLE:
        raise WrongState(
            f"run {row.id} is {row.state}; only a failed or cancelled one is retried", fix=_way_on(row)
        )
    own = [entry for entry in entries if entry.seq > row.base]
    past, undone = past_of_retry(own)
    past, open_effects = _before_stop(row, past), uncertain(own)
    well = _went_well_until(past, len(past), open_effects)
    failed = _failed_at(row, past, well) if row.state is State.FAILED else None
    keep = well if failed is None else _went_well_until(past, failed, open_effects)
    return Past(own, keep, well, undone)


def _went_well_until(past: Sequence[Entry], keep: int, open_effects: Container[str]) -> int:
    while keep and not _went_well(past[keep - 1], open_effects):
        keep -= 1
    return keep


def _failed_at(row: RunRow, past: Sequence[Entry], well: int) -> int | None:
    """The place of the failure that the run ended with, where something went well after it: a retry that had
    this in its past could only fail again. None: there is none, or what people have sent since would be lost.
    """
    last: dict[tuple[str, str, str], int] = {}  # a body that goes on after a failure may meet its like again
    try:
        for n, entry in enumerate(past):
            if has_failed(entry):
                leaves = codec.describe_failure(entry.payload).leaves()
                last.update((_key_of(leaf), n) for leaf in leaves)
        places = list(_places_of(codec.describe_failure(row.payload), last))
    except DecodeError:
        return None  # a damaged one says nothing
    first = min((n for n in places if n < well), default=None)
    return None if first is None or any(map(is_from_people, past[first:well])) else first


def _places_of(failure: codec.Failure, last: Mapping[tuple[str, str, str], int]) -> Iterator[int]:
    """Where the failure of a step that this is, or was raised `from`, came last; of a group, of each in it.

    Its context says nothing: that is what an `except` block handles, and other steps may have made up for it
    by then. To do these again would be worse than to fail again.
    """
    for leaf in failure.leaves():
        n = last.get(_key_of(leaf))
        if n is not None:
            yield n
        elif leaf.cause is not None:
            yield from _places_of(leaf.cause, last)


def _key_of(failure: codec.Failure) -> tuple[str, str, str]:
    return failure.type, failure.message, failure.call


def retrying(row: RunRow, past: Past, now: float) -> NewRun:
    """A new run from the recorded past of a failed one: it goes on at the step that failed."""
    own, keep, well, undone = past
    new = copy_of_row(row, id_of_retry(row.id), now, keep)
    begins = _where_fork_begins(new, own[:keep])
    stands = standing(own, keep, well, undone, (row.base + keep if keep else 0) + len(begins), now)
    context = with_undone(row.context, undone) if undone else new.context
    return msgspec.structs.replace(new, explicit_id=True, context=context, entries=(*begins, *stands))


def _where_fork_begins(new: NewRun, kept: Sequence[Entry]) -> tuple[Entry, ...]:
    """Of the retry of a fork that keeps nothing of the fork's own: where its copied past ends, before what it
    is to know; what stands before that is no business of a fork."""
    head = head_of_new(new)
    lineage, own = lineage_of(head), own_lineage_of(head)
    for entry in kept:
        if entry.step == COPY_BEGAN and entry.name:
            lineage = entry.name
    if lineage == own:
        return ()
    return (Entry(head.copied + 1, Kind.TICK, max(new.at, kept[-1].at), COPY_BEGAN, name=own),)


def _went_well(entry: Entry, open_effects: Container[str]) -> bool:
    """A retry begins after the last thing that did."""
    if entry.kind in STARTS:
        return entry.step in open_effects
    return has_happened(entry) or has_come(entry) or (entry.kind is Kind.TICK and entry.step != COPY_BEGAN)


def _before_stop(row: RunRow, entries: Sequence[Entry]) -> Sequence[Entry]:
    """The past without the timeout or the cancel that ended it, which would end the retry too: that has its
    own time, and nobody has cancelled it."""
    for n, entry in enumerate(entries):
        is_cancel = row.state is State.CANCELLED and is_from_canceller(entry)
        if is_cancel or (entry.kind is Kind.TICK and entry.step == DEADLINE):
            return entries[:n]  # all that came later, such as clean-up, followed from it
    last = max((n for n, entry in enumerate(entries) if entry.kind in FED), default=None)
    if last is not None and entries[last].kind is Kind.TICK and _timed_out(row):
        return entries[:last]  # an asyncio.timeout or wait_for of the body
    return entries


def _timed_out(row: RunRow) -> bool:
    if row.state is not State.FAILED:
        return False
    try:
        return all(map(_is_timeout, codec.describe_failure(row.payload).leaves()))
    except DecodeError:
        return False


def _is_timeout(failure: codec.Failure) -> bool:
    """Whether asyncio made it, of the cancellation that it sent; the rest is no timeout of the body's."""
    cause = failure.cause
    return failure.type == "builtins:TimeoutError" and cause is not None and cause.type == _CANCELLED


def _way_on(row: RunRow) -> str:
    if row.state in RETRIABLE:
        return f"podium retry {row.id}"
    if row.state.is_final:  # it does not go on
        return f"podium show {row.id}; a new run does a step of it again: podium fork {row.id} --at STEP"
    return f"podium why {row.id}  says how it can go on"
