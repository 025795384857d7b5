"""What a person's decision about a run amounts to: cancel, terminate, resume, retry, each as data to commit.

Nothing here reads or writes a store. What a run's state does not allow raises WrongState.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from .. import codec
from ..errors import DecodeError, WrongState
from ..model import COPY_BEGAN, DEADLINE, FED, Entry, Fence, Kind, Message, Move, NewRun, RunRow, State, Write

_UNDRIVEN = frozenset({State.QUEUED, State.WAITING, State.PARKED})
_CANCELLED = "asyncio.exceptions:CancelledError"
# A retry begins after the last thing that went well.
_WENT_WELL = frozenset({Kind.RESULT, Kind.TICK})


def cancelling(run: str, message_id: str, now: float) -> Write:
    """CancelledError for the body at its next turn, whoever drives it by then."""
    return Write(messages=(Message(message_id, run, "cancel", now),))


def terminating(row: RunRow, now: float) -> Write:
    """The end of a run that nobody drives; its body does not run."""
    return _decision(row, Move(State.CANCELLED, at=now))


def resuming(row: RunRow, now: float, fingerprint: str | None = None) -> Write:
    """A parked run back in line; `fingerprint`: of the code of whoever resumes it, which may be mended."""
    if row.state is not State.PARKED:
        raise WrongState(f"run {row.id} is {row.state}, not parked", fix=_way_on(row))
    return _decision(row, Move(State.WAITING, due=now, fingerprint=fingerprint))


def renaming(row: RunRow, function: str) -> Write:
    """A run of a function that is called otherwise now; its state and its record stay."""
    return msgspec.structs.replace(_decision(row), rename=function)


def _decision(row: RunRow, move: Move | None = None) -> Write:
    if row.state not in _UNDRIVEN:
        raise WrongState(f"run {row.id} is {row.state}", fix=_way_on(row))
    return Write(fence=Fence(row.id, row.token, _UNDRIVEN), move=move)


def retrying(row: RunRow, entries: Sequence[Entry], new_id: str, now: float) -> NewRun:
    """A new run from the recorded past of a failed one: it goes on at the step that failed."""
    if row.state not in (State.FAILED, State.CANCELLED):
        raise WrongState(
            f"run {row.id} is {row.state}; only a failed or cancelled one is retried", fix=_way_on(row)
        )
    entries = _before_timeout(row, entries)
    keep = len(entries)
    while keep and (entries[keep - 1].kind not in _WENT_WELL or entries[keep - 1].step == COPY_BEGAN):
        keep -= 1
    return NewRun(
        id=new_id,
        function=row.function,
        args=row.args,
        digest=row.digest,
        at=now,
        fingerprint=row.fingerprint,
        copy_from=(row.id, keep) if keep else None,
        origin=row.id,
        project=row.project,
        seed=row.seed,
        began=row.began,
        context=row.context,
        tags=row.tags,
    )


def _before_timeout(row: RunRow, entries: Sequence[Entry]) -> Sequence[Entry]:
    """The past without the timeout that ended it, which would end the retry too: that has its own time."""
    for n, entry in enumerate(entries):
        if entry.kind is Kind.TICK and entry.step == DEADLINE:
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
    return f"podium why {row.id}  says how it can go on"
