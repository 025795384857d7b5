"""A parked run: what it was parked over, and what a person can do."""

from __future__ import annotations

from collections.abc import Sequence

from ..model import CANCEL, Message, Reason, RunRow, is_undo, read_reason


def difference(reason: Reason) -> tuple[str, ...]:
    """What differs from the record, and the way out that whoever parked it has named."""
    diff = (f"on record: {reason.expected}", f"now asked: {reason.found}  at {reason.line}")
    return (*(diff if reason.expected else ()), *((reason.fix,) if reason.fix else ()))


def stopping(inbox: Sequence[Message]) -> tuple[str, ...]:
    """That it is to stop, where that has not reached its body: it has something to undo, and cannot go on."""
    asked = any(message.kind == CANCEL for message in inbox)
    return ("its parent has asked it to stop, and it does when it goes on",) if asked else ()


def command_for(row: RunRow) -> str:
    """The command that lets it go on: resumed, a step that only a person can know of would park it again."""
    reason = read_reason(row.payload)
    if reason.step and not is_undo(reason.step):
        return f"podium settle {row.id} {reason.step}  with --happened RESULT, --again or --failed TEXT"
    return f"podium resume {row.id}"
