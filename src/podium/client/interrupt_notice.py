"""The lines that a script prints when Ctrl-C or SIGTERM ends it: who goes on with what it has left behind."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import suppress

from ..errors import StoreError
from ..inspect import can_act, would_take
from ..inspect.history import in_words, steps_on_record, tail
from ..model import ALERT, BY_ITS_PROGRAM, CANCEL, EngineRow, RunRow
from ..opening import store_flag
from ..store import Store
from .process import is_session
from .signals import is_cut_off, is_unwinding
from .undone import is_from_canceller


def is_interrupted() -> bool:
    """Whether Ctrl-C or SIGTERM ends the process, or Ctrl-C the block that is being left."""
    return is_unwinding() or is_cut_off()


def keep_status() -> None:
    """At exit: a program that Ctrl-C ends is to be known by its status. Python keeps in mind that it does,
    and forgets that as soon as text is run as code, which `namedtuple` does where a module is loaded late."""
    if getattr(sys, "last_type", None) is KeyboardInterrupt and not (sys.flags.interactive or is_session()):
        with suppress(KeyboardInterrupt):
            exec("raise KeyboardInterrupt")  # a text of ours, and nothing else reminds it


def tell_left(
    notice: Callable[[str], None],
    store: Store,
    url: str,
    starter: str,
    runs: Sequence[str],
    is_alive: Callable[[EngineRow], bool | None],
    interrupted: bool = True,
) -> None:
    """Say what became of the runs that a process asked for which is interrupted, or ends before them: in a
    line each of those that stand still now, those of them that are to stop, and those that another process
    has, or takes."""
    try:
        found = [row for row in map(store.load, runs) if row is not None]
        there = [row for row in found if row.function != ALERT]  # whoever is there next delivers these
        engines = [engine for engine in store.engines() if can_act(is_alive, engine)]
    except StoreError:  # then there is nothing that would be certain
        return
    going_on = {row.id for row in there if not row.state.is_final}
    rows = [row for row in there if row.parent not in going_on]  # a child goes on with its parent
    open_ones = [row for row in rows if not row.state.is_final]
    takers = {row.id: engine for row in open_ones if (engine := _taker(row, engines)) is not None}
    handed = [row for row in open_ones if row.id in takers]
    stopping = [row for row in open_ones if row.id not in takers and _is_asked_to_stop(store, row)]
    left = [row for row in open_ones if row.id not in takers and row not in stopping]
    if not (left or stopping or handed) and interrupted:
        left = rows
    if stopping:
        notice(_stopping_line(stopping, url))
    if left:
        notice(_line(left, steps_on_record(store, left[0].id), url, starter))
    if handed:
        notice(_handed_line(handed, takers[handed[0].id], url))


def _is_asked_to_stop(store: Store, row: RunRow) -> bool:
    """Whether it has not taken notice yet, or has lately, and cleans up."""
    waits = row.inbox and any(each.kind == CANCEL for each in store.inbox(row.id))
    return bool(waits) or any(map(is_from_canceller, tail(store, row)))


def _taker(row: RunRow, engines: Sequence[EngineRow]) -> EngineRow | None:
    """The living engine that has a run, or takes it now that it is handed back."""
    return next((engine for engine in engines if row.owner == engine.id or would_take(engine, row)), None)


def _stopping_line(rows: Sequence[RunRow], url: str) -> str:
    """Of runs that the grace was too short for: the same call would be a new run."""
    row, more = rows[0], f" and {len(rows) - 1:,} more" if len(rows) > 1 else ""
    were = "was" if len(rows) == 1 else "were"
    ends = (
        f"podium resume {row.id}{store_flag(url)} brings {'it' if len(rows) == 1 else 'the first'} to its end"
    )
    return f"podium: run {row.id}{more} {were} asked to stop, and has not ended yet: {ends}"


def _handed_line(rows: Sequence[RunRow], engine: EngineRow, url: str) -> str:
    row, more = rows[0], f" and {len(rows) - 1:,} more" if len(rows) > 1 else ""
    are, it = ("is", "it") if len(rows) == 1 else ("are", "them")
    who = f"process {engine.pid} on {engine.host} goes on with {it}"
    ends = f"podium cancel {row.id}{store_flag(url)} ends it"
    return f"podium: run {row.id}{more} {are} not stopped: {who}; {ends}"


def _line(left: Sequence[RunRow], steps: int, url: str, starter: str) -> str:
    row, more = left[0], f" and {len(left) - 1:,} more" if len(left) > 1 else ""
    if row.state.is_final:
        return f"podium: run {row.id}{more} {row.state} all the same: podium show {row.id}"
    again = "run the script again, or " if starter else ""
    resume = f"podium resume {row.id}{store_flag(url)}"
    if row.project == BY_ITS_PROGRAM:
        again, resume = "", "run the script again" if starter else f"nothing does; podium cancel {row.id}"
    return f"podium: stopped run {row.id} ({in_words(steps)}){more}; go on: {again}{resume}"
