"""Failures of runs, gathered by what failed where."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from .. import codec
from ..codec import Failure
from ..errors import DecodeError
from ..model import Query, RunRow, State
from .dates import iso
from .store_view import StoreView
from .tracebacks import Frame, recorded_frames

BINS = 24
_EXAMPLES = 3
_PAGE = 500


class FailureGroup(msgspec.Struct, frozen=True, kw_only=True):
    """Runs that failed by the same type at the same line of the user's. `bins`: how many in each
    twenty-fourth of the time that was asked about, the oldest first; `message`, `source`: of the newest."""

    fingerprint: str
    type: str
    message: str
    where: str
    source: str
    call: str
    functions: list[str]
    n: int
    bins: list[int]
    first: str | None
    last: str | None
    examples: list[str]


def failure_groups(view: StoreView, since: float, most: int) -> tuple[list[FailureGroup], bool]:
    """Groups of what failed within so many seconds, the most frequent first; whether all was looked at."""
    now = view.env.now()
    rows: dict[str, list[RunRow]] = {}
    told: dict[str, tuple[Failure, Frame | None]] = {}
    query = Query(states=frozenset({State.FAILED}), ended=(now - since, float("inf")), limit=_PAGE)
    looked = 0
    while page := view.store.find(query):
        for row in page:
            failure = _failure(row.payload)
            frame = _place(failure)
            key = f"{failure.type} {frame.file}:{frame.line}" if frame else failure.type
            rows.setdefault(key, []).append(row)
            told.setdefault(key, (failure, frame))
        looked += len(page)
        if len(page) < _PAGE or looked >= most:
            break
        query = msgspec.structs.replace(query, before=page[-1].place)
    groups = [_group(key, *told[key], found, now - since, since) for key, found in rows.items()]
    groups.sort(key=lambda group: (-group.n, group.fingerprint))
    return groups, looked < most


def _failure(payload: bytes) -> Failure:
    """The one to tell: of a group the first that is in it."""
    try:
        return codec.describe_failure(payload).leaves()[0]
    except DecodeError:
        return Failure(type="", message=codec.preview(payload))


def _place(failure: Failure) -> Frame | None:
    """The innermost line of the user's own."""
    own = [frame for frame in recorded_frames(failure.traceback) if frame.is_users]
    return own[-1] if own else None


def _group(
    key: str, failure: Failure, frame: Frame | None, rows: Sequence[RunRow], begin: float, seconds: float
) -> FailureGroup:
    ends = [row.ended for row in rows if row.ended is not None]
    bins = [0] * BINS
    for at in ends:
        bins[min(BINS - 1, max(0, int((at - begin) * BINS / seconds)))] += 1
    return FailureGroup(
        fingerprint=key,
        type=failure.type,
        message=failure.message,
        where=f"{frame.file}:{frame.line}" if frame else "",
        source=frame.source if frame else "",
        call=failure.call,
        functions=sorted({row.function for row in rows}),
        n=len(rows),
        bins=bins,
        first=iso(min(ends, default=None)),
        last=iso(max(ends, default=None)),
        examples=[row.id for row in rows[:_EXAMPLES]],
    )
