"""A history as a tree: scopes are branches, steps of one function in one scope are one line with counts.

Branches that do the same fold into one, so a fan-out over 100,000 items is a line, and what was odd about
it a few more. Entries are read once, in order, and not kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import click

from ..model import DEADLINE, Entry, Kind, RunRow, State
from . import formatting

ODD_MAX = 3
_TIMER, _TIMEOUT = "timer", "timeout reached"


class Group:
    """The steps of one function, in one scope or in many that do the same."""

    def __init__(self, label: str, first: int) -> None:
        self.label, self.first = label, first  # the entry it began with
        self.done = self.failed = self.retried = 0
        self.seconds = self.longest = 0.0
        self.odd: list[str] = []  # failures, the first few
        self.waiting: dict[str, Entry] = {}  # steps whose next try or outcome is not on record

    def add(self, entry: Entry) -> None:
        """Count one entry."""
        self.waiting.pop(entry.step, None)
        if entry.kind is Kind.RETRY:
            self.retried += 1
            self.waiting[entry.step] = entry
        elif entry.kind is Kind.START:
            self.waiting[entry.step] = entry
        else:
            self.failed += entry.kind is Kind.ERROR
            self.done += entry.kind is not Kind.ERROR
            took = entry.at - entry.began if entry.began else 0.0
            self.seconds += took
            self.longest = max(self.longest, took)
            if entry.kind is Kind.ERROR and len(self.odd) < ODD_MAX:
                tries = f"try {entry.attempt}: " if entry.attempt > 1 else ""
                what = f"{formatting.sign(State.FAILED)} {tries}{formatting.failure(entry.payload, 120)}"
                called = formatting.failed_call(entry.payload)
                self.odd.append(f"{what}  {formatting.dim(f'in {called}')}" if called else what)

    def merge(self, other: Group) -> None:
        """Take in the same function's steps of a branch that does the same."""
        self.done += other.done
        self.failed += other.failed
        self.retried += other.retried
        self.seconds += other.seconds
        self.longest = max(self.longest, other.longest)
        self.odd = [*self.odd, *other.odd][:ODD_MAX]
        self.waiting.update(other.waiting)


class Branch:
    """A scope: its groups and the scopes below it."""

    def __init__(self, first: int) -> None:
        self.first = first  # the entry it began with
        self.count = 1  # how many scopes were folded into it
        self.groups: dict[str, Group] = {}
        self.below: dict[str, Branch] = {}

    def shape(self) -> tuple[object, ...]:
        """Two branches of one shape do the same."""
        below = {branch.shape() for branch in self.below.values()}
        return (frozenset(self.groups), frozenset(below))

    def merge(self, other: Branch) -> None:
        """Take in a branch of the same shape."""
        self.count += other.count
        for key, group in other.groups.items():
            self.groups[key].merge(group)
        self.below.update(
            {f"{other.count}/{self.count}/{key}": branch for key, branch in other.below.items()}
        )

    def fold(self) -> None:
        """Merge the branches below that do the same, from the leaves up."""
        folded: dict[tuple[object, ...], Branch] = {}
        for branch in self.below.values():
            shape = branch.shape()
            if shape in folded:
                folded[shape].merge(branch)
            else:
                folded[shape] = branch
        self.below = {str(number): branch for number, branch in enumerate(folded.values())}
        for branch in self.below.values():
            branch.fold()


