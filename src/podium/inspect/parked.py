"""A parked run: what it was parked over, and what a person can do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..model import (
    ANSWER,
    CANCEL,
    OUTCOME,
    PAUSE,
    Message,
    Query,
    Reason,
    RunRow,
    State,
    is_undo,
    read_reason,
)
from ..store import Store
from .durations import ago

_NAMED = 3
_BELOW_MAX = 1000  # parked runs of one family that are looked at


def difference(reason: Reason) -> tuple[str, ...]:
    """What differs from the record, and the way out that whoever parked it has named."""
    diff = (f"on record: {reason.expected}", f"now asked: {reason.found}  at {reason.line}")
    return (*(diff if reason.expected else ()), *((reason.fix,) if reason.fix else ()))


def beside(store: Store, row: RunRow) -> Iterator[str]:
    """What else a person is to know: that it is to stop, where that has not reached its body, for it has
    something to undo, and cannot go on; and what is parked below it."""
    if any(message.kind == CANCEL for message in store.inbox(row.id)):
        yield "its parent has asked it to stop, and it does when it goes on"
    if also := also_parked(store, row):
        yield also


def counts_first(inbox: Sequence[Message]) -> str:
    """What lies in the inbox of a run before somebody asked it to stop or to pause, in words, or ""."""
    for message in sorted(inbox, key=lambda each: each.n):
        if message.kind in (CANCEL, PAUSE):
            break
        if message.kind in (ANSWER, OUTCOME):
            what = "an answer" if message.kind == ANSWER else "the end of a run that it awaits"
            return f"{what} came first and is taken first: if that ends it, it has ended so"
    return ""


def pausing_words(inbox: Sequence[Message], now: float) -> Iterator[str]:
    """That somebody has asked it to pause, and what comes before that or a cancel."""
    if pause := next((message for message in inbox if message.kind == PAUSE), None):
        yield f"it was asked to pause {ago(pause.at, now)}, and does before it begins anything else"
    if any(message.kind in (CANCEL, PAUSE) for message in inbox) and (first := counts_first(inbox)):
        yield first


def command_for(row: RunRow) -> str:
    """The command that lets it go on: resumed, a step that only a person can know of would park it again."""
    reason = read_reason(row.payload)
    if reason.step and not is_undo(reason.step):
        return f"podium settle {row.id} {reason.step}  with --happened RESULT, --again or --failed TEXT"
    return f"podium resume {row.id}"


def also_parked(store: Store, row: RunRow) -> str:
    """What is parked of all that a run has started, and would let it wait when it goes on; "": nothing."""
    top = row.root or row.id
    query = Query(states=frozenset({State.PARKED}), roots=frozenset({top}), limit=_BELOW_MAX)
    below = list(_below(store, row.id, store.find(query)))
    if not below:
        return ""
    named = ", ".join(f"{one.id} ({one.function.rpartition(':')[2]})" for one in below[:_NAMED])
    more = f" and {len(below) - _NAMED:,} more" if len(below) > _NAMED else ""
    meant = f"root:{top}" if top == row.id else " ".join(one.id for one in below[:_NAMED])
    return f"also parked, below it: {named}{more}; podium resume {meant}  puts them back in line"


def _below(store: Store, run: str, family: Sequence[RunRow]) -> Iterator[RunRow]:
    """Those of a family that come from this run."""
    parents = {one.id: one.parent for one in family}
    while missing := {parent for parent in parents.values() if parent and parent not in parents}:
        found = store.load_many(list(missing))
        parents |= {id: found[id].parent if id in found else "" for id in missing}
    for one in family:
        above = one.parent
        while above and above != run:
            above = parents[above]
        if above:
            yield one
