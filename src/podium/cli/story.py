"""A history as a tree: scopes are branches, steps of one function in one scope a line with counts."""

from __future__ import annotations

from collections.abc import Iterator

import click

from ..inspect import (
    MESSAGE,
    TIMEOUT,
    TIMER,
    Branch,
    RunProgress,
    StepCounts,
    message_words,
    place,
    shown_payload,
)
from ..model import STARTS, Entry, Kind, RunRow, State, taken_from
from . import formatting
from .terminal import safe

ODD_MAX = 3
_SIGNS = {Kind.RESULT: "✔", Kind.ERROR: "✖", Kind.RETRY: "◍"}
_ENDED = "the body has ended"
_LABELS = {MESSAGE: "✉ message", TIMER: "timer", TIMEOUT: "timeout reached"}


def tree(progress: RunProgress, row: RunRow, now: float) -> list[str]:
    """What a run did, a line for each function and branch."""
    return list(_lines(progress.branches(), "", row, now))


def _lines(branch: Branch, indent: str, row: RunRow, now: float) -> Iterator[str]:
    while not branch.functions and len(branch.below) == 1:
        branch = next(iter(branch.below.values()))  # a scope that only holds another says nothing
    items: list[StepCounts | Branch] = sorted(
        [*branch.functions.values(), *branch.below.values()], key=lambda item: item.first
    )
    for number, item in enumerate(items):
        last = number == len(items) - 1
        head = indent + formatting.dim("└─ " if last else "├─ ")
        under = indent + formatting.dim("   " if last else "│  ")
        if isinstance(item, Branch):
            simple = None if item.undoes else _only_function(item)
            if simple is None:
                name = "undone" if item.undoes else formatting.many(item.count, "branch", "branches")
                yield f"{head}{formatting.dim(name)}"
                yield from _lines(item, under, row, now)
                continue
            item = simple
        yield f"{head}{_summary(item, row)}"
        yield from (f"{under}   {line}" for line in _details(item, row, now))


def _only_function(branch: Branch) -> StepCounts | None:
    """What is all there is below a branch, so that it needs no line of its own."""
    while not branch.functions and len(branch.below) == 1:
        branch = next(iter(branch.below.values()))
    if len(branch.functions) == 1 and not branch.below:
        return next(iter(branch.functions.values()))
    return None


def _summary(counts: StepCounts, row: RunRow) -> str:
    count = counts.ended + counts.unfinished
    times = f" {formatting.TIMES} {count:,}" if count > 1 else ""
    parts = [f"{_sign(counts, row)} {_label(counts.function)}{times}"]
    if counts.function not in _LABELS and counts.ended:
        each = (
            f"{formatting.span(counts.seconds / counts.ended)} each, "
            f"{formatting.span(counts.longest)} at most"
        )
        parts.append(formatting.dim(formatting.span(counts.seconds) if counts.ended == 1 else each))
    parts += [click.style(f"{counts.failed:,} failed", fg="red")] if counts.failed and count > 1 else []
    parts += [click.style(f"{counts.retried:,} retried", fg="yellow")] if counts.retried else []
    if row.state.is_final and counts.unfinished:
        parts.append(formatting.dim("not finished" if count == 1 else f"{counts.unfinished:,} not finished"))
    return "  ".join(parts)


def _sign(counts: StepCounts, row: RunRow) -> str:
    if counts.failed:
        return formatting.sign(State.FAILED)
    if counts.unfinished and row.state.is_final:  # of what the run left behind nothing is to come
        return formatting.sign(State.CANCELLED)
    if counts.unfinished:
        return formatting.sign(State.RUNNING if row.state is State.RUNNING else State.WAITING)
    return formatting.sign(State.SUCCEEDED)


def _details(counts: StepCounts, row: RunRow, now: float) -> Iterator[str]:
    for entry in counts.failures:
        tries = f"try {entry.attempt}: " if entry.attempt > 1 else ""
        yield f"{formatting.sign(State.FAILED)} {tries}{_failure(entry)}"
    if counts.failed > len(counts.failures):
        yield formatting.dim(f"… {counts.failed - len(counts.failures):,} more failed")
    yield from (f"✉ {safe(message_words(entry))}" for entry in counts.settled)
    if row.state.is_final:
        return
    waiting = [*counts.retrying.values(), *counts.begun.values()]
    for entry in waiting[:ODD_MAX]:
        if entry.kind is Kind.RETRY:
            when = "" if row.state is State.PARKED else f" {formatting.until(entry.due or now, now)}"
            yield f"◍ try {entry.attempt + 1}{when}  {formatting.dim(_failure(entry))}"
        elif entry.kind is Kind.SENT:  # a child, a question: somebody else's turn
            yield f"◌ began {formatting.ago(entry.at, now)}"
        else:
            yield f"● try {entry.attempt} began {formatting.ago(entry.at, now)}"
    if len(waiting) > ODD_MAX:
        yield formatting.dim(f"… {len(waiting) - ODD_MAX:,} more wait")


def _failure(entry: Entry) -> str:
    payload = entry.payload
    called = formatting.failed_call(payload)
    what = formatting.failure(payload, 120)
    return f"{what}  {formatting.dim(f'in {called}')}" if called else what


def _label(function: str) -> str:
    return _LABELS.get(function) or formatting.label(function)


def entry_line(entry: Entry) -> str:
    """One entry on a line, for `--all`."""
    function = place(entry)[1]
    if entry.kind is Kind.MESSAGE:
        where = f"✉ {safe(message_words(entry))}"
    elif function:
        where = _LABELS.get(function) or safe(entry.step)  # as it is named at fork and settle
    else:
        where = _ENDED if entry.kind is Kind.ENDING else "taken up"
    sign = "●" if entry.kind in STARTS else _SIGNS.get(entry.kind, "·")
    if entry.kind in (Kind.ERROR, Kind.RETRY):
        value = _failure(entry)
    else:
        value = formatting.preview(shown) if (shown := shown_payload(entry)) else ""
    if entry.kind is Kind.CHILD:
        value = formatting.dim(f"comes of run {safe(entry.name)}")
    if (source := taken_from(entry.name)) is not None:
        value += formatting.dim(f"  cached: from {source.run}, entry {source.seq}")
    took = formatting.dim(formatting.span(entry.at - entry.began)) if entry.began else ""
    return "  ".join(part for part in (f"{entry.seq:>6,} {sign} {where}", took, value) if part)
