"""The line that a script prints when Ctrl-C or SIGTERM ends it: how to go on with what it has left behind."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from ..errors import StoreError
from ..inspect.history import in_words, steps_on_record
from ..model import RunRow
from ..store import Store
from .location import store_flag
from .signals import is_unwinding


def is_interrupted() -> bool:
    """Whether Ctrl-C or SIGTERM ends the process, or Ctrl-C the block that is being left."""
    if is_unwinding():
        return True
    # At exit nothing is being handled any more; the interpreter keeps what it has printed.
    return sys.exc_info()[0] is KeyboardInterrupt or getattr(sys, "last_type", None) is KeyboardInterrupt


def tell_left(
    notice: Callable[[str], None], store: Store, url: str, starter: str, runs: Sequence[str]
) -> None:
    """Say in one line what became of the runs that an interrupted process asked for."""
    try:
        rows = [row for row in map(store.load, runs) if row is not None]
    except StoreError:  # then there is nothing that would be certain
        return
    if rows:
        left = [row for row in rows if not row.state.is_final] or rows
        notice(_line(left, steps_on_record(store, left[0].id), url, starter))


def _line(left: Sequence[RunRow], steps: int, url: str, starter: str) -> str:
    row, more = left[0], f" and {len(left) - 1:,} more" if len(left) > 1 else ""
    if row.state.is_final:
        return f"podium: run {row.id}{more} {row.state} all the same: podium show {row.id}"
    again = "run the script again, or " if starter else ""
    resume = f"podium resume {row.id}{store_flag(url)}"
    return f"podium: stopped run {row.id} ({in_words(steps)}){more}; go on: {again}{resume}"
