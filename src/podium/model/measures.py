"""Numbers that bodies and tasks record, as the store has them: points of series."""

from __future__ import annotations

import msgspec


class Measure(msgspec.Struct, frozen=True, gc=False):
    """A point of a series. What follows `tags` says where it was made; there it is made once."""

    series: str
    at: float  # when, to the microsecond: of a body the time of its turn, of a task that of the call
    value: float
    tags: str = "{}"  # texts by name: JSON without spaces, sorted
    step: str = ""  # identity of the task's step, or of the call in a body
    attempt: int = 0  # counts from 1; 0 in a body
    ordinal: int = 0  # in its attempt
    generation: int = 0  # of its run
    run: str = ""  # that of the Write's fence; the store sets it


class MeasureQuery(msgspec.Struct, frozen=True):
    """Which points of one series are wanted."""

    series: str
    tags: tuple[str, ...] = ()  # each as `Measure.tags` has it: '"machine":"7"'
    since: float = float("-inf")  # included
    until: float = float("inf")  # not included
    limit: int = 1000  # the newest


class SeriesRow(msgspec.Struct, frozen=True):
    """A series: how many points it has, from when to when, and the last of them."""

    name: str
    count: int
    first: float
    last: float
    value: float  # at `last`


class MeasureBin(msgspec.Struct, frozen=True):
    """The points of a series in one stretch of time."""

    begin: float
    count: int
    total: float  # their sum
    low: float
    high: float
