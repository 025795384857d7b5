"""A run as a graph: what it did as boxes, and which of it waited for which, with a place for each box.

Drawn from the record alone, so code that branches or loops needs no declaration. Steps of one function that
ran in the same stretch are one box. An edge leads from what had ended to what then began: in a branch from
its step before, else from the last boxes that were wholly over. The layout is made here, so that a page, a
notebook and a file draw the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec

from ..model import (
    AGAIN,
    ANSWER,
    BESIDE,
    COPY_BEGAN,
    OUTCOME,
    SETTLE,
    STARTS,
    TURNS,
    UNFINISHED,
    Entry,
    Kind,
    State,
    read_name,
)
from .progress import place

BOXES_MAX = 60  # more than these, and each function of a depth is one box for the whole run
_KINDS = {"ask": "question", "callback": "callback", "send": "message", "timer": "timer"}


class GraphNode(msgspec.Struct, frozen=True, kw_only=True):
    """A box: `n` steps of one function. `kind` is step, run (a child), question, callback, message or timer;
    `state` that of the worst of them, `counts` how many are how. `seconds`: from the first begin to the last
    end that is on record. `run`: the child, where it is one. `column` and `row` count from 0; a row may lie
    between two."""

    id: str
    function: str
    kind: str
    state: str
    n: int
    counts: dict[str, int]
    retried: int
    seconds: float | None
    run: str | None
    column: int
    row: float


class GraphEdge(msgspec.Struct, frozen=True, kw_only=True):
    """From a box that had ended to one that then began. `back`: against the reading direction, a loop;
    `via`: columns and rows that are kept free for it where it passes boxes."""

    begin: str
    end: str
    back: bool
    via: list[tuple[int, float]]


class Graph(msgspec.Struct, frozen=True, kw_only=True):
    """Boxes in order of appearance, edges, and how large the drawing is. `folded`: whether stretches of the
    same function were made one box, because there were too many."""

    nodes: list[GraphNode]
    edges: list[GraphEdge]
    columns: int
    rows: float
    folded: bool
    version: int = 1


@dataclass(slots=True)
class _Step:
    identity: str
    scope: str
    function: str
    kind: str
    began: float
    end: float | None = None
    state: str = "running"
    retried: int = 0
    run: str | None = None


@dataclass(slots=True, eq=False)
class _Box:
    """Steps of one function at one depth, in one stretch."""

    number: int
    first: _Step
    steps: list[_Step] = field(default_factory=list[_Step])
    before: list[_Box] = field(default_factory=list["_Box"])
    column: int = 0
    row: float = 0.0

    @property
    def began(self) -> float:
        return min(step.began for step in self.steps)

    @property
    def end(self) -> float | None:
        """When all of it was over; None while some is not."""
        ends = [step.end for step in self.steps]
        return None if None in ends else max(end for end in ends if end is not None)


def graph(entries: Iterable[Entry], state: State) -> Graph:
    """What a run with this record did. Of steps under way only those are known that the record tells of."""
    steps = sorted(_steps(entries, state), key=lambda step: step.began)
    boxes = _stretches(steps)
    folded = len(boxes) > BOXES_MAX
    if folded:
        boxes = _by_function(steps)
    _join(boxes, folded)
    free = _place(boxes)
    edges = [
        GraphEdge(
            begin=str(a.number),
            end=str(b.number),
            back=a.column >= b.column,
            via=[(number, free[a.number, number]) for number in range(a.column + 1, b.column)],
        )
        for b in boxes
        for a in b.before
    ]
    rows = [*(box.row for box in boxes), *free.values()]
    return Graph(
        nodes=[_node(box) for box in boxes],
        edges=edges,
        columns=max((box.column + 1 for box in boxes), default=0),
        rows=max(rows, default=-1.0) + 1,
        folded=folded,
    )


# -- the steps ----------------------------------------------------------------------------------------------


def _steps(entries: Iterable[Entry], state: State) -> list[_Step]:
    found: dict[str, _Step] = {}
    seen = 0.0  # when the workflow had seen what came before: what only has an end began then
    for entry in entries:
        if entry.kind in TURNS or entry.step == COPY_BEGAN:
            continue
        before, seen = seen or entry.at, max(seen, entry.at)
        if entry.kind is Kind.MESSAGE:
            kind, came, step = read_name(entry.name)
            if kind == SETTLE and came == AGAIN:
                continue
            if kind in (OUTCOME, ANSWER, SETTLE) and step in found:
                failed = came in (State.FAILED, State.CANCELLED)
                found[step].end, found[step].state = entry.at, "failed" if failed else "succeeded"
            elif kind not in (OUTCOME, ANSWER, SETTLE):
                key = f"{entry.seq} {entry.step}"
                found[key] = _Step(key, "", step or kind, "message", before, entry.at, "succeeded")
        elif entry.kind not in BESIDE:
            _add(found, entry, before)
    for step in found.values():
        if step.end is None and state not in UNFINISHED:
            step.state, step.end = "cancelled", seen  # the run has ended, so this has
    return list(found.values())


def _add(found: dict[str, _Step], entry: Entry, before: float) -> None:
    scope, function = place(entry)
    step = found.get(entry.step)
    if step is None:
        kind = _kind(entry, function)
        name = function.strip("()")
        step = found[entry.step] = _Step(entry.step, scope, name, kind, entry.began or before)
    if entry.kind in STARTS or entry.kind is Kind.HANDED_BACK:
        step.state = "running"
    elif entry.kind is Kind.SENT:
        step.began, step.run = entry.at, entry.name if step.kind == "run" else None
        step.state, step.end = ("succeeded", entry.at) if step.kind == "message" else ("waiting", None)
    elif entry.kind is Kind.RETRY:
        step.state, step.retried = "retrying", step.retried + 1
    else:
        step.end = entry.at
        step.state = "failed" if entry.kind is Kind.ERROR else "succeeded"


def _kind(entry: Entry, function: str) -> str:
    if entry.kind is Kind.TICK:
        return "timer"
    if entry.kind is Kind.SENT:
        return _KINDS.get(function, "run") if entry.module == "podium" else "run"
    return "step"


# -- the boxes ----------------------------------------------------------------------------------------------


def _key(step: _Step) -> tuple[int, str]:
    return (step.scope.count(".") + 1 if step.scope else 0), step.function


def _stretches(steps: list[_Step]) -> list[_Box]:
    """Boxes of steps in order: one is closed as soon as all of it is over and something else has begun."""
    boxes: list[_Box] = []
    current: dict[tuple[int, str], _Box] = {}
    ends: dict[int, float] = {}  # of boxes, as far as they go
    last_begin: dict[int, float] = {}
    for step in steps:
        box = current.get(_key(step))
        if box is not None:
            end = ends[box.number]
            others = (at for number, at in last_begin.items() if number != box.number)
            if step.began >= end and any(at >= end for at in others):
                box = None
        if box is None:
            box = current[_key(step)] = _Box(len(boxes), step)
            boxes.append(box)
            if len(boxes) > BOXES_MAX:
                return boxes
        box.steps.append(step)
        last_begin[box.number] = step.began
        ends[box.number] = max(ends.get(box.number, 0.0), float("inf") if step.end is None else step.end)
    return boxes


def _by_function(steps: list[_Step]) -> list[_Box]:
    boxes: dict[tuple[int, str], _Box] = {}
    for step in steps:
        boxes.setdefault(_key(step), _Box(len(boxes), step)).steps.append(step)
    return list(boxes.values())


def _join(boxes: list[_Box], folded: bool) -> None:
    """Find what each box began after. Folded ones overlap, also those of the body itself: there the step
    before says it."""
    spans = {box.number: (box.began, box.end) for box in boxes}
    last: dict[str, tuple[_Box, _Step]] = {}  # by scope: its step that began last
    before: dict[int, dict[int, _Box]] = {box.number: {} for box in boxes}
    opens: set[int] = set()  # boxes with a step that is the first of its branch
    for box, step in sorted(((b, s) for b in boxes for s in b.steps), key=lambda pair: pair[1].began):
        known = last.get(step.scope)
        if known is None or not (step.scope or folded):
            opens.add(box.number)
        elif known[0] is not box:
            before[box.number][known[0].number] = known[0]
        last[step.scope] = box, step
    for box in boxes:
        over = [b for b in boxes if _ended(spans[b.number][1], spans[box.number][0]) and b is not box]
        if box.number in opens:
            for other in sorted(over, key=lambda b: spans[b.number][1] or 0.0, reverse=True):
                if not any(_leads(other, nearer) for nearer in before[box.number].values()):
                    before[box.number][other.number] = other
        box.before = list(before[box.number].values())


def _ended(end: float | None, begin: float) -> bool:
    return end is not None and end <= begin


def _leads(box: _Box, to: _Box) -> bool:
    """Whether one is, or comes before, the other by edges that are there."""
    seen: set[int] = set()
    todo = [to]
    while todo:
        one = todo.pop()
        if one is box:
            return True
        if one.number not in seen:
            seen.add(one.number)
            todo.extend(one.before)
    return False


def _place(boxes: list[_Box]) -> dict[tuple[int, int], float]:
    """Columns by the longest way there; rows in order of appearance, near what a box comes after. Answers the
    rows that are kept free for edges: by the box that they come from and the column that they pass."""
    for box in boxes:
        box.column = max((one.column + 1 for one in box.before if one.number < box.number), default=0)
    passing: dict[int, dict[int, _Box]] = {}  # by column: boxes whose edges go beyond it
    columns: dict[int, list[_Box]] = {}
    for box in boxes:
        columns.setdefault(box.column, []).append(box)
        for one in box.before:
            for number in range(one.column + 1, box.column):
                passing.setdefault(number, {})[one.number] = one
    most = max((len(columns[n]) + len(passing.get(n, ())) for n in columns), default=0)
    free: dict[tuple[int, int], float] = {}
    for number in sorted(columns):
        wanted = [(_middle(box), box.number, box) for box in columns[number]]
        wanted += [(_row(one, number - 1, free), -1, one) for one in passing.get(number, {}).values()]
        offset = (most - len(wanted)) / 2
        for at, (_, own, box) in enumerate(
            sorted(wanted, key=lambda each: (each[0], each[1], each[2].number))
        ):
            if own < 0:
                free[box.number, number] = offset + at
            else:
                box.row = offset + at
    return free


def _row(box: _Box, column: int, free: dict[tuple[int, int], float]) -> float:
    return box.row if box.column == column else free[box.number, column]


def _middle(box: _Box) -> float:
    rows = [one.row for one in box.before if one.column < box.column]
    return sum(rows) / len(rows) if rows else 0.0


_WORST = ("failed", "retrying", "running", "waiting", "cancelled", "succeeded")


def _node(box: _Box) -> GraphNode:
    counts = Counter(step.state for step in box.steps)
    began = box.began
    ends = [step.end for step in box.steps if step.end is not None]
    return GraphNode(
        id=str(box.number),
        function=box.first.function,
        kind=box.first.kind,
        state=next(state for state in _WORST if counts[state]),
        n=len(box.steps),
        counts=dict(counts),
        retried=sum(bool(step.retried) for step in box.steps),
        seconds=max(0.0, max(ends) - began) if ends else None,
        run=box.first.run if len(box.steps) == 1 else None,
        column=box.column,
        row=box.row,
    )
