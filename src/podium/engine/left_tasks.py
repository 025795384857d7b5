"""asyncio's tasks that fail or are left where nobody looks: told with the run and the user's line."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from ..executors import Attempt, LoopExecutor, current_attempt
from ..lines import is_user_file, line_of

log = logging.getLogger("podium")

GRACE_SECONDS = 1.0


def end_tasks(loop: asyncio.AbstractEventLoop, executor: LoopExecutor) -> None:
    """Cancel what is left on a loop that is about to be closed, and give it a moment to clean up, so that
    nothing is left to the collector. What goes on all the same is named and dropped."""
    left = asyncio.all_tasks(loop)
    for task in left:
        task.cancel()
    if left:
        loop.run_until_complete(asyncio.wait(left, timeout=GRACE_SECONDS))
    loop.run_until_complete(loop.shutdown_asyncgens())
    for task in asyncio.all_tasks(loop):
        attempt, body = executor.waiting(task) or (_attempt_of(task), task.get_coro())
        where = f"run {attempt.run}: {attempt.function.label}" if attempt is not None else task.get_name()
        log.warning("%s did not end when it was cancelled%s; it is dropped", where, _line(body))
        task._log_destroy_pending = False  # pyright: ignore[reportAttributeAccessIssue]  # asyncio would name our frames


def tell_failure(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """As asyncio does, and of which run's task it is, where Python can tell (from 3.12 on)."""
    task = context.get("future")
    attempt = _attempt_of(task)
    if attempt is not None:
        name = f"run {attempt.run}, {attempt.function.label}"
        context = {**context, "message": f"{name}: {context.get('message')}"}
    loop.default_exception_handler(context)


def _attempt_of(task: Any) -> Attempt | None:
    found = getattr(task, "get_context", None)
    return found().get(current_attempt) if found is not None else None


def _line(body: Any) -> str:
    """Where in the user's code a coroutine waits: the innermost of those that it awaits in turn."""
    line = ""
    while body is not None:
        frame = getattr(body, "cr_frame", None)
        if frame is not None and is_user_file(frame.f_code.co_filename):
            line = f" ({line_of(frame.f_code.co_filename, frame.f_lineno)})"
        body = getattr(body, "cr_await", None)
    return line
