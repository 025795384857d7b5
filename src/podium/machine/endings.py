"""What is said of a body that ended as it should not: late, cancelled by nobody, before its record."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from .. import codec
from ..errors import Mismatch, UnaskedCancel
from ..functions import Function
from ..lines import line_of
from .lines import raised_at, where_defined
from .steps import Step

# Of asyncio.gather and its like, and of `await`.
_NOT_AWAITABLE = ("a coroutine or an awaitable is required", "can't be used in 'await' expression")
# Of asyncio.run and asyncio.Runner, and of a new loop's run_until_complete.
_SECOND_LOOP = ("cannot be called from a running event loop", "while another loop is running")


def overrun(function: Function, running: Iterable[Step]) -> str:
    """What the workflow's own deadline says: from the recorded order alone, so a replay says the same."""
    names = list(dict.fromkeys(f"`{step.function.label}`" for step in running))
    if len(names) > 3:
        names[3:] = [f"{len(names) - 3} more"]
    doing = f", while {', '.join(names)} {'was' if len(names) == 1 else 'were'} running" if names else ""
    return f"{function.label} took longer than its timeout of {function.timeout:g} s{doing}"


def unasked(function: Function, error: asyncio.CancelledError) -> UnaskedCancel:
    """For a CancelledError that left the body though nobody had cancelled the run."""
    line = raised_at(error) or line_of(*where_defined(function.fn))
    return UnaskedCancel(
        f"{line}: CancelledError ended {function.label}, but nobody asked for its cancellation",
        fix="await what the body cancels inside `try: ... except asyncio.CancelledError`",
    )


def failed_with(function: Function, error: BaseException) -> str:
    """ "flow failed with ValueError: boom", for the record of a body that went on there."""
    told = codec.describe_failure(codec.encode_failure(error))
    return f"{function.label} failed with {told.in_a_line()}"


def explain(error: BaseException) -> None:
    """Add a note to what Python says of a value that was awaited, mostly that of a plain `def` task, and of a
    second event loop."""
    if type(error) is RuntimeError and str(error).endswith(_SECOND_LOOP):
        error.add_note(
            "a workflow's body has an event loop: make it `async def` and await; or do it in a task"
        )
    if type(error) is TypeError and str(error).endswith(_NOT_AWAITABLE):
        error.add_note("a plain `def` task gives its value when it is called; to await it: task.start(...)")


def blame(mismatch: Mismatch, error: BaseException) -> Mismatch:
    """The mismatch with the exception behind it, at the line that raised it."""
    line = raised_at(error)
    if line:
        mismatch.message = mismatch.message.replace(mismatch.line, line, 1)
        mismatch.args, mismatch.line = (mismatch.message,), line
    mismatch.__cause__ = error
    return mismatch
