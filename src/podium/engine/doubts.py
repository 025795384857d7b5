"""What becomes of a step with an effect when it is not known whether that has happened: decisions alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from typing import NamedTuple

from .. import codec
from ..errors import DecodeError, EncodeError, TaskCrashed, TaskTimeout
from ..executors import NOT_DONE, Done, Ended
from ..machine import Step, UndoStep
from ..model import Message, State
from ..retry import Grant

_CUT_OFF = (TaskTimeout, TaskCrashed)  # failures that say nothing of what was done before


class Doubted(Enum):
    """By whom it is said whether a step that has failed for good has had its effect."""

    NOBODY = "nobody"  # its failure is its outcome
    ASKS = "asks"  # what verifies it
    PERSON = "person"
    FOR_GOOD = "for good"  # a person, too: it was to undo something, and its last retry has failed


def after_failure(step: Step, error: BaseException) -> Doubted:
    """Who decides after a failure that no retry follows."""
    if step.function.verify is not None:
        return Doubted.ASKS
    if isinstance(step, UndoStep):
        return Doubted.FOR_GOOD
    if step.function.once and isinstance(error, _CUT_OFF):
        return Doubted.PERSON
    return Doubted.NOBODY


def misfit(step: Step, message: Message) -> str:
    """Why the result that a person has settled is none that the step returns; "" where it is one."""
    if message.state != State.SUCCEEDED.value or isinstance(step, UndoStep):
        return ""
    try:
        codec.decode(message.payload, step.returns)
    except DecodeError as error:
        return f"what {message.sender or 'a person'} has settled is not what it returns ({error.message})"
    return ""


class Said(NamedTuple):
    """What the other side has said. None of these: it has not happened."""

    payload: bytes | None = None  # it has happened, with this result
    grant: Grant | None = None  # it is to be asked again
    doubt: str = ""  # that cannot be known


def after_look(
    step: Step, ended: Ended, granted: Sequence[int], uniform: Callable[[float, float], float]
) -> Said:
    """Read the outcome of an attempt at the function that verifies a step."""
    look, error = step.function.verify, ended.error
    assert look is not None
    if error is not None:
        policy = look.retry
        if policy is not None and isinstance(error, Exception) and not isinstance(error, EncodeError):
            grant = policy.next_delay(error, granted, 0.0, uniform)
            if grant is not None:
                return Said(grant=grant)
        return Said(doubt=f"{look.label} failed with {type(error).__name__}: {error}")
    value = codec.decode(ended.payload)
    if value is NOT_DONE:
        return Said()
    if not isinstance(value, Done):
        return Said(doubt=f"{look.label} returned {value!r:.80}, which is neither Done nor NOT_DONE")
    try:
        return Said(codec.encode(value.value, where=step.function.result_name, annotation=step.returns))
    except EncodeError as wrong:
        return Said(doubt=f"{look.label} returned Done with what cannot be kept: {wrong.message}")
