"""What a fork amounts to: where a run's record is cut, and what the copy begins with, as data to commit.

A fork is a copy that goes its own way: it ends before the outcome of a step, or with a value in its place.
Nothing here reads or writes a store.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from ..checks import check_text
from ..errors import UsageError, WrongState
from ..inspect import StepName
from ..model import (
    ANSWER,
    COPY_BEGAN,
    FED,
    OUTCOME,
    STARTS,
    Entry,
    Head,
    Kind,
    NewRun,
    RunRow,
    fork_of_row,
    head_of_new,
    head_of_row,
    is_undo,
    own_lineage_of,
    read_name,
    subject_of,
)

_NAMED = 8  # steps, in an error
_KEPT_LAST = FED | {Kind.SENT}  # what a copy may end with: attempts that came to nothing are no past


class Cut(NamedTuple):
    """Where a record is cut."""

    keep: int  # entries of the run's generation that are copied
    step: str  # identity of the step whose outcome comes next; "" of a signal or a cancel
    means: Callable[[str], bool]  # whether the identity of an open step is meant
    is_over: bool = True  # the step has an outcome


def cut_at(row: RunRow, entries: Sequence[Entry], at: str | int) -> Cut:
    """Before the outcome that is meant: of the step with this identity or name, or the entry of this number.

    Raises UsageError where it is none, or may be several.
    """
    entries = [entry for entry in entries if entry.seq > row.base]
    if isinstance(at, int):
        found = [entry for entry in entries if entry.seq == at and entry.kind in FED]
        name = str(at)
    else:
        check_text("fork", "at", at, most=None)
        wanted, name = StepName(at), repr(at)
        found = [entry for entry in entries if entry.kind in FED and wanted.means(_step(entry))]
        begun = {entry.step for entry in entries if entry.kind not in FED and wanted.means(entry.step)}
        if not found and len(begun) == 1:  # it is not over
            return Cut(_trimmed(entries), begun.pop(), wanted.means, is_over=False)
    if len(found) != 1:
        several = ", ".join(dict.fromkeys(f"{_step(entry)} (entry {entry.seq})" for entry in found[:4]))
        fix = several or _can_be_named(row, entries)
        raise UsageError(f"run {row.id} has {'several steps' if found else 'no step'} {name}", fix=fix)
    step = _step(found[0])
    cut = Cut(_trimmed(entries[: entries.index(found[0])]), step, step.__eq__)
    _require_not_undone(row, entries, cut)
    return cut


def _can_be_named(row: RunRow, entries: Sequence[Entry]) -> str:
    """What a run can be forked at, in words."""
    steps = dict.fromkeys(
        step
        for entry in entries
        if (entry.kind in FED or entry.kind in STARTS or entry.kind is Kind.SENT)
        and (step := _step(entry) if entry.kind in FED else entry.step)
        and not is_undo(step)
    )
    numbered = f"what else came, a signal say, by the number of its entry: podium show {row.id} --all"
    if not steps:
        return f"no step is on record; {numbered}"
    more = f" and {len(steps) - _NAMED} more" if len(steps) > _NAMED else ""
    return f"these can be named: {', '.join(list(steps)[:_NAMED])}{more}; {numbered}"


def cut_before(row: RunRow, entries: Sequence[Entry], seq: int, cut: Cut) -> Cut:
    """The cut for a step that the body gave up over this entry. Raises UsageError."""
    entries = [entry for entry in entries if entry.seq > row.base]
    before = cut._replace(keep=_trimmed([entry for entry in entries if entry.seq < seq]))
    _require_not_undone(row, entries, before)
    return before


def _require_not_undone(row: RunRow, entries: Sequence[Entry], cut: Cut) -> None:
    """Raise UsageError where the copy would rest on what its origin has undone since."""
    if any(is_undo(entry.step) for entry in entries):
        # A step with an effect has a start on record.
        first = next((n for n, entry in enumerate(entries) if entry.kind in STARTS), len(entries))
        if cut.keep > first:
            raise UsageError(
                f"run {row.id} has undone what it did before {cut.step or 'that'}: none goes on from there",
                fix=f"fork at {entries[first].step}, or before it",
            )


def _step(entry: Entry) -> str:
    """The identity of the step whose outcome an entry is; "" where it is none."""
    is_outcome = entry.kind is not Kind.MESSAGE or read_name(entry.name)[0] in (OUTCOME, ANSWER)
    return subject_of(entry) if is_outcome and entry.step != COPY_BEGAN else ""


def _trimmed(entries: Sequence[Entry]) -> int:
    keep = len(entries)
    while keep and (entries[keep - 1].kind not in _KEPT_LAST or entries[keep - 1].step == COPY_BEGAN):
        keep -= 1
    return keep


def head_at(row: RunRow, cut: Cut) -> Head:
    """The run as if its record ended at the cut, for a dry replay."""
    head = head_of_row(row)
    return replace(head, entries=head.base + cut.keep)


def forking(row: RunRow, cut: Cut, new_id: str, now: float, outcome: Entry | None = None) -> NewRun:
    """The fork. `outcome`: what the step comes to in it, an entry that is numbered after what is copied."""
    new = fork_of_row(row, new_id, now, cut.keep)
    if outcome is None:
        return new
    if not cut.keep:
        return replace(new, entries=(outcome,))
    at = max(now, outcome.at)
    began = Entry(outcome.seq, Kind.TICK, at, COPY_BEGAN, name=own_lineage_of(head_of_new(new)))
    return replace(new, entries=(began, replace(outcome, seq=outcome.seq + 1, at=at)))


def require_no_children(row: RunRow, children: Iterable[RunRow]) -> None:
    """Raise WrongState where a run that this one has started, and takes along when it ends, has not ended."""
    for child in children:
        if not child.state.is_final:
            raise WrongState(
                f"run {child.id}, a child of run {row.id}, has not ended: two runs would go on with it",
                fix=f"wait for it, or: podium cancel {child.id}",
            )
