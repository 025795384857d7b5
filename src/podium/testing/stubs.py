"""Stubs: what a task does in a test instead of its body."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

from ..declare import Durable
from ..errors import UsageError
from ..functions import Function

_NOTHING: Any = object()


class Stub:
    """What stands in for a task's body.

    calls  what it was called with, by parameter, in order; a task that is retried is called again
    """

    def __init__(self, task: str) -> None:
        self.task = task
        self.calls: list[dict[str, Any]] = []

    def __repr__(self) -> str:
        return f"<stub of {self.task}, called {len(self.calls)} times>"


@contextmanager
def stubbed(
    task: Durable[..., Any, Any],
    fn: Callable[..., Any] | None = None,
    *,
    returns: Any = _NOTHING,
    raises: BaseException | type[BaseException] | None = None,
) -> Generator[Stub]:
    """Have a task return a value, raise, or call `fn` (sync or async) with its arguments, for a block.

    Its retries, timeout, types and record stay what they are; it runs in this process, also where it was
    declared to run in another one. Raises UsageError for a workflow, and unless exactly one is given.

    Example:

    >>> with stubbed(charge, returns="paid") as stub:
    ...     charge("order-1"), stub.calls
    ('paid', [{'order': 'order-1'}])
    """
    function: Function = task._function  # pyright: ignore[reportPrivateUsage]  # as the engine has it
    if function.is_workflow:
        raise UsageError(f"{function.label} is a workflow: a stub stands in for a task's body")
    if sum((fn is not None, returns is not _NOTHING, raises is not None)) != 1:
        raise UsageError(f"stub({function.label}): one of a function, returns= and raises= is needed")
    stub = Stub(function.label)

    def body(*args: Any, **kwargs: Any) -> Any:
        stub.calls.append(function.bind(args, kwargs))
        if raises is not None:
            raise raises
        return fn(*args, **kwargs) if fn is not None else returns

    async def async_body(*args: Any, **kwargs: Any) -> Any:
        result = body(*args, **kwargs)
        return await result if inspect.isawaitable(result) else result

    if fn is not None and inspect.iscoroutinefunction(fn) and not function.is_async:
        raise UsageError(f"stub({function.label}): a sync task is stubbed by a sync function")
    before = function.fn, function.executor
    function.fn = async_body if function.is_async else body
    if function.executor not in ("loop", "threads"):
        function.executor = "loop" if function.is_async else "threads"
    try:
        yield stub
    finally:
        function.fn, function.executor = before
