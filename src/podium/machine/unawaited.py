"""Calls of async tasks in a body whose coroutines nobody has awaited yet."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine
from typing import Any

from ..errors import NeverAwaited
from ..functions import Function
from ..lines import line_of


class Unawaited:
    """Those of one run."""

    def __init__(self) -> None:
        self._calls: dict[int, Coroutine[Any, Any, Any]] = {}
        self._made = 0

    def call(
        self, start: Callable[..., Any], function: Function, args: Any, kwargs: Any, where: tuple[str, int]
    ) -> Coroutine[Any, Any, Any]:
        """The coroutine of a call of a task: it starts its step when it is awaited."""
        self._made = number = self._made + 1
        self._calls[number] = coroutine = self._awaited(number, start, function, args, kwargs, where)
        return coroutine

    async def _awaited(
        self,
        number: int,
        start: Callable[..., Any],
        function: Function,
        args: Any,
        kwargs: Any,
        where: tuple[str, int],
    ) -> Any:
        del self._calls[number]
        return await start(function, args, kwargs, None, where)

    def forgotten(self) -> NeverAwaited | None:
        """The body has ended: the first call that was never awaited; None is as it should be."""
        found: NeverAwaited | None = None
        for coroutine in self._calls.values():
            if inspect.getcoroutinestate(coroutine) == inspect.CORO_CREATED:
                call = inspect.getcoroutinelocals(coroutine)  # what it was called with
                label, where = call["function"].label, call["where"]
                coroutine.close()
                found = found or NeverAwaited(
                    f"{line_of(*where)}: {label}(...) was called but never awaited, so it never ran",
                    fix=f"write `await {label}(...)`, or start it with {label}.start(...)",
                )
        self._calls.clear()
        return found

    def close(self) -> None:
        """None of them is to run any more."""
        for coroutine in self._calls.values():
            coroutine.close()
        self._calls.clear()
