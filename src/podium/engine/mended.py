"""Parked runs that a script takes up when it is run again: its code, mended meanwhile, may fit them now.

Whoever runs it again means the whole of what it was about. A run that waits for a parked one would wait for
ever, so what is parked below the run that a call comes to is looked for as well.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

import msgspec

from ..errors import ArgumentError, DecodeError, Mismatch
from ..functions import Function
from ..model import Fence, Move, Query, RunRow, RunStanding, State, Write, read_reason
from ..store import Store
from ..store.families import below

_MISFITS = frozenset({ArgumentError.code, DecodeError.code, Mismatch.code})  # of code and record
_PARKED = frozenset({State.PARKED})
PAGE = 1000  # rows of one look


def may_fit_now(row: RunRow, fingerprint: str) -> bool:
    """Whether a parked run is worth another try by this code: it is other code, or the record did not fit.
    One that somebody has paused waits for that person's word, whatever the code."""
    reason = read_reason(row.payload)
    return not reason.is_asked_for and (row.fingerprint != fingerprint or reason.code in _MISFITS)


def try_again(row: RunRow, fingerprint: str, now: float) -> Write:
    """Puts a parked run back in line, for this code first."""
    fence = Fence(row.id, row.token, _PARKED)
    return Write(fence, Move(State.WAITING, due=now, fingerprint=fingerprint))


def stuck_below(
    store: Store, functions: Mapping[str, Function], run: RunRow, now: float
) -> list[tuple[str, Write]]:
    """The parked runs below this one that its process has other code for by now, and what puts each back in
    line. Away from the engine's thread."""
    stuck = list(_stuck(store, functions, [run.root or run.id]))
    return [
        (row.id, try_again(row, functions[row.function].fingerprint, now)) for row in below(store, run, stuck)
    ]


def _stuck(store: Store, functions: Mapping[str, Function], roots: Collection[str]) -> Iterator[RunRow]:
    """Such runs of the families with these at their top."""
    query = Query(states=_PARKED, roots=frozenset(roots), limit=PAGE)
    while rows := store.find(query) if roots else ():
        for row in rows:
            function = functions.get(row.function)
            if function is not None and may_fit_now(row, function.fingerprint):
                yield row
        if len(rows) < PAGE:
            break
        query = msgspec.structs.replace(query, before=rows[-1].place)


def to_take_up(
    store: Store, functions: Mapping[str, Function], runs: Collection[str]
) -> set[tuple[str, str]]:
    """Which of these runs, by id and function, are parked, or have something stuck below them: one look for
    all of them. Away from the engine's thread."""
    standings: list[RunStanding] = [run for run in store.standings(list(runs)) if not run.state.is_final]
    with_stuck = {row.root for row in _stuck(store, functions, [run.id for run in standings])}
    return {(run.id, run.function) for run in standings if run.state is State.PARKED or run.id in with_stuck}
