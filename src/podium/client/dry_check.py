"""`check_all`: what the runs on record would do on the code at hand, by a dry replay of each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Literal

import msgspec

from .. import codec
from ..engine import DryEnd, DryReplay
from ..errors import PodiumError, RunNotFound
from ..functions import Function
from ..inspect import ParsedQuery, StoreView, among, pages
from ..model import BY_ITS_PROGRAM, FINAL, UNFINISHED, RunRow, State, head_of_row

Foretold = Literal[
    "goes on",
    "as recorded",
    "ends otherwise",
    "would park",
    "would fail",
    "function gone",
    "code broken",
    "not checked",
]
_WELL = frozenset[Foretold]({"goes on", "as recorded", "ends otherwise", "not checked"})
# Gives the function of a run as its code is now. Raises RunNotFound where that declares no such function any
# more, another PodiumError where it cannot be loaded.
Find = Callable[[RunRow], Function]


class CheckedRun(msgspec.Struct, frozen=True, kw_only=True):
    """What a run would do on the code at hand.

    id, function, state   of the run, as it stands on record
    outcome   of one that has not ended: "goes on", "would park", "would fail"; of one that has: "as
              recorded", "ends otherwise" (the record fits, and leads to something else), "would park"; of
              either: "function gone", "code broken", "not checked" (its own program alone has its code)
    what, line, fix   what is found, "file:line" of it, and what helps; "" where there is nothing to say

    Example:

    >>> report.run("Oslo")
    'report of Oslo'
    >>> [(each.outcome, each.is_well) for each in podium.check(last=1)]
    [('as recorded', True)]
    """

    id: str
    function: str
    state: str
    outcome: Foretold
    what: str = ""
    line: str = ""
    fix: str = ""

    @property
    def is_well(self) -> bool:
        """Whether nothing stands against going on with it."""
        return self.outcome in _WELL


def check_all(view: StoreView, parsed: ParsedQuery, last: int, find: Find) -> Iterator[CheckedRun]:
    """Replay all that match and have not ended, and the newest `last` of those that have; newest first."""
    with DryReplay(view.store, view.env, view.options.turn_budget) as replay:
        for row in _rows(view, parsed, last):
            yield _check(replay, row, find)


def _rows(view: StoreView, parsed: ParsedQuery, last: int) -> Iterator[RunRow]:
    yield from _each(pages(view, among(parsed, UNFINISHED)))
    if last:
        yield from islice(_each(pages(view, among(parsed, FINAL))), last)


def _each(read: Iterable[list[RunRow]]) -> Iterator[RunRow]:
    for page in read:
        yield from page


def _check(replay: DryReplay, row: RunRow, find: Find) -> CheckedRun:
    if row.project == BY_ITS_PROGRAM:
        return _told(row, "not checked", "only the program that has begun it goes on with it")
    try:
        function = find(row)
    except RunNotFound as error:
        return _told(row, "function gone", error.message, fix=error.fix)
    except PodiumError as error:
        place = next(iter(getattr(error, "details", ())), "").partition("  ")[0]
        return _told(row, "code broken", f"{error.code}: {error.message}", place, error.fix)
    end = replay.of(head_of_row(row), function)
    if (reason := end.parked) is not None:
        return _told(row, "would park", f"{reason.code}: {reason.what}", reason.line, reason.fix)
    return _ended(row, end) if row.state in FINAL else _open(row, end)


def _open(row: RunRow, end: DryEnd) -> CheckedRun:
    if end.state is State.FAILED:
        what = f"its body fails where its record ends: {_failure(end)}"
        return _told(row, "would fail", what, end.line, "mend what raises it, before the run goes on")
    return _told(row, "goes on", line="" if end.line.startswith("?") else end.line)  # of what has no source


def _ended(row: RunRow, end: DryEnd) -> CheckedRun:
    """Of a run that somebody has terminated, the record does not lead to an end."""
    if row.state is State.CANCELLED and end.state in (None, State.CANCELLED):
        return _told(row, "as recorded")
    if end.state is None:
        return _told(row, "ends otherwise", f"it is {row.state}, and now asks for {end.open}", end.line)
    if end.state is not row.state:
        why = f": {_failure(end)}" if end.state is State.FAILED else ""
        return _told(row, "ends otherwise", f"it is {row.state}, and now would be {end.state}{why}", end.line)
    if end.state is State.SUCCEEDED and end.payload != row.payload:
        was, now = (codec.preview(payload, 80) for payload in (row.payload, end.payload))
        return _told(row, "ends otherwise", f"it returned {was}, and now would return {now}", end.line)
    return _told(row, "as recorded")


def _failure(end: DryEnd) -> str:
    return codec.describe_failure(end.payload).in_a_line()


def _told(row: RunRow, outcome: Foretold, what: str = "", line: str = "", fix: str = "") -> CheckedRun:
    return CheckedRun(
        id=row.id, function=row.function, state=str(row.state), outcome=outcome, what=what, line=line, fix=fix
    )
