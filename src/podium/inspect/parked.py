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
    is_from_run,
    is_undo,
    read_reason,
)
from ..store import Store
from ..store.families import below
from .durations import ago

_NAMED = 3
_BELOW_MAX = 1000  # parked runs of one family that are looked at


def difference(reason: Reason) -> tuple[str, ...]:
    """What differs from the record, and the way out that whoever parked it has named."""
    diff = (f"on record: {reason.expected}", f"now asked: {reason.found}  at {reason.line}")
    return (*(diff if reason.expected else ()), *((reason.fix,) if reason.fix else ()))


def beside(store: Store, row: RunRow, now: float) -> Iterator[str]:
    """What else a person is to know: that it is to stop, where that has not reached its body, for it has
    something to undo, and cannot go on; and what is parked below it."""
    if asked := next((message for message in store.inbox(row.id) if message.kind == CANCEL), None):
        who, when = _asked_by(store, row, asked), ago(asked.at, now)
        yield f"{who} has asked it to stop, {when}, and it does when it goes on"
    if also := also_parked(store, row):
        yield also


def _asked_by(store: Store, row: RunRow, cancel: Message) -> str:
    """Who has sent it that: the message of a person has no name, which is on record beside it."""
    if is_from_run(cancel.id):
        return "its parent" if cancel.sender in ("", row.parent) else f"run {cancel.sender}"
    acts = (act for act in store.audited(run=row.id) if act.verb_of_run == CANCEL and act.at <= cancel.at)
    return next((act.by for act in acts if act.outcome in ("", "done")), "somebody")


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
    stuck = list(below(store, row, store.find(query)))
    if not stuck:
        return ""
    named = ", ".join(f"{one.id} ({one.function.rpartition(':')[2]})" for one in stuck[:_NAMED])
    more = f" and {len(stuck) - _NAMED:,} more" if len(stuck) > _NAMED else ""
    meant, them = " ".join(one.id for one in stuck[:_NAMED]), "them"
    if top == row.id:
        meant = f"root:{top}"
    elif more and all(one.parent == row.id for one in stuck):
        meant = f"parent:{row.id}"
    elif more:  # no query takes a part of a family
        them = f"these {_NAMED}"
    return f"also parked, below it: {named}{more}; podium resume {meant}  puts {them} back in line"
