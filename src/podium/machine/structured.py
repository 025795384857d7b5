"""How `asyncio.TaskGroup` and `asyncio.timeout` end inside a workflow: as in Python 3.13, on every Python.

Before 3.13 a group whose task failed while the group was waiting left its parent's count of cancellations
one too high, so a timeout around it could not know its own cancellation again, and let it through as if
the run had been cancelled. And a run recorded under one Python must replay under the next.
"""

from __future__ import annotations

import asyncio
from typing import Any, cast


async def leave_group(group: Any, kind: type[BaseException] | None, error: Any, _: Any) -> None:
    """`TaskGroup.__aexit__`, by the names that asyncio keeps its state under since 3.11."""
    group._exiting = True
    if error is not None and group._is_base_error(error) and group._base_error is None:
        group._base_error = error
    cancelled = error if isinstance(error, asyncio.CancelledError) else None
    if kind is not None and not group._aborting:
        group._abort()
    while group._tasks:
        if group._on_completed_fut is None:
            group._on_completed_fut = group._loop.create_future()
        try:
            await group._on_completed_fut
        except asyncio.CancelledError as outside:
            if not group._aborting:  # the parent is being cancelled, not by a task of the group
                cancelled = outside
                group._abort()
        group._on_completed_fut = None
    if group._base_error is not None:
        raise group._base_error
    parent = group._parent_task
    if group._parent_cancel_requested and parent.uncancel() == 0:
        cancelled = None  # it was the group's own
    if cancelled is not None and not group._errors:
        raise cancelled
    if error is not None and not isinstance(error, asyncio.CancelledError):
        group._errors.append(error)
    if group._errors:
        if parent.cancelling():  # from outside as well: it must not be lost behind these errors
            parent.uncancel()
            parent.cancel()
        errors, group._errors = group._errors, None
        raise BaseExceptionGroup("unhandled errors in a TaskGroup", errors) from None


async def leave_timeout(timeout: Any, kind: type[BaseException] | None, error: Any, _: Any) -> None:
    """`Timeout.__aexit__`."""
    state = cast(Any, type(timeout._state))
    if timeout._timeout_handler is not None:
        timeout._timeout_handler.cancel()
        timeout._timeout_handler = None
    if timeout._state is not state.EXPIRING:
        timeout._state = state.EXITED
        return
    timeout._state = state.EXPIRED
    if timeout._task.uncancel() > timeout._cancelling or error is None:
        return
    if isinstance(error, asyncio.CancelledError):
        raise TimeoutError from error
    # Something else came of the cancellation on its way out: it says that a timeout was behind it.
    _tell_timeout(error)
    if isinstance(error, ExceptionGroup):
        for member in error.exceptions:  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]  # a group of anything
            _tell_timeout(member)


def _tell_timeout(error: Any) -> None:
    while error.__context__ is not None:
        if isinstance(error.__context__, asyncio.CancelledError):
            timeout = TimeoutError()
            timeout.__context__ = timeout.__cause__ = error.__context__
            error.__context__ = timeout
            return
        error = error.__context__
