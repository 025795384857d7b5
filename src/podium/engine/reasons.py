"""Why the engine parks a run, written down; `model.reason` reads it."""

from __future__ import annotations

import traceback
from datetime import UTC, datetime

import msgspec

from .. import codec
from ..codec.schemas import schema_of
from ..errors import EffectInWorkflow, Mismatch, PodiumError, TurnBudgetExceeded
from ..functions import Function
from ..lines import line_of
from ..machine import Machine, Step, UndoStep, where_defined
from ..model import PAUSED, Head, Move, Reason, State, label_of, read_reason
from .attempts import Attempts


def parking(
    reason: bytes,
    at: float,
    fingerprint: str | None = None,
    undoes: bool = False,
    seen: int | None = None,
) -> Move:
    """The move that parks a run now. `undoes`: it has done what its cancel would undo; `seen`: see `Move`."""
    dated = msgspec.structs.replace(read_reason(reason), at=at, undoes=undoes)
    return Move(State.PARKED, payload=msgspec.json.encode(dated), fingerprint=fingerprint, seen=seen)


def explain(error: BaseException) -> bytes:
    """The reason that an error in driving the run amounts to."""
    if isinstance(error, Mismatch):
        trace = _trace(error.__cause__) if error.__cause__ is not None else ""
        reason = Reason(error.code, error.message, error.fix, error.line, error.expected, error.found, trace)
    elif isinstance(error, EffectInWorkflow):
        reason = Reason(error.code, str(error), error.fix, error.line)
    elif isinstance(error, TurnBudgetExceeded):
        what = f"{error.line}: this workflow computed for longer than its turn budget without waiting"
        reason = Reason(error.code, what, "move the work into a @task, then resume the run", error.line)
    elif isinstance(error, PodiumError):
        reason = Reason(error.code, error.message, error.fix, trace=_trace(error))
    else:
        reason = Reason(
            "E900", f"driving this run failed: {error!r}", "please report this", trace=_trace(error)
        )
    return msgspec.json.encode(reason)


def _trace(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))[-8000:]


def poisoned(step: Step, lost: int) -> bytes:
    """An attempt at this step took its process down with it, again and again."""
    call = codec.called(step.function.label, step.args, step.item) or step.function.label
    what = f"{call} was lost with its process {lost} times"
    fix = (
        "find out what kills the process (memory? os._exit?), or let it be the task's own, "
        '@task(isolation="process"); then resume the run'
    )
    return msgspec.json.encode(Reason("E207", what, fix, line_of(*step.line)))


def doubted(head: Head, machine: Machine, attempts: Attempts) -> bytes:
    """Nothing runs any more, and of a step it is not known whether it has had its effect, or it is to undo
    something and cannot."""
    id, why = next(iter(attempts.doubts.items()))
    step, key = machine.open[id], attempts.key_of(head, id)
    call = codec.called(step.function.label, step.args, step.item) or step.function.label
    schema = ""
    if isinstance(step, UndoStep):
        what = f"{call}, which undoes {label_of(step.of) or 'what was done'}, failed for good: {why}"
    else:
        what = f"{call}: {why}, and whether it has happened is not known"
        schema = schema_of(step.returns)
    if machine.cancel_asked:
        what += "; the run was asked to stop, and ends when that is settled"
    settle = f"podium settle {head.id} {step.id}"
    fix = f"look there by the key {key}, then: {settle} --happened RESULT, or --again, or --failed TEXT"
    reason = Reason("E216", what, fix, line_of(*step.line), step=step.id, key=key, schema=schema)
    return msgspec.json.encode(reason)


def paused(by: str, at: float, not_before: float = 0.0) -> bytes:
    """A person has asked the run to wait. `not_before`: when it was to begin."""
    when = datetime.fromtimestamp(at, UTC).isoformat(" ", "seconds").removesuffix("+00:00")
    who = f" by {by}" if by else ""
    return msgspec.json.encode(
        Reason(
            PAUSED, f"paused{who} at {when} UTC", "resume the run when it is to go on", not_before=not_before
        )
    )


def poisoned_body(function: Function) -> bytes:
    """Each process that took this run up died in the turn of its body."""
    what = f"the body of {function.label} took the process down that drove it, again and again"
    fix = "find out what kills it (memory? a crash in C?), move that into a @task, then resume the run"
    return msgspec.json.encode(Reason("E207", what, fix, line_of(*where_defined(function.fn))))


def stuck(machine: Machine) -> bytes:
    """The body waits for something that no step, timer or message can ever bring."""
    what = f"{machine.function.label} waits, but no step, timer or message can ever wake it: a deadlock"
    fix = "see what its branches wait for (a queue nobody fills, an event nobody sets), then resume the run"
    return msgspec.json.encode(Reason("E208", what, fix))
