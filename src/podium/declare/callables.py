"""Tasks and workflows as the user holds them: the function itself, with verbs.

A call keeps the function's own colour and type everywhere. What it does depends on where it is made:
inside a workflow it is a step, elsewhere a task is plainly called and a workflow is a durable run.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import AsyncIterable, Callable, Iterable
from typing import TYPE_CHECKING, Any, Concatenate, Generic, Literal, ParamSpec, TypeVar, overload

from .. import late
from ..checks import Span, Tolerance, check_count, seconds_of
from ..client import (
    PASSED_ON,
    App,
    IfExists,
    Run,
    Runs,
    StartOptions,
    StepRun,
    StoredRun,
    called,
    checked_tags,
    current_app,
    in_event_loop,
)
from ..errors import UsageError
from ..functions import Function
from ..inspect import drop_our_frames
from ..machine import FanOut, Machine, Step, current_machine, start_child, turning
from ..machine.fanout import OnError
from ..queues import Queue, queues
from .caching import refreshed
from .queueing import are_runs

if TYPE_CHECKING:
    from ..client import found
    from . import many, unpickling
else:
    found = late.module(globals(), "..client.found")
    many = late.module(globals(), ".many")
    unpickling = late.module(globals(), ".unpickling")


P = ParamSpec("P")
Q = ParamSpec("Q")
R = TypeVar("R")
C = TypeVar("C")
S = TypeVar("S")
I = TypeVar("I")  # noqa: E741  # the item of a map

_NO_OPTIONS = StartOptions()


class Durable(Generic[P, C, R]):
    """A declared function.

    `P` are its parameters, `C` is what a call gives (R, or a coroutine of R), `R` its result.
    """

    def __init__(
        self, function: Function, call: StartOptions | None = None, bound: tuple[Any, ...] = ()
    ) -> None:
        self._function = function
        self._call = call or _NO_OPTIONS
        self._bound = bound  # the object, of a method: its first argument, recorded with each call
        functools.update_wrapper(self, function.fn, updated=())

    @property
    def fn(self) -> Callable[P, C]:
        """The bare function."""
        return functools.partial(self._function.fn, *self._bound) if self._bound else self._function.fn

    @property
    def name(self) -> str:
        """How the store knows it: "module:qualname"."""
        return self._function.name

    def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> C:
        raise NotImplementedError

    def run(self, /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call it and block for the result, whatever its colour. Inside a workflow only this branch waits.

        Raises what the function raises, RunCancelled and RunParked.

        Example:

        >>> report.run("Oslo")
        'report of Oslo'
        """
        try:
            if current_machine() is None:
                return self._start_run(current_app(), args, kwargs, True).result()
            return self.start(*args, **kwargs).result()
        except PASSED_ON as error:
            drop_our_frames(error)
            raise

    def start(self, /, *args: P.args, **kwargs: P.kwargs) -> Run[R]:
        """Start it without waiting.

        Outside of workflows a durable run: on disk when this returns, or, in a running event loop, when
        `await run.started()` does. Inside a workflow a step; of a workflow a child run. Raises ArgumentError
        and EncodeError before anything is stored, and IdConflict where its id is that of another call: inside
        a workflow whoever waits for the child gets that.

        Example:

        >>> run = report.start("Oslo")
        >>> run.result()
        'report of Oslo'
        """
        machine = current_machine()
        if machine is None:
            try:
                return self._start_run(current_app(), args, kwargs)
            except KeyboardInterrupt as error:
                drop_our_frames(error)
                raise
        self._inside("start")
        return Run(StepRun(machine, self._start_step(machine)((*self._bound, *args), kwargs)))

    def _start_step(self, machine: Machine) -> Callable[..., Step]:
        """What begins a call in a body, given its arguments."""
        if are_runs(self._function, self._call):
            return functools.partial(start_child, machine, self._function, options=self._call.of_child())
        return functools.partial(machine.start_step, self._function)

    def _start_run(
        self, app: App, args: tuple[Any, ...], kwargs: dict[str, Any], watch: bool = False
    ) -> Run[R]:
        started = app.starts.one(self._function, (*self._bound, *args), kwargs, self._call, watch)
        if not in_event_loop():
            started.id.result()
        return Run(StoredRun(app, self._function, started, self._call.id or ""))

    @overload
    def map(
        self: Durable[Concatenate[I, Q], C, R],
        items: Iterable[I] | AsyncIterable[I],
        *,
        limit: int | None = None,
        on_error: Literal["raise"] = "raise",
    ) -> Runs[R]: ...
    @overload
    def map(
        self: Durable[Concatenate[I, Q], C, R],
        items: Iterable[I] | AsyncIterable[I],
        *,
        limit: int | None = None,
        on_error: OnError = "raise",
        tolerate: int | str = 0,
    ) -> Runs[R | Exception]: ...
    def map(
        self: Durable[Concatenate[I, Q], C, R],
        items: Iterable[I] | AsyncIterable[I],
        *,
        limit: int | None = None,
        on_error: OnError = "raise",
        tolerate: int | str = 0,
    ) -> Runs[Any]:
        """Call it for each item, at most `limit` at once; iterate the results or await their list.

        `on_error="return"` puts failures among the results instead of raising the first; `tolerate=3`, or
        "5%" of the items, so many, and with more the map fails: either gives results or exceptions. Items may
        be lazy, and inside workflows asynchronous. Outside of workflows each item is a run of its own. Raises
        UsageError.

        Example:

        >>> for page in fetch.map(["a.html", "b.html"], limit=20):
        ...     print(page)
        page a.html
        page b.html
        """
        self._function.check_item("map", len(self._bound))
        if limit is not None:
            check_count("map", "limit", limit, 1)
        tolerance, machine = Tolerance.of(on_error, tolerate), current_machine()
        if machine is None:
            batch = many.batch_of(
                current_app(), self._function, self._call, self._bound, items, limit, tolerance
            )
            return Runs(batch, self._function.label)
        self._inside("map")
        options = self._call.of_child()
        fan_out = FanOut(machine, self._function, items, limit, tolerance, self._bound, options)
        return Runs(fan_out, self._function.label)

    def start_many(
        self: Durable[Concatenate[I, Q], C, R],
        items: Iterable[I],
        *,
        id: Callable[[I], str] | None = None,
    ) -> list[Run[R]]:
        """Start a durable run for each item without waiting for any, a thousand in one commit.

        items  what the function's one argument is to be
        id     gives the id of an item's run: an item whose run is there already is that run

        Outside of workflows; inside one use `map`. All are on disk when this returns, or, in a running event
        loop, when `await run.started()` of each does. Before anything is stored it raises ArgumentError,
        EncodeError, and IdConflict where two items have one id. That an id is another call's already is known
        only afterwards: IdConflict then; the other items are started, and `get(id)` has them.

        Example:

        >>> runs = report.start_many(["Oslo", "Rome"], id=lambda city: f"report-{city}")
        >>> [run.id for run in runs]
        ['report-Oslo', 'report-Rome']
        """
        if current_machine() is not None:
            self._inside("start_many")
            raise UsageError(
                f"{self._function.label}.start_many(...) inside a workflow",
                fix="use map(items): steps of this run",
            )
        if self._call.id is not None:
            raise UsageError("start_many(...) with options(id=...): give id=, a function of the item")
        self._function.check_item("start_many", len(self._bound))
        calls = (
            (self._call if id is None else self._call.with_id(id(item)), (*self._bound, item))
            for item in items
        )
        return many.start_all(current_app(), self._function, calls)

    def get(self, id: str) -> Run[R]:
        """The run of this function with this id, whatever process started it.

        Raises RunNotFound where there is none, or where it is a run of another function.

        Example:

        >>> run = report.options(id="monday").start("Oslo")
        >>> report.get("monday").result()  # here, or in any other process
        'report of Oslo'
        """
        return found.get_of(self._function, id)

    def again(self, /, *args: P.args, **kwargs: P.kwargs) -> R:
        """End this generation of the running workflow, and begin the next one with these arguments.

        `return poll.again(n + 1)`, in the body of `poll`: the run goes on under its id with a history that
        begins anew, so it may go on for ever. Its timeout begins anew, too. Whoever waits for it waits for
        its last generation. A crash at any moment leaves it in the one generation or in the next: they change
        in one commit. Two generations of history and log are kept.

        Raises UsageError anywhere else, ArgumentError and EncodeError.

        Example:

        >>> counts_down.run(3)
        'done'
        """
        machine = current_machine()
        if machine is None or not self._function.is_workflow:
            raise UsageError(
                f"{self._function.label}.again(...) works in the body of a workflow, for that workflow",
                fix=f"{self._function.label}.start(...) begins a run",
            )
        ended: Any = machine.again(self._function, (*self._bound, *args), kwargs)
        return ended

    def options(
        self,
        *,
        id: str | None = None,
        delay: Span | None = None,
        tags: Iterable[str] = (),
        outlive: bool = False,
        unique: str | None = None,
        if_exists: IfExists = "attach",
        refresh: bool = False,
        queue: str | Queue | None = None,
        key: str | None = None,
        priority: int = 0,
    ) -> Durable[P, C, R]:
        """The same function with options for its next calls, apart from the user's own arguments.

        id       the run's id: the same id again gives the same run, with other arguments it is an error
        delay    seconds before it may begin, or "2h"
        tags     words to find it by, without blanks
        outlive  of a child run: it is not asked to stop when the run that started it ends before it
        unique   a name that one unfinished run has: a start by it gives that run, whatever its arguments
        if_exists  "reject": a run that is there already, by `id` or `unique`, is IdConflict
        refresh  of a task with cache=, called in a workflow: call it anew; that result stands from then on
        queue    the declared queue that it is a run of, in place of the function's own
        key      the line in its queue, in place of what the queue's `per` says: lines take turns
        priority each step puts it a minute earlier in its line: so what is urgent goes first, and nothing
                 waits for ever

        Raises UsageError for what cannot be.

        Example:

        >>> run = report.options(id="order-17", tags=["monthly"]).start("Oslo")
        >>> run.id
        'order-17'
        """
        seconds = None if delay is None else seconds_of("options", "delay", delay)
        queue = None if queue is None else queues.named("options", queue, declares=False)
        call = StartOptions(id, seconds, checked_tags(tags), outlive, unique, if_exists, queue, key, priority)
        return type(self)(refreshed(self._function, refresh), call, self._bound)

    def __reduce__(self) -> Any:
        # By the place that it is imported from, as functions are; what it is bound to goes along.
        place = self.__module__, str(vars(self).get("__qualname__", ""))
        found = unpickling.looked_up(*place)
        if not isinstance(found, Durable) or found._function is not self._function:  # pyright: ignore[reportUnknownMemberType]  # of whatever type
            raise TypeError(f"{self!r} is not found as {':'.join(place)}: pickle its call instead")
        return unpickling.unpickled, (*place, self._call, self._bound)

    def _like(self, call: StartOptions, bound: tuple[Any, ...]) -> Durable[P, C, R]:
        return type(self)(self._function, call, bound)

    def __copy__(self) -> Durable[P, C, R]:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Durable[P, C, R]:
        return self._like(self._call, copy.deepcopy(self._bound, memo)) if self._bound else self

    def _method_of(self, instance: Any) -> Any:
        if instance is None or isinstance(self._function.fn, staticmethod):
            return self
        return type(self)(self._function, self._call, (instance,))

    def _inside(self, verb: str) -> None:
        if are_runs(self._function, self._call):
            if verb == "map" and self._call.id is not None:
                raise UsageError("map(...) with options(id=...): every run needs an id of its own")
        elif self._call != _NO_OPTIONS:
            raise UsageError(
                f"{self._function.label}.options(...).{verb} inside a workflow: "
                "options are for runs of their own"
            )

    def __repr__(self) -> str:
        return f"<{type(self).__name__.lower()} {self.name}>"


