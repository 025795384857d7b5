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
) -> tuple[list[tuple[str, Write]], list[RunRow]]:
    """The parked runs below this one that its process has other code for by now, and what puts each back in
    line; and those that stay parked. Away from the engine's thread."""
    again: list[tuple[str, Write]] = []
    stay: list[RunRow] = []
    for row in below(store, run, list(_parked(store, [run.root or run.id]))):
        if _fits_now(functions, row):
            again.append((row.id, try_again(row, functions[row.function].fingerprint, now)))
        else:
            stay.append(row)
    return again, stay


def _fits_now(functions: Mapping[str, Function], row: RunRow) -> bool:
    function = functions.get(row.function)
    return function is not None and may_fit_now(row, function.fingerprint)


def _parked(store: Store, roots: Collection[str]) -> Iterator[RunRow]:
    """The parked runs of the families with these at their top."""
    query = Query(states=_PARKED, roots=frozenset(roots), limit=PAGE)
    while rows := store.find(query) if roots else ():
        yield from rows
        if len(rows) < PAGE:
            break
        query = msgspec.structs.replace(query, before=rows[-1].place)


def to_take_up(
    store: Store, functions: Mapping[str, Function], runs: Collection[str]
) -> tuple[set[tuple[str, str]], list[RunRow]]:
    """Which of these runs, by id and function, are parked, or have something stuck below them; and what stays
    parked below the others. One look for all of them, away from the engine's thread."""
    standings: list[RunStanding] = [run for run in store.standings(list(runs)) if not run.state.is_final]
    rows = list(_parked(store, [run.id for run in standings]))
    with_stuck = {row.root for row in rows if _fits_now(functions, row)}
    meant = {run for run in standings if run.state is State.PARKED or run.id in with_stuck}
    looked_at = {run.id for run in meant}
    stay = [row for row in rows if row.root not in looked_at]
    return {(run.id, run.function) for run in meant}, stay
