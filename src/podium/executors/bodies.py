"""How the body of an `async def` task begins on the engine's loop, and what is done around one that waits."""

from __future__ import annotations

import asyncio
import types
from collections.abc import Coroutine, Generator
from typing import Any

from ..codec import REFERENCE, Later, NotNow
from ..errors import TaskTimeout
from .attempt import Attempt, Ended, current_attempt

Waiting = tuple[Coroutine[Any, Any, Any], Any]  # a body, and what it awaits

NOTHING_YET: Any = object()  # in place of what a body awaits that has not begun
_NOT_NOW = NotNow()  # the depot while others wait
_COROUTINE: type = types.CoroutineType


def first_step(attempt: Attempt) -> Ended | Waiting:
    """Begin a body, in its own context: how it ended in one go, or the body and what it awaits.

    There is no coroutine of ours around the user's: most bodies are short, and it was a third of them.
    """
    current_attempt.set(attempt)
    given = attempt.given
    if attempt.function.timeout is not None:
        body: Any = _in_time(attempt)
    elif given is not None:  # as `Attempt.call` does it: this is the way of most
        body = attempt.function.fn(**given)
    else:
        body = attempt.call() if attempt.args.find(REFERENCE) < 0 else _called(attempt)
    if type(body) is not _COROUTINE or body.cr_await is not None:
        body = _awaited(body)  # something else that can be awaited, or that cannot: Python says so
    try:
        return body, body.send(None)
    except StopIteration as stop:
        value = stop.value
    try:
        return Ended(attempt, attempt.encode(value, _NOT_NOW))
    except Later:  # so it is a body that waits
        body = _later(value)
        return body, body.send(None)


async def encoded(attempt: Attempt, value: Any) -> bytes:
    """What the body returned. What is kept by reference is written, and synced, in a thread."""
    try:
        return attempt.encode(value, _NOT_NOW)
    except Later:
        return await asyncio.get_running_loop().run_in_executor(None, attempt.encode, value)


async def _later(value: Any) -> Any:
    await hand_over(None)
    return value


async def _awaited(given: Any) -> Any:
    return await given


async def _in_time(attempt: Attempt) -> Any:
    """What the body returns within its timeout."""
    timeout = attempt.function.timeout
    deadline = asyncio.timeout(timeout)
    try:
        async with deadline:
            return await _called(attempt)
    except (TimeoutError, asyncio.CancelledError) as error:
        # Before 3.13 a TaskGroup may make asyncio take the deadline's cancellation for somebody else's.
        if deadline.expired() and not attempt.cancelled:
            raise TaskTimeout(
                f"{attempt.function.label} took longer than its timeout of {timeout:g} s"
            ) from error
        raise


async def _called(attempt: Attempt) -> Any:
    """What the body returns. Large arguments are read in a thread: the loop goes on meanwhile."""
    if not attempt.takes_files:
        return await attempt.call()
    args, kwargs = await asyncio.get_running_loop().run_in_executor(None, attempt.arguments)
    return await attempt.function.fn(*args, **kwargs)


@types.coroutine
def hand_over(value: Any) -> Generator[Any, Any, None]:
    """Give the value to whoever drives this coroutine, and wait to be resumed."""
    yield value
