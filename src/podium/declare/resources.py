"""`@resource`: a generator function whose value tasks share."""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import Any, ParamSpec, TypeVar, overload

from ..checks import check_seconds, read_span
from ..errors import DeclarationError, UsageError
from ..executors import Opener, current_attempt
from ..machine import current_machine

P = ParamSpec("P")
T = TypeVar("T")


class ResourceDecorator:
    """What `@resource(...)` with options gives."""

    def __init__(self, idle: float, check: Callable[[Any], Any] | None) -> None:
        self._idle, self._check = idle, check

    @overload
    def __call__(self, fn: Callable[P, Iterator[T]]) -> Callable[P, AbstractContextManager[T]]: ...
    @overload
    def __call__(self, fn: Callable[P, AsyncIterator[T]]) -> Callable[P, AbstractAsyncContextManager[T]]: ...
    def __call__(self, fn: Callable[..., Any]) -> Any:
        return _resource(fn, self._idle, self._check)


@overload
def resource(fn: Callable[P, Iterator[T]], /) -> Callable[P, AbstractContextManager[T]]: ...
@overload
def resource(fn: Callable[P, AsyncIterator[T]], /) -> Callable[P, AbstractAsyncContextManager[T]]: ...
@overload
def resource(*, idle: float | str = "5m", check: Callable[[Any], Any] | None = None) -> ResourceDecorator: ...
def resource(
    fn: Callable[..., Any] | None = None,
    /,
    *,
    idle: float | str = "5m",
    check: Callable[[Any], Any] | None = None,
) -> Any:
    """Declare what tasks share: a generator function that opens it, yields it and closes it.

    In a task, `with pool() as connections:` opens it once for each engine and each choice of arguments, and
    keeps it; for an `async def`, `async with session(account) as client:`, which tasks use at the same time.
    A sync one is lent to one task at a time; a task that has it gets the same again in an inner block.

    idle   seconds or text ("5m") after which one that nobody uses is closed
    check  asked with it when a block has raised, whether it still works (it may raise): else it is closed,
           and the next task gets another one. The block's exception goes on to the task, not to the generator

    What is open is closed after the tasks, the last one first. Outside of tasks, and in a process of a task's
    own, it is opened and closed for the block. Raises DeclarationError for what is no generator function,
    UsageError in a workflow's body.

    Example:

    >>> @podium.resource
    ... def connection(name):
    ...     yield f"connection to {name}"
    >>> with connection("shop") as found:
    ...     print(found)
    connection to shop
    """
    seconds = read_span(idle) if isinstance(idle, str) else idle
    if seconds is None:
        raise UsageError(f"resource(idle={idle!r}): no span", fix='seconds, or text such as "5m"')
    check_seconds("resource", "idle", seconds)
    if check is not None and not callable(check):
        raise UsageError(f"resource(check={check!r}): a function is needed")
    return ResourceDecorator(seconds, check) if fn is None else _resource(fn, seconds, check)


def _resource(fn: Callable[..., Any], idle: float, check: Callable[[Any], Any] | None) -> Any:
    is_async = inspect.isasyncgenfunction(fn)
    if not is_async and not inspect.isgeneratorfunction(fn):
        raise DeclarationError(
            f"@resource needs a generator function, got {getattr(fn, '__qualname__', fn)!r}",
            fix="open it, `yield` it once, close it after that",
        )
    opener = Opener(fn.__qualname__, fn, is_async, idle, check)

    @functools.wraps(fn)
    def use(*args: Any, **kwargs: Any) -> Any:
        if current_machine() is not None:
            raise UsageError(
                f"{opener.name}(...) in a workflow's body, which only decides", fix="open it in a task"
            )
        attempt = current_attempt.get()
        resources = attempt.services.resources if attempt is not None else None
        if resources is None:
            manager: Any = contextlib.asynccontextmanager if is_async else contextlib.contextmanager
            return manager(fn)(*args, **kwargs)
        if is_async:
            return resources.use(opener, args, kwargs)
        return resources.lend(opener, args, kwargs, attempt)

    return use
