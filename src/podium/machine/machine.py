"""The machine of one run: events in, commands out, nothing else.

`begin` and `feed` each make one turn: the body runs until it only waits. Time is the time of the last
event. Whatever the body asks of the world (run this task) is a command; what the world answers comes back
as a history entry, one at a time and in recorded order. So feeding the same entries to the same code
takes it to the same place, whatever the timing was: a replay is nothing but feeding the recorded entries.

The machine never decides what to do about trouble: a history that does not fit the code, an effect in the
body, a value that does not decode leave `begin` or `feed` as exceptions, and the engine parks the run.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import logging
from collections.abc import Callable, Generator, Iterable
from typing import Any

from .. import codec
from ..depot import Depot, NamesOnly
from ..errors import ArgumentError, UsageError
from ..functions import Function
from ..lines import line_of
from ..model import COPY_BEGAN, DEADLINE, UNDO_SCOPE, Entry, Kind, State, subject_of
from .answering import Answering
from .branch import Task, current_task
from .current import turning
from .effects import Undo
from .endings import explain, overrun, unasked
from .generators import watch_generators
from .lines import caller, where_defined
from .loop import Loop
from .mismatches import mismatch, too_early
from .outside import OutsideStep
from .parts import Redriven
from .scope import Scope
from .steps import Again, CancelStep, Command, Ending, Finish, Step
from .unawaited import Unawaited
from .verbs import Verbs

_set_running_loop: Any = asyncio._set_running_loop  # the documented hook for loops, named as private
_get_running_loop: Any = asyncio._get_running_loop


class Machine(Answering):
    """One run in memory. Not thread-safe: it belongs to the thread that drives it."""

    on_log: Callable[[str, logging.LogRecord], None] | None = None  # told the run and what its body logs
    headers: str = ""  # the run's `context`
    since: float = 0.0  # when the run was begun, UTC seconds
    depot: Depot = NamesOnly()  # where values are that are kept by reference; the body reads none of them
    is_attended = False  # a caller in this process may ask it for more at any time, so it never only waits

    def __init__(
        self,
        run: str,
        function: Function,
        args: bytes,
        began: float,
        lineage: str = "",
        same_code: bool = False,
    ) -> None:
        self.run = run
        self.same_code = same_code
        self.function = function
        self.loop = Loop(run, began)
        self.verbs = Verbs(self.loop, lineage or run)
        self.open: dict[str, Step] = {}  # steps asked for and not yet answered, in the order of asking
        self.outside: dict[str, OutsideStep] = {}  # of these, such as a message ends
        # Dicts, because the collector passes over an empty one, and in most runs both are.
        self.sent: dict[OutsideStep | CancelStep, None] = {}  # to go out of the run, since the engine looked
        self.fan_outs: dict[Redriven, None] = {}  # that tolerate failures, of the past that is replayed
        self._effects = None
        self.finished: Finish | None = None
        self.trouble: BaseException | None = None  # set by the guard, which user code must not hide
        self.replaying = False
        self._args = args
        self.commands: list[Command] = []  # since `take` was called
        self._unawaited = Unawaited()
        self._root: Any = None
        self.failure: BaseException | None = None  # with which the body ended
        self.cancel_asked = False
        self._fed: Entry | None = None
        self.next_generation: Again | None = None

    # -- events ---------------------------------------------------------------------------------------

    def begin(self) -> None:
        """The first turn: run the body until it waits for something.

        Raises ArgumentError if the function does not take the recorded arguments any more.
        """
        try:
            args, kwargs = self.function.unbind(codec.decode(self._args))
            # Nor a new parameter without a default, nor one whose type has become another.
            self.function.check(self.function.bind(args, kwargs))
        except ArgumentError as error:
            fix = f"take the recorded call again, not only {error.fix}; then resume the run"
            raise ArgumentError(f"{self.defined_at()}: {error.message}", fix=fix) from None
        self._args = b""
        watch_generators()  # a run is driven in one thread, whose hooks stay from here on
        self.loop.entered = True
        self._root = self.loop.open_task(
            self._body(args, kwargs), self.loop.root_scope, "body", contextvars.Context()
        )
        self._turn()

    def feed(self, entry: Entry) -> None:
        """One turn: deliver what the entry records.

        Raises Mismatch if the code does not wait for that, DecodeError if the value does not fit any more.
        """
        kind, loop = entry.kind, self.loop
        self.verbs.turn = entry.seq
        if kind is Kind.TICK and entry.step == COPY_BEGAN:
            loop.jump(entry.at, self.function.timeout)
            if entry.name:  # of a fork, for which what it has copied is as it is
                self.verbs.lineage = entry.name
                self.effects.done.clear()
                return
            for fan_out in self.fan_outs:
                fan_out.redrive()
            return
        if self.finished is not None:
            raise too_early(self, entry)
        loop.entered = True
        self._fed = entry
        if entry.at > loop.now:
            loop.now = entry.at
        if kind is Kind.RESULT or kind is Kind.ERROR:
            self._answer(entry)
        elif kind is Kind.TICK:
            if not loop.fire(entry.step):
                raise mismatch(self, entry)
        elif kind is Kind.MESSAGE:
            self._take_message(entry)
        self._turn()

    # -- what the engine reads ------------------------------------------------------------------------

    def take(self) -> list[Command]:
        """Commands since the last call; a step that was asked for and cancelled in between has both."""
        commands, self.commands = self.commands, []
        return commands

    def is_open(self, step: Step) -> bool:
        """Whether the workflow still waits for this very step."""
        return self.open.get(step.id) is step

    # -- verbs, called by the body --------------------------------------------------------------------

    def call(
        self,
        function: Function,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        start: Callable[..., Step] | None = None,
    ) -> Any:
        """A plain call in the body: a coroutine for `async def`, the result itself for `def`. `start`: what
        begins the step, where that is not a task's."""
        if self.loop.discarded:  # as `check_alive`
            self.loop.refuse()
        start, where = start or self.start_step, caller(3)
        if not function.is_async:
            return self.loop.wait_plainly(start(function, args, kwargs, None, where))
        if not self.function.is_async:
            raise UsageError(
                f"{function.label} is async and {self.function.label} is a sync workflow",
                fix=f"call {function.label}.run(...) here, or {function.label}.start(...).result()",
            )
        return self._unawaited.call(start, function, args, kwargs, where)

    def start_step(
        self,
        function: Function,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        scope: Scope | None = None,
        where: tuple[str, int] | None = None,
    ) -> Step:
        """Ask for a step in this scope (default: the running branch's). It is a future.

        Raises ArgumentError and EncodeError at the caller's line.
        """
        loop = self.loop
        if loop.discarded:  # as `check_alive`
            loop.refuse()
        data, digest, given = function.taken(args, kwargs, self.depot)
        if scope is None:  # as `Loop.current_scope`
            branch = current_task(loop)
            scope = branch.scope if isinstance(branch, Task) else loop.root_scope
        identity = scope.identify(function.label)
        step = Step(self, loop, identity, function, data, digest, where or caller(), given)
        self.open[identity] = step
        self.commands.append(step)
        return step

    def ask_for(self, step: Step) -> None:
        """Ask for a step that was made."""
        self.open[step.id] = step
        self.commands.append(step)

    def on_failure(self, function: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Have this called when the run fails or is cancelled. Raises ArgumentError and EncodeError."""
        self.check_alive()
        data, digest = function.encode(function.bind(args, kwargs), len(args), self.depot)
        of = "" if self._fed is None else subject_of(self._fed)
        self.effects.done.append(Undo(function, data, digest, caller(), of))

    def again(
        self, function: Function, args: tuple[Any, ...], kwargs: dict[str, Any], due: float = 0.0
    ) -> Again:
        """What the body is to return so that its next generation begins, not before it is due.

        Raises ArgumentError, EncodeError and, for another function than the body's own, UsageError.
        """
        self.check_alive()
        if function.name != self.function.name:
            raise UsageError(
                f"{line_of(*caller())}: {function.label}.again(...) in the body of {self.function.label}",
                fix=f"only a workflow itself begins again: return {self.function.label}.again(...)",
            )
        bound = function.bind(args, kwargs)
        function.check(bound)
        self.next_generation = Again(function.encode(bound, len(args), self.depot)[0], due)
        return self.next_generation

    def step_cancelled(self, step: Step) -> None:
        """The step's future was cancelled: its outcome, if it still comes, is nobody's."""
        if step.is_effect and self.open.get(step.id) is step:
            self.effects.abandoned[step.id] = step  # it may have begun: it stays open until that is known
            self.commands.append(CancelStep(step))
        elif self.open.pop(step.id, None) is not None:
            if self.outside.pop(step.id, None) is not None:
                self.sent[CancelStep(step)] = None
            else:
                self.commands.append(CancelStep(step))

    def check_alive(self) -> None:
        """Every verb begins here: a discarded machine must not act."""
        if self.loop.discarded:
            self.loop.refuse()

    # -- turning --------------------------------------------------------------------------------------

    async def _body(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if not self.function.is_workflow:  # a task started as a run of its own: one step
            place = where_defined(self.function.fn)
            return await self.start_step(self.function, args, kwargs, where=place)
        try:
            if self.function.timeout is not None:
                return await self._in_time(self.function.timeout, args, kwargs)
            result = self.function.fn(*args, **kwargs)
            return await result if self.function.is_async else result
        except asyncio.CancelledError as error:
            if self.cancel_asked or self.loop.discarded:
                raise
            raise unasked(self.function, error) from error

    async def _in_time(self, timeout: float, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The body of a function with a timeout; most have none, and do not pay for it."""
        deadline, overran = asyncio.timeout(None), ""

        def expire() -> None:
            nonlocal overran
            # Now, because the cancellation takes what was running away.
            overran = overrun(self.function, self.open.values())
            deadline.reschedule(self.loop.now)

        try:
            async with deadline:
                # A name of its own: a retry must know it from the body's timers, which are counted as before.
                self.loop.root_scope.identify("timer")
                self.loop.open_timer(DEADLINE, self.loop.now + timeout, expire)
                result = self.function.fn(*args, **kwargs)
                return await result if self.function.is_async else result
        except TimeoutError as error:
            # Only what asyncio has made of the cancellation: a body may raise one of its own on its way out.
            if overran and not error.args and isinstance(error.__cause__, asyncio.CancelledError):
                error.args = (overran,)
            raise

    def _turn(self) -> None:
        # `_inside` spelled out: this is the hottest place, and a context manager would double its cost.
        outer_machine, outer_loop, loop = turning.machine, _get_running_loop(), self.loop
        turning.machine = self
        _set_running_loop(loop)
        try:
            loop.drain()
            if self.trouble is None and self.finished is None and self._root.done():
                self._finish()
        finally:
            loop.entered = False
            _set_running_loop(outer_loop)
            turning.machine = outer_machine
        if self.trouble is not None:
            raise self.trouble

    @contextlib.contextmanager
    def _inside(self) -> Generator[None]:
        """User code runs here: this thread is inside this workflow."""
        outer_machine, outer_loop = turning.machine, _get_running_loop()
        turning.machine = self
        _set_running_loop(self.loop)
        watch_generators()
        try:
            yield
        finally:
            _set_running_loop(outer_loop)
            turning.machine = outer_machine

    def _finish(self) -> None:
        """The body ended: say how, and drop what it left behind."""
        forgotten, effects = self._unawaited.forgotten(), self._effects
        if effects is not None and effects.end is not None:
            end = effects.end
            self._root.result()  # what cannot be undone by its declaration parks the run
        elif self._root.cancelled():
            end = Finish(State.CANCELLED, b"")
        elif (error := self._root.exception() or forgotten) is not None:
            explain(error)
            self.failure = error
            end = Finish(State.FAILED, codec.encode_failure(error))
        else:
            end = _returned(self, self._root.result())
        if effects is not None or self.open:  # else it leaves nothing behind
            if self.effects.end is None and self.effects.must_wind_up(self, end):
                self._wind_up(end)
                return
            left = [CancelStep(step) for step in self.open.values() if step.id not in self.outside]
            self.commands += left
            self.open.clear()
            self.outside.clear()
        self.commands.append(end)
        self.finished = end
        self.loop.abandon()

    def _wind_up(self, end: Finish) -> None:
        """Go on without the body, on a loop where nothing of it is left."""
        self.commands.extend(self.effects.release(self, end))
        self.commands.append(Ending(end.state, self._fed.seq if self._fed is not None else 0))
        self.loop.abandon()
        self._unawaited.close()
        loop = self.loop = Loop(self.run, self.loop.now)
        loop.entered = True
        _set_running_loop(loop)
        try:
            self._root = loop.open_task(
                self.effects.wind_up(self), Scope(UNDO_SCOPE), UNDO_SCOPE, contextvars.Context()
            )
            loop.drain()
            if self._root.done():
                self._finish()
        finally:
            loop.entered = False

    def discard(self) -> None:
        """Drop this run from memory without acting: nothing its body still does has any effect."""
        if self.finished is None:
            with self._inside():
                self.loop.abandon()
                self._unawaited.close()
        self.open.clear()
        self.outside.clear()
        self.sent.clear()
        self.commands.clear()


def _returned(machine: Machine, result: Any) -> Finish:
    if machine.next_generation is not None and result is machine.next_generation:
        return Finish(State.WAITING, machine.next_generation.args, machine.next_generation.due)
    label = machine.function.label
    try:
        if machine.next_generation is not None:
            what = f"{label}.again(...) was called, but {label} returned something else"
            raise UsageError(f"{machine.defined_at()}: {what}", fix=f"return {label}.again(...)")
        payload = codec.encode(
            result, where=f"{label} result", annotation=machine.function.returns, depot=machine.depot
        )
    except Exception as error:
        return Finish(State.FAILED, codec.encode_failure(error))
    return Finish(State.SUCCEEDED, payload)


def current_machine() -> Machine | None:
    """The machine whose turn this thread is in, or None outside of workflow bodies."""
    return turning.machine  # pyright: ignore[reportReturnType]  # no `cast`: that is a call, once a step


def replay(machine: Machine, entries: Iterable[Entry]) -> None:
    """Feed recorded entries (those that are fed at all) to a machine that has begun."""
    machine.replaying = True
    try:
        for entry in entries:
            machine.feed(entry)
    finally:
        machine.replaying = False