class Story:
    """What a run did."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self.root = Branch(0)
        self.steps = self.retried = 0
        for entry in entries:
            if entry.kind is Kind.START and not entry.step:
                continue  # the engine's own book-keeping, see `engine.poison_bodies`
            self.retried += entry.kind is Kind.RETRY
            self.steps += entry.kind in (Kind.RESULT, Kind.ERROR)
            scope, label = _place(entry)
            branch = self.root
            for part in scope.split(".") if scope else ():
                branch = branch.below.setdefault(part, Branch(entry.seq))
            group = branch.groups.get(label)
            if group is None:
                group = branch.groups[label] = Group(label, entry.seq)
            group.add(entry)
        self.root.fold()

    def lines(self, row: RunRow, now: float) -> list[str]:
        """The tree."""
        return list(_lines(self.root, "", row, now))


def _place(entry: Entry) -> tuple[str, str]:
    """Scope and label of an entry."""
    if entry.kind is Kind.MESSAGE:
        return "", "✉ message"
    if not entry.step:
        return "", "taken up"
    scope, _, name = entry.step.partition("/")
    if entry.kind is Kind.TICK:
        return (scope if "/" in entry.step else ""), _TIMEOUT if entry.step == DEADLINE else _TIMER
    return scope, formatting.label(name.partition("#")[0])


def _lines(branch: Branch, indent: str, row: RunRow, now: float) -> Iterator[str]:
    while not branch.groups and len(branch.below) == 1:
        branch = next(iter(branch.below.values()))  # a scope that only holds another says nothing
    items: list[Group | Branch] = sorted(
        [*branch.groups.values(), *branch.below.values()], key=lambda item: item.first
    )
    for number, item in enumerate(items):
        last = number == len(items) - 1
        head = indent + formatting.dim("└─ " if last else "├─ ")
        under = indent + formatting.dim("   " if last else "│  ")
        if isinstance(item, Branch):
            simple = _only_group(item)
            if simple is None:
                yield f"{head}{formatting.dim(formatting.many(item.count, 'branch', 'branches'))}"
                yield from _lines(item, under, row, now)
                continue
            item = simple
        yield f"{head}{_group(item, row)}"
        yield from (f"{under}   {line}" for line in _details(item, row, now))


def _only_group(branch: Branch) -> Group | None:
    """The group that is all there is below a branch, so that it needs no line of its own."""
    while not branch.groups and len(branch.below) == 1:
        branch = next(iter(branch.below.values()))
    if len(branch.groups) == 1 and not branch.below:
        return next(iter(branch.groups.values()))
    return None


def _group(group: Group, row: RunRow) -> str:
    ended = group.done + group.failed
    if group.failed:
        sign = formatting.sign(State.FAILED)
    elif group.waiting:
        sign = formatting.sign(State.RUNNING if row.state is State.RUNNING else State.WAITING)
    else:
        sign = formatting.sign(State.SUCCEEDED)
    count = ended + len(group.waiting)
    times = f" {formatting.TIMES} {count:,}" if count > 1 else ""
    parts = [f"{sign} {group.label}{times}"]
    if group.label not in (_TIMER, _TIMEOUT) and ended:
        each = f"{formatting.span(group.seconds / ended)} each, {formatting.span(group.longest)} at most"
        parts.append(formatting.dim(formatting.span(group.seconds) if ended == 1 else each))
    parts += [click.style(f"{group.failed:,} failed", fg="red")] if group.failed and count > 1 else []
    parts += [click.style(f"{group.retried:,} retried", fg="yellow")] if group.retried else []
    return "  ".join(parts)


def _details(group: Group, row: RunRow, now: float) -> Iterator[str]:
    yield from group.odd
    if group.failed > len(group.odd):
        yield formatting.dim(f"… {group.failed - len(group.odd):,} more failed")
    if row.state.is_final:
        return
    for entry in list(group.waiting.values())[:ODD_MAX]:
        if entry.kind is Kind.RETRY:
            what = formatting.dim(formatting.failure(entry.payload[1:], 100))
            yield f"◍ try {entry.attempt + 1} {formatting.until(entry.due or now, now)}  {what}"
        else:
            yield f"● try {entry.attempt} began {formatting.ago(entry.at, now)}"
    if len(group.waiting) > ODD_MAX:
        yield formatting.dim(f"… {len(group.waiting) - ODD_MAX:,} more wait")


def entry_line(entry: Entry) -> str:
    """One entry on a line, for `--all`."""
    scope, label = _place(entry)
    place = f"{label}" + (f" in branch {scope}" if scope else "")
    payload = entry.payload
    if entry.kind is Kind.RETRY:
        payload = payload[1:]
    said = {Kind.RESULT: "✔", Kind.ERROR: "✖", Kind.RETRY: "◍", Kind.START: "●"}.get(entry.kind, "·")
    failed = entry.kind in (Kind.ERROR, Kind.RETRY)
    value = formatting.failure(payload, 120) if failed else formatting.preview(payload) if payload else ""
    called = formatting.failed_call(payload) if failed else ""
    value += f"  {formatting.dim(f'in {called}')}" if called else ""
    took = formatting.dim(formatting.span(entry.at - entry.began)) if entry.began else ""
    return "  ".join(part for part in (f"{entry.seq:>6,} {said} {place}", took, value) if part)
