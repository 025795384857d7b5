"""How long a run will probably take: by the runs of its workflow that went well lately."""

from __future__ import annotations

import statistics
from typing import NamedTuple

from ..model import Query, RunRow, State
from .durations import span
from .store_view import StoreView

_RUNS_MAX, _RUNS_MIN = 20, 3  # the newest that are gone by; with fewer nothing is said


class Expected(NamedTuple):
    """The median of the last runs of a workflow that have succeeded, in seconds, and how many they were."""

    seconds: float
    runs: int


def expected(view: StoreView, function: str) -> Expected | None:
    """What a run of a function takes as a rule; None where too few have succeeded to say it."""
    query = Query(states=frozenset({State.SUCCEEDED}), function=function, limit=_RUNS_MAX)
    took = [length for row in view.store.find(query) if (length := _length(row)) is not None]
    return Expected(statistics.median(took), len(took)) if len(took) >= _RUNS_MIN else None


def forecast(usual: Expected, passed: float) -> str:
    """What that says of a run of so many seconds: "about 2 min left, by the median of 12 runs"."""
    left = usual.seconds - passed
    if left <= 0:
        return f"longer than usual: {span(usual.seconds)}, the median of {usual.runs} runs"
    return f"about {span(left)} left, by the median of {usual.runs} runs"


def _length(row: RunRow) -> float | None:
    # A retry and a fork begin with what their origin has done: they say nothing of a whole run.
    if row.origin or row.started is None or row.ended is None:
        return None
    return row.ended - row.started
