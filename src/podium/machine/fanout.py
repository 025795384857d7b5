"""One task over many items, inside a workflow: `map` opens one scope and item i is branch i.

No coroutine or greenlet per item: an item costs a step and a slot in a list until it is collected. Items
are drawn only as slots become free, so an endless or asynchronous source needs no memory.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator, Sized
from functools import partial
from typing import Any, Literal

from ..errors import UsageError
from ..functions import Function
from .loop import Future
from .machine import Machine
from .outside import NO_OPTIONS, ChildOptions, start_child
from .scope import Scope
from .steps import Step

OnError = Literal["raise", "return"]

WINDOW = 1000  # in flight at most when neither a limit is given nor the number of items is known


class FanOut:
    """Steps of one function over items, at most `limit` in flight, outcomes by position.

    `on_error` "raise": the first failure (in recorded order) cancels the rest and is raised by whoever
    collects. "return": failures take their place among the results as exceptions.
    """

    def __init__(
        self,
        machine: Machine,
        function: Function,
        items: Iterable[Any] | AsyncIterable[Any],
        limit: int | None,
        on_error: OnError,
        before: tuple[Any, ...] = (),
        options: ChildOptions = NO_OPTIONS,
    ) -> None:
        machine.check_alive()
        self._before = before  # arguments that come before the item: the object, of a method
        self._machine, self._function, self._on_error = machine, function, on_error
        self._scope: Scope = machine.loop.current_scope().child()
        self._options = options  # of child runs
        number = len(items) if isinstance(items, Sized) else WINDOW
        # Steps that are open cost little, runs that have begun a place in memory each.
        self._limit = limit or (min(number, WINDOW) if function.is_workflow else number) or 1
        self._steps: dict[int, Step] = {}  # in flight, by position
        self._outcomes: dict[int, Any] = {}  # finished and not yet collected: futures, by position
        self._finished: deque[int] = deque()  # positions in recorded order, for as_completed
        self._drawn = 0
        self._exhausted = False
        self._failure: BaseException | None = None
        self._changed: Future[None] | None = None
        self._slot: Future[None] | None = None  # an asynchronous source waits for it
        self._items: Iterator[Any] | None = None  # None: asynchronous, `_pump` draws them
        if isinstance(items, AsyncIterable):
            # A scope that no item has: the source may call the very task that it feeds.
            machine.loop.open_task(self._pump(items), Scope(f"{self._scope.path}.items"))
        else:
            self._items = iter(items)
            self._fill()

    # -- starting -------------------------------------------------------------------------------------

    def _fill(self) -> None:
        items = self._items
        while items is not None and not self._exhausted and len(self._steps) < self._limit:
            try:
                item = next(items)
            except StopIteration:
                self._exhausted = True
            except Exception as error:  # the user's own iterator: its failure is the map's
                self._fail(error)
            else:
                self._start(item)

    async def _pump(self, items: AsyncIterable[Any]) -> None:
        try:
            async for item in items:
                while len(self._steps) >= self._limit and self._failure is None:
                    self._slot = self._machine.loop.create_future()
                    await self._slot
                if self._failure is not None:
                    return
                self._start(item)
        except Exception as error:
            self._fail(error)
        self._exhausted = True
        self._notify()

    def _start(self, item: Any) -> None:
        position = self._drawn
        self._drawn += 1
        scope = Scope(f"{self._scope.path}.{position}")
        try:
            step = self._begin((*self._before, item), scope)
        except UsageError as error:
            self._fail(error)
            return
        step.item = position
        self._steps[position] = step
        step.add_done_callback(lambda future: self._done(position, future))

    def _begin(self, args: tuple[Any, ...], scope: Scope) -> Step:
        if self._function.is_workflow:
            return start_child(self._machine, self._function, args, {}, scope, None, self._options)
        return self._machine.start_step(self._function, args, {}, scope)

    def _done(self, position: int, future: Any) -> None:
        self._steps.pop(position, None)
        if self._failure is not None:
            return
        if future.cancelled():
            self._fail(UsageError("this map was cancelled"))
            return
        error = future.exception()
        if error is not None and self._on_error == "raise":
            self._fail(error)
            return
        self._outcomes[position] = future
        self._finished.append(position)
        if self._slot is not None and not self._slot.done():
            self._slot.set_result(None)
        self._fill()
        self._notify()

    def _fail(self, error: BaseException) -> None:
        self._failure = error
        self._exhausted = True
        self.cancel()
        self._notify()

    def cancel(self) -> None:
        """Cancel what is in flight and draw no further items."""
        self._exhausted = True
        for step in list(self._steps.values()):
            step.cancel()
        if self._slot is not None and not self._slot.done():
            self._slot.set_result(None)

    def counts(self) -> tuple[int, int]:
        """How many items were drawn, and how many of these are in flight."""
        return self._drawn, len(self._steps)

    # -- collecting -----------------------------------------------------------------------------------

    def _notify(self) -> None:
        if self._changed is not None and not self._changed.done():
            self._changed.set_result(None)

    def _pending(self, ready: Callable[[], bool]) -> Future[None] | None:
        """None if there is something to take, or the end; else a future that is done on the next change."""
        if self._failure is not None:
            raise self._failure
        if ready() or (self._exhausted and not self._steps):
            return None
        if self._changed is None or self._changed.done():
            self._changed = self._machine.loop.create_future()
        return self._changed

    def _wait(self, ready: Callable[[], bool]) -> None:
        try:
            while (changed := self._pending(ready)) is not None:
                self._machine.loop.wait_plainly(changed)
        except asyncio.CancelledError:  # as gather: whoever waits takes what it waits for along
            self.cancel()
            raise

    async def _awaited(self, ready: Callable[[], bool]) -> None:
        try:
            while (changed := self._pending(ready)) is not None:
                await changed
        except asyncio.CancelledError:
            self.cancel()
            raise

    def _take(self, position: int) -> Any:
        future = self._outcomes.pop(position, None)
        if future is None:
            raise UsageError("the results of a map are handed out once", fix="keep the list that it gave")
        error = future.exception()
        return future.result() if error is None else error

    def _never(self) -> bool:
        return False

    async def collect(self) -> list[Any]:
        """All results, by position."""
        await self._awaited(self._never)
        return [self._take(position) for position in range(self._drawn)]

    def __iter__(self) -> Iterator[Any]:
        position = 0
        while True:
            self._wait(partial(self._outcomes.__contains__, position))
            if position >= self._drawn:
                return
            yield self._take(position)
            position += 1

    async def __aiter__(self) -> AsyncIterator[Any]:
        position = 0
        while True:
            await self._awaited(partial(self._outcomes.__contains__, position))
            if position >= self._drawn:
                return
            yield self._take(position)
            position += 1

    def completed(self) -> Iterator[Any]:
        """Results in recorded order, waiting plainly."""
        while True:
            self._wait(lambda: bool(self._finished))
            if not self._finished:
                return
            yield self._take(self._finished.popleft())

    async def acompleted(self) -> AsyncIterator[Any]:
        """Results in recorded order, for `async for`."""
        while True:
            await self._awaited(lambda: bool(self._finished))
            if not self._finished:
                return
            yield self._take(self._finished.popleft())