class Task(Durable[P, C, R]):
    """A function that does work. Runs at least once, is recorded once."""

    def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> C:
        machine: Any = turning.machine  # as `current_machine`
        if machine is None:
            return self._function.fn(*self._bound, *args, **kwargs)
        start, function = None, self._function
        if self._call is not _NO_OPTIONS or function.queue:  # few calls are anything but a step
            self._inside("__call__")
            if are_runs(function, self._call):
                start = functools.partial(start_child, machine, options=self._call.of_child())
        return machine.call(function, (*self._bound, *args) if self._bound else args, kwargs, start)

    @overload
    def __get__(self, instance: None, owner: type) -> Task[P, C, R]: ...
    @overload
    def __get__(self: Task[Concatenate[S, Q], C, R], instance: S, owner: type) -> Task[Q, C, R]: ...
    def __get__(self, instance: Any, owner: type) -> Any:
        return self._method_of(instance)


class Workflow(Durable[P, C, R]):
    """A function that decides what runs when. Its body is replayed, so it only decides."""

    def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> C:
        machine = current_machine()
        if machine is not None:
            start = functools.partial(start_child, machine, options=self._call.of_child())
            return machine.call(self._function, (*self._bound, *args), kwargs, start)
        if self._function.is_async:
            awaited = called(self._function, (*self._bound, *args), kwargs, self._call)
            awaited.__qualname__ = self._function.label  # Python says it of one that is never awaited
            return awaited  # pyright: ignore[reportReturnType]  # C is a coroutine of R here
        try:
            return self.run(*args, **kwargs)  # pyright: ignore[reportReturnType]  # C is R where it is sync
        except PASSED_ON as error:
            drop_our_frames(error)
            raise

    @overload
    def __get__(self, instance: None, owner: type) -> Workflow[P, C, R]: ...
    @overload
    def __get__(self: Workflow[Concatenate[S, Q], C, R], instance: S, owner: type) -> Workflow[Q, C, R]: ...
    def __get__(self, instance: Any, owner: type) -> Any:
        return self._method_of(instance)
