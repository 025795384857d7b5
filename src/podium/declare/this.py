"""The run that the calling code is of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import late
from ..client import OwnRun, Run
from ..errors import UsageError
from ..executors import current_attempt
from ..machine import current_machine

if TYPE_CHECKING:
    from ..client import found
else:
    found = late.module(globals(), "..client.found")


def this() -> Run[Any]:
    """The run whose body or task this is.

    In a task it is the run as anybody else has it. In a body, which is replayed, it has its `id` and can
    `send` itself a signal; what reads, or waits for its end, is refused with the line. Raises UsageError
    outside of both.

    Example, in a task:

    >>> podium.this().value("stage") is None
    True
    """
    if (machine := current_machine()) is not None:
        return Run(OwnRun(machine))
    attempt = current_attempt.get()
    if attempt is None:
        raise UsageError("this() works in the body of a workflow, and in a task that one runs")
    return found.get(attempt.run)
