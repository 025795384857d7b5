"""The queue of a declared function."""

from __future__ import annotations

from typing import Any

from ..client import StartOptions
from ..errors import UsageError
from ..functions import Function
from ..queues import queues


def queue_of(what: str, queue: Any, undo: object = None) -> str:
    """The name of the queue that `queue=` names; "": none. A name alone declares one without limits.

    Raises UsageError for what is none.
    """
    if queue is None:
        return ""
    if undo is not None:
        raise UsageError(
            "@task(queue=..., undo=...): a queued task is a run of its own, whose end is final",
            fix="podium.on_failure(f, ...) after the call says how to undo it",
        )
    return queues.named(f"@{what}", queue, declares=True)


def are_runs(function: Function, call: StartOptions) -> bool:
    """Whether its calls in a body are runs of their own."""
    return function.is_workflow or bool(function.queue or call.queue)
