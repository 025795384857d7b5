"""One task over many items, inside a workflow: `map` opens one scope and item i is branch i.

No coroutine or greenlet per item: an item costs a step and a slot in a list until it is collected. Items
are drawn only as slots become free, so an endless or asynchronous source needs no memory.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterable, Iterable, Iterator, Sized
from typing import Any, Literal

from ..checks import Tolerance
from ..errors import UsageError
from ..functions import Function
from .collecting import Collected
from .loop import Future
from .machine import Machine
from .outside import NO_OPTIONS, ChildOptions, ChildStep, once_more, start_child
from .scope import Scope
from .steps import Step

OnError = Literal["raise", "return"]

WINDOW = 1000  # in flight at most when neither a limit is given nor the number of items is known


class FanOut(Collected):
    """Steps of one function over items, at most `limit` in flight, outcomes by position.

    Failures that are tolerated take their place among the results as exceptions; one more (in recorded order)
    cancels the rest and is raised by whoever collects.
    """

    def __init__(
        self,
        machine: Machine,
        function: Function,
        items: Iterable[Any] | AsyncIterable[Any],
        limit: int | None,
        tolerance: Tolerance,
        before: tuple[Any, ...] = (),
        options: ChildOptions = NO_OPTIONS,
    ) -> None:
        machine.check_alive()
        self._before = before  # arguments that come before the item: the object, of a method
        self._machine, self._function, self._tolerance = machine, function, tolerance
        self._scope: Scope = machine.loop.current_scope().child()
        self._options = options  # of child runs
        self._number = len(items) if isinstance(items, Sized) else None
        number = WINDOW if self._number is None else self._number
        # Steps that are open cost little, runs that have begun a place in memory each.
        self._are_runs = function.is_workflow or bool(options.queue or function.queue)
        self._limit = limit or (min(number, WINDOW) if self._are_runs else number) or 1
        self._steps: dict[int, Step] = {}  # in flight, by position
        self._outcomes: dict[int, Any] = {}  # finished and not yet collected: futures, by position
        self._finished: deque[int] = deque()  # positions in recorded order, for as_completed
        self._drawn = 0
        self._exhausted = False
        self._failure: BaseException | None = None  # of all of it
        self._failures: dict[int, Step] = {}  # that are tolerated so far, by position
        self._again: deque[tuple[int, Step]] = deque()  # to be asked for once more, in a retry
        if tolerance.is_said and machine.replaying:  # else no past can end in it any more
            machine.fan_outs[self] = None
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
        while self._again and len(self._steps) < self._limit:
            position, step = self._again.popleft()
            self._follow(position, self._once_more(step))
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
        self._check()
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
        self._follow(position, step)

    def _once_more(self, failed: Step) -> Step:
        machine, failed_at = self._machine, failed.line
        if isinstance(failed, ChildStep):
            return once_more(machine, failed)
        step = Step(machine, machine.loop, failed.id, failed.function, failed.args, failed.digest, failed_at)
        step.context, step.item = failed.context, failed.item
        machine.ask_for(step)
        return step

    def _follow(self, position: int, step: Step) -> None:
        self._steps[position] = step
        step.add_done_callback(lambda future: self._done(position, future))

    def _begin(self, args: tuple[Any, ...], scope: Scope) -> Step:
        if self._are_runs:
            return start_child(self._machine, self._function, args, {}, scope, None, self._options)
        return self._machine.start_step(self._function, args, {}, scope)

    def _done(self, position: int, future: Any) -> None:
        self._steps.pop(position, None)
        if self._failure is not None:
            return
        if future.cancelled():
            self._fail(UsageError("this map was cancelled"))
            return
        if future.exception() is not None:
            self._failures[position] = future
            self._check()
            if self._failure is not None:
                return
        self._outcomes[position] = future
        self._finished.append(position)
        if self._slot is not None and not self._slot.done():
            self._slot.set_result(None)
        self._fill()
        self._check()
        self._notify()

    def _check(self) -> None:
        """Whether more have failed than may."""
        number = self._drawn if self._exhausted else self._number
        count = len(self._failures)
        if count and self._failure is None and self._tolerance.is_exceeded(count, number):
            error = next(reversed(self._failures.values())).exception()
            assert error is not None
            self._fail(self._tolerance.noted(error, count, number))

    def redrive(self) -> None:
        """Here the past of a run that is retried ends: what has failed in it, and nobody has seen, is done
        again."""
        if self._failure is None and not (self._exhausted and not self._steps):
            unseen = {at: step for at, step in self._failures.items() if at in self._outcomes}
            for at in unseen:
                del self._outcomes[at]
            self._again.extend(unseen.items())
            # In one walk: a `remove` for each is quadratic, on the thread that drives all runs.
            self._finished = deque(at for at in self._finished if at not in unseen)
            self._failures.clear()
            self._fill()

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
