"""A parked run: what it was parked over, and what a person can do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..model import ANSWER, CANCEL, OUTCOME, PAUSE, Message, Reason, RunRow, is_undo, read_reason
from .durations import ago


def difference(reason: Reason) -> tuple[str, ...]:
    """What differs from the record, and the way out that whoever parked it has named."""
    diff = (f"on record: {reason.expected}", f"now asked: {reason.found}  at {reason.line}")
    return (*(diff if reason.expected else ()), *((reason.fix,) if reason.fix else ()))


def stopping(inbox: Sequence[Message]) -> tuple[str, ...]:
    """That it is to stop, where that has not reached its body: it has something to undo, and cannot go on."""
    asked = any(message.kind == CANCEL for message in inbox)
    return ("its parent has asked it to stop, and it does when it goes on",) if asked else ()


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
