"""What a run that only waits is waiting for from outside: other runs, people, other systems, signals."""

from __future__ import annotations

import shlex
from collections import deque
from typing import NamedTuple

from .. import codec
from ..model import OUTCOME, Expected, RunRow, State, WaitRow, read_expected
from .durations import until
from .store_view import StoreView

_SHOWN = 3
_ABOUT_WIDTH = 300
_LOOKED_AT = 1000
_FOLLOWED = 100  # runs that are looked at for one that waits for the first


def outside_cause(
    view: StoreView, row: RunRow, signals: bool = True
) -> tuple[str, str, tuple[str, ...], str] | None:
    """Kind, sentence, details and fix of its cause; None where it waits for none of these. `signals`: whether
    these are among them."""
    waits = view.store.open_waits(row.id, limit=_LOOKED_AT)
    expected = read_expected(row.payload) if signals else []
    open_ones = [*waits, *expected]
    if not open_ones:
        return None
    several = sum(bool(wait.prompt) for wait in waits) > 1
    first, *others = [_said(view, row, each, several) for each in open_ones[:_SHOWN]]
    more = (f"and {len(open_ones) - _SHOWN} more",) if len(open_ones) > _SHOWN else ()
    kind = "message" if not waits else "child" if waits[0].kind == OUTCOME else "question"
    about = waits[0].about if waits else None
    shown = (f"about {codec.preview(about, _ABOUT_WIDTH)}",) if about else ()
    details = (*shown, *(f"and for {what}" for what, _ in others), *more, *_timer(view, row, expected))
    return kind, f"it waits for {first[0]}", details, first[1]


class OutsideWait(NamedTuple):
    """What somebody outside is to give."""

    key: str  # another question has another one
    what: str  # "an answer to 'how many?'"
    command: str  # that gives it


def outside_waits(view: StoreView, row: RunRow) -> list[OutsideWait]:
    """The answers, completions and signals that a run waits for, or a run that it waits for; and which of
    these runs are parked, for a person to move. A few."""
    found: list[OutsideWait] = []
    seen, left = {row.id}, deque([row])
    while left and len(found) < _SHOWN:
        each = left.popleft()
        if each.state is State.PARKED and each is not row:
            found.append(OutsideWait(f"{each.id} parked", *_said_of_run(view, row, each.id)))
        waits = view.store.open_waits(each.id, limit=_FOLLOWED)
        asked = [wait for wait in waits if wait.kind != OUTCOME][:_SHOWN]
        for wait in (*asked, *(read_expected(each.payload) if each.state is State.WAITING else ())):
            key = f"{each.id} {wait.signal}" if isinstance(wait, Expected) else wait.target
            found.append(OutsideWait(key, *_said(view, each, wait, len(asked) > 1)))
        below = [wait.target for wait in waits if wait.kind == OUTCOME and wait.target not in seen]
        if below and len(seen) < _FOLLOWED:
            seen.update(below)
            left += view.store.load_many(below).values()
    return found[:_SHOWN]


def runs_waited_for(view: StoreView, row: RunRow) -> str:
    """ "run 1m8a (leaf) and 4 more", of runs alone; "": it waits for none."""
    targets = [wait.target for wait in view.store.open_waits(row.id, OUTCOME, _LOOKED_AT)]
    if not targets:
        return ""
    found = view.store.load(targets[0])
    label = "" if found is None else f" ({found.function.rpartition(':')[2]})"
    return f"run {targets[0]}{label}{f' and {len(targets) - 1:,} more' if len(targets) > 1 else ''}"


def _said(view: StoreView, row: RunRow, wait: WaitRow | Expected, several: bool) -> tuple[str, str]:
    """What it is, and the command that gives it. `several`: questions are open."""
    if isinstance(wait, Expected):
        up = "" if wait.due is None else f", whose time is up {until(wait.due, view.env.now())}"
        return f"the signal {wait.signal!r}{up}", f"podium send {row.id} {shlex.quote(wait.signal)} VALUE"
    if wait.kind == OUTCOME:
        return _said_of_run(view, row, wait.target)
    if wait.prompt:
        to = f" (to {wait.to})" if wait.to else ""
        which = f" --ask {shlex.quote(wait.target)}" if several else ""
        return f"an answer to {wait.prompt!r}{to}", f"podium answer {wait.run} VALUE{which}"
    return f"callback {wait.target}", f"podium complete {shlex.quote(wait.target)} VALUE"


def _said_of_run(view: StoreView, row: RunRow, target: str) -> tuple[str, str]:
    found = view.store.load(target)
    label = "" if found is None else f" ({found.function.rpartition(':')[2]})"
    way = _way_back(view, row.id, target)
    if way:
        by = f" by way of {', '.join(way[1:])}" if len(way) > 1 else ""
        circle = f"run {target}{label}, which waits for this run{by}: none of them ever ends"
        return circle, f"podium cancel {target}  ends the circle"
    state = "which is not there any more" if found is None else f"which is {found.state}"
    return f"run {target}{label}, {state}", f"podium why {target}"


def _way_back(view: StoreView, run: str, target: str) -> tuple[str, ...]:
    """The runs, each of which waits for the next, from `target` to one that waits for `run`; else none."""
    seen, ways = {target}, deque[tuple[str, ...]]()
    ways.append((target,))
    while ways and len(seen) <= _FOLLOWED:
        way = ways.popleft()
        for wait in view.store.open_waits(way[-1], OUTCOME, _LOOKED_AT):
            if wait.target == run:
                return way
            if wait.target not in seen:
                seen.add(wait.target)
                ways.append((*way, wait.target))
    return ()


def _timer(view: StoreView, row: RunRow, expected: list[Expected]) -> tuple[str, ...]:
    """What a run that receives signals waits for beside them."""
    if not expected or row.due is None or any(each.due == row.due for each in expected):
        return ()
    return (f"a timer of its body fires {until(row.due, view.env.now())}",)
