"""A parked run: what it was parked over, and what a person can do."""

from __future__ import annotations

from ..model import Reason, RunRow, is_undo, read_reason


def difference(reason: Reason) -> tuple[str, ...]:
    """What differs from the record, and the way out that whoever parked it has named."""
    diff = (f"on record: {reason.expected}", f"now asked: {reason.found}  at {reason.line}")
    return (*(diff if reason.expected else ()), *((reason.fix,) if reason.fix else ()))


def command_for(row: RunRow) -> str:
    """The command that lets it go on: resumed, a step that only a person can know of would park it again."""
    reason = read_reason(row.payload)
    if reason.step and not is_undo(reason.step):
        return f"podium settle {row.id} {reason.step}  with --happened RESULT, --again or --failed TEXT"
    return f"podium resume {row.id}"
