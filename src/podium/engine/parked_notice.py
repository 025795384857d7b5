"""Says which runs are parked below those that somebody waits for: who waits sees nothing of them, and would
wait for ever. Engine thread only."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from ..model import Head, Move, Reason, RunRow, read_reason

log = logging.getLogger("podium")

# By function and sort of reason how many were told of; by "" and its id whether a run was.
Told = dict[tuple[str, str], int]

_NAMED = 3  # runs of one function and sort
_KNOWN_MAX = 10_000


def parks(told: Told, head: Head, move: Move) -> None:
    """A run is parked here. Of one that somebody has paused that person knows."""
    reason = read_reason(move.payload)
    if head.parent and not reason.is_asked_for:
        _know(told, [head.id])
        if _tell(told, head.id, head.function, head.parent, reason) == _NAMED + 1:
            log.warning("more runs of %s are parked; see: podium runs status:parked", _label(head.function))


def found(told: Told, rows: Iterable[RunRow]) -> None:
    """These are parked, and stay so, below runs that calls have come to."""
    news = [row for row in rows if ("", row.id) not in told]
    _know(told, [row.id for row in news])
    more = [
        row
        for row in news
        if _tell(told, row.id, row.function, row.parent, read_reason(row.payload)) > _NAMED
    ]
    if more:
        tops = {row.root for row in more}
        which = f"root:{tops.pop()} " if len(tops) == 1 else ""
        are = "run is" if len(more) == 1 else "runs are"
        log.warning("%s more %s parked; see: podium runs %sstatus:parked", f"{len(more):,}", are, which)


def _know(told: Told, runs: Iterable[str]) -> None:
    if len(told) > _KNOWN_MAX:
        told.clear()  # and what was told is told anew
    told.update({("", run): 1 for run in runs})


def _tell(told: Told, run: str, function: str, parent: str, reason: Reason) -> int:
    """Name it, if it is among the first of its kind; which one of these it is."""
    nth = told[function, reason.code] = told.get((function, reason.code), 0) + 1
    if nth <= _NAMED:
        what = "run %s of %s, which %s has started, is parked: %s; see: podium why %s"
        log.warning(what, run, _label(function), parent, reason.what, run)
    return nth


def _label(function: str) -> str:
    return function.rpartition(":")[2]
