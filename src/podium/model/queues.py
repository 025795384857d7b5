"""A queue on record: its limits, who has set them, and how full it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import msgspec


class QueueLimits(msgspec.Struct, frozen=True):
    """What a queue allows. `per`: the parameter whose values have the limits each for itself; "": the limits
    are of the whole queue, and its keys only take turns."""

    concurrency: int | None = None  # runs that are owned at once; None: any number
    rate: str = ""  # starts in a time: "100/m"; "": any number
    per: str = ""


class TaskSlots(NamedTuple):
    """The tasks among an engine's functions, and how many more of them it has a slot for."""

    executors: Mapping[str, str] = {}  # by name of the function: what runs it
    free: Mapping[str, int] = {}  # by executor; of one that is not named: any number


NO_TASKS = TaskSlots()


class QueueChange(msgspec.Struct, frozen=True):
    """A change of one queue, in a `Write`. What is None stays as it is.

    An operator's limits hold, whatever code declares, until `from_code` brings the code's back.
    """

    name: str
    at: float
    declared: QueueLimits | None = None  # what the code says
    if_new: bool = False  # `declared` counts only where no code has declared the queue yet
    limits: QueueLimits | None = None  # what an operator says; its `per` counts for nothing
    from_code: bool = False
    paused: bool | None = None
    by: str = ""  # who declares or sets it


class QueueRow(msgspec.Struct, frozen=True):
    """A queue as the store has it. `limits` hold; they are the operator's where `set_by` is not None."""

    name: str
    limits: QueueLimits = QueueLimits()
    declared: QueueLimits | None = None  # by code; None: by none so far
    declared_by: str = ""
    declared_at: float = 0.0
    set_by: str | None = None
    set_at: float = 0.0
    paused: bool = False
    next: float = 0.0  # nothing that its rate counts begins before, where that is of the whole queue


class LaneRow(msgspec.Struct, frozen=True):
    """The line of one key in a queue, once it has been served."""

    queue: str
    key: str
    served: float = 0.0  # when something of it was claimed last
    next: float = 0.0  # nothing that counts begins before: by the rate, or as a task has asked by RetryAfter


class LaneDepth(msgspec.Struct, frozen=True):
    """How much lies in one line."""

    queue: str
    key: str
    queued: int  # runs that have not begun
    waiting: int  # that have, and wait to go on
    running: int  # that an engine owns
    oldest: float | None  # since when the first of the queued ones is due
    next: float = 0.0  # see `LaneRow`
    held_by: str = ""  # the run that waits until then: it has asked for that by RetryAfter


class Pace(NamedTuple):
    """How a rate is kept: so many at once, then one each `interval` seconds."""

    burst: int
    interval: float

    def after(self, next: float, now: float) -> float:
        """When the next one may begin, where one begins now and might have since `next`."""
        return max(next, now - (self.burst - 1) * self.interval) + self.interval


_ROUNDING = 1e-6  # s: sums of intervals are rounded, and a minute must not come out short of one
_DIGITS = 9  # of a rate's count
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}


def pace_of(rate: str) -> Pace | None:
    """How "100/m" is kept: a tenth at once, the rest evenly spaced, so never more than 100 in any minute.

    None: it is no rate.
    """
    count, _, unit = rate.partition("/")
    is_count = count.isascii() and count.isdigit() and len(count) <= _DIGITS
    if not is_count or int(count) < 1 or unit not in _SECONDS:
        return None
    number = int(count)
    burst = max(1, number // 10)
    return Pace(burst, _SECONDS[unit] / (number - burst + 1) + _ROUNDING)


def changed_queue(row: QueueRow | None, change: QueueChange) -> QueueRow:
    """The queue after the change."""
    row = QueueRow(change.name) if row is None else row
    fields: dict[str, object] = {}
    if change.declared is not None and not (change.if_new and row.declared is not None):
        fields |= {"declared": change.declared, "declared_by": change.by, "declared_at": change.at}
    row = msgspec.structs.replace(row, **fields)
    declared = row.declared or QueueLimits()
    if change.from_code:
        row = msgspec.structs.replace(row, set_by=None, set_at=0.0)
    if change.limits is not None:
        limits = msgspec.structs.replace(change.limits, per=declared.per)
        row = msgspec.structs.replace(row, limits=limits, set_by=change.by, set_at=change.at)
    elif row.set_by is None:
        row = msgspec.structs.replace(row, limits=declared)
    else:
        row = msgspec.structs.replace(row, limits=msgspec.structs.replace(row.limits, per=declared.per))
    return row if change.paused is None else msgspec.structs.replace(row, paused=change.paused)
