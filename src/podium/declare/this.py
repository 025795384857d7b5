"""The run that the calling code is of."""

from __future__ import annotations

from typing import Any

from ..client import OwnRun, Run, RunAround, current_app
from ..errors import UsageError
from ..executors import current_attempt
from ..machine import current_machine


def this() -> Run[Any]:
    """The run whose body or task this is.

    In a task it is the run as anybody else has it; to know which one that is takes no look at the store. In a
    body, which is replayed, it has its `id` and can `send` itself a signal; what reads, or waits for its end,
    is refused with the line. Raises UsageError outside of both.

    Example, in a task:

    >>> podium.this().value("stage") is None
    True
    """
    if (machine := current_machine()) is not None:
        return Run(OwnRun(machine))
    attempt = current_attempt.get()
    if attempt is None:
        raise UsageError("this() works in the body of a workflow, and in a task that one runs")
    return Run(RunAround(current_app(), attempt.run))
