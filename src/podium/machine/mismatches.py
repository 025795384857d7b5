"""Whether a record fits the code, and what is said where it does not."""

from __future__ import annotations

from typing import Any, Protocol

from msgspec import UNSET

from .. import codec
from ..errors import DecodeError, Mismatch
from ..functions import Function, registry
from ..lines import line_of
from ..model import Entry, subject_of
from .endings import blame, failed_with
from .steps import Finish, Step

_SHOWN = 80  # characters of a call's arguments in a mismatch; of the recorded ones there is only a digest
_CHANGED = "bring the recorded call back (same order, same arguments), then resume the run"
_UNCHANGED = (
    "take what differs in a task: a library's clock or chance, the order of a set, a global, os.environ; "
    "if the code was changed before the last resume, bring the recorded call back; then resume the run"
)


class Replayed(Protocol):
    """The machine that a record is fed to."""

    function: Function
    same_code: bool  # as the record was made under
    open: dict[str, Step]
    finished: Finish | None
    failure: BaseException | None

    def defined_at(self) -> str:
        """ "file:line" of the workflow's definition."""
        ...


def mismatch(
    machine: Replayed, entry: Entry, found: str | None = None, step: Step | None = None, where: str = ""
) -> Mismatch:
    """`found`: what the code asks for, or has done, in place of what is recorded; `where`: of the record."""
    asked = step or next(iter(machine.open.values()), None)
    if found is None:
        found = _spoken(asked.id) if asked else "nothing that this could be"
    recorded = subject_of(entry)
    expected = f"{_spoken(recorded) if recorded else f'a {entry.kind}'}{where} (entry {entry.seq})"
    line = line_of(*asked.line) if asked else machine.defined_at()
    does = found if machine.finished is not None else f"this code asks for {found}"
    what, fix = f"{line}: {does}, but the run recorded {expected}", _CHANGED
    if machine.same_code:
        what = f"{line}: this body does not decide the same twice: its code is as it was recorded under, "
        what, fix = f"{what}but now {does}, where the run recorded {expected}", _UNCHANGED
    return Mismatch(what, line=line, expected=expected, found=found, fix=fix)


def too_early(machine: Replayed, entry: Entry) -> Mismatch:
    """The body has ended, but its record goes on."""
    if machine.failure is None:
        return mismatch(machine, entry, f"{machine.function.label} returned")
    return blame(mismatch(machine, entry, failed_with(machine.function, machine.failure)), machine.failure)


_ONLY_A_DIGEST = ", whose arguments it keeps as a digest alone"


def require_same(machine: Replayed, entry: Entry, step: Step) -> None:
    """Raise Mismatch where the record is of another call than the step."""
    if step.digest != entry.digest:
        given = codec.preview_call(step.args, _SHOWN)
        raise mismatch(
            machine, entry, f"{_spoken(step.id)} with other arguments, {given}", step, _ONLY_A_DIGEST
        )
    module = step.function.module
    if module != entry.module and f"{entry.module}:{step.function.label}" in registry:
        # A function that has moved is the same one; one of the same name beside it is not.
        raise mismatch(machine, entry, f"{_spoken(step.id)} of {module}", step, f" of {entry.module}")


def decoded(entry: Entry, step: Step) -> Any:
    """The recorded value of a step. Raises DecodeError, with the line, where it does not fit any more."""
    if step.value is not UNSET:
        return step.value
    try:
        return codec.decode(entry.payload, step.returns)
    except DecodeError as error:
        what = f"{_spoken(step.id)} returned by the record (entry {entry.seq}) what it does not now"
        fix = "bring the annotation or the class back, then resume the run"
        raise DecodeError(f"{line_of(*step.line)}: {what}: {error.message}", fix=fix) from error


def _spoken(identity: str) -> str:
    """A step's identity as people say it: "2.1/pay#3" is "pay() (call 4 in branch 2.1)"."""
    scope, _, rest = identity.partition("/")
    name, _, occurrence = rest.partition("#")
    label = "a sleep or deadline" if name in ("timer", "deadline") else f"{name}()"
    place = f"branch {scope}" if scope else "the body"
    return f"{label} (call {int(occurrence or 0) + 1} in {place})"
