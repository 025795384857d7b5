"""A run in the store, seen from outside."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, TypeVar

from .. import codec, late
from ..engine import End, gone
from ..errors import RunCancelled, RunParked, UsageError
from ..executors import current_attempt, slot_lent
from ..functions import Function
from ..inspect import drop_our_frames, with_recorded_frames
from ..model import Message, RunRow, State, read_reason
from .app import App, Started
from .asking import asked
from .loop_wakeup import wait_in_loop
from .process import is_session
from .streams import Stream, stream_of, value_of
from .told import Promise, Told
from .waiting import FutureWaiting, Waiting, mapped, result_within

if TYPE_CHECKING:
    from ..inspect import causes
    from . import messages, operators
else:
    causes = late.module(globals(), "..inspect.causes")
    messages = late.module(globals(), ".messages")
    operators = late.module(globals(), ".operators")


T = TypeVar("T")

# Failures, and what ends a wait from outside. SystemExit and the like print no frames.
PASSED_ON = (Exception, KeyboardInterrupt, asyncio.CancelledError)


class StoredRun:
    """A run in the store, seen from outside."""

    @classmethod
    def known(cls, app: App, function: Function | None, row: RunRow) -> StoredRun:
        """One that is on record."""
        return cls(app, function, Started(Told(row.id), created=row.created))

    def __init__(self, app: App, function: Function | None, started: Started, id: str = "") -> None:
        self.app, self.function = app, function
        self._started = started
        self._end: Promise[End] | None = started.end
        self._id = id

    @property
    def id(self) -> str:
        return self._id if self._id and not self._started.id.done() else self._known()

    def _known(self) -> str:
        """The id once the start is on record, which decides whether it is a new run or an older one."""
        if not self._started.id.done() and self._on_engines_thread():
            raise UsageError(
                "this run's start is not on record yet, and waiting for that on the engine's own thread "
                "would never end",
                fix="in an async task, `await run.started()` first",
            )
        return self._started.id.result()

    def _on_engines_thread(self) -> bool:
        return self.app.has_engine and self.app.host.is_own_thread()

    def ended(self) -> Promise[End]:
        """How it comes out, once that is known; blocks for its start."""
        if self._end is None:
            self._end = self.app.wait(self._started.id.result(), self._started.created)
        return self._end

    def row(self) -> RunRow:
        """Its row. Raises RunNotFound, also where it was deleted and another run has its id."""
        row = self.app.load(self._known())
        if self._started.created not in (None, row.created):
            raise gone(row.id)
        self._started.created = row.created
        return row

    def _there(self) -> str:
        """Its id, once it is certain that it is on record. Raises RunNotFound."""
        return self.row().id

    def asked(self, act: Callable[[str], Future[T]]) -> FutureWaiting[T]:
        """What is asked of it, by its id. In an event loop nothing waits here, for its start neither."""
        start = self._started.id
        return asked(self.app.session.asking, lambda: act(self._there()), None if start.done() else start)

    def state(self) -> State:
        return self.row().state

    def result(self, timeout: float | None) -> Any:
        if self._on_engines_thread():
            raise UsageError(
                "waiting for a run on the engine's own thread would never end",
                fix="in an async task, await the run instead",
            )
        try:
            run = result_within(
                self._started.id, timeout, lambda: f"its start is not on record after {timeout} s"
            )
            with slot_lent((run,)):
                end = result_within(self.ended(), timeout, lambda: _not_done(run, timeout))
        except KeyboardInterrupt:
            self._left_by_its_caller()
            raise
        return self._outcome(end)

    async def wait(self) -> Any:
        try:
            if self._end is None or current_attempt.get() is not None:
                await wait_in_loop(self._started.id)
            with slot_lent([self.id] if current_attempt.get() is not None else ()):
                end = await wait_in_loop(self.ended())
            if not self._started.id.done():  # its notice is still being made
                await wait_in_loop(self._started.id)
            return self._outcome(end)
        except PASSED_ON as error:
            if isinstance(error, (KeyboardInterrupt, asyncio.CancelledError)):
                self._left_by_its_caller()
            drop_our_frames(error)
            raise

    def _left_by_its_caller(self) -> None:
        id = self._started.id
        left_by_caller(self.app, id.result() if id.done() and id.exception() is None else "")

    async def started(self) -> str:
        return await wait_in_loop(self._started.id)

    def cancel(self, by: str | None) -> Waiting[None]:
        who = operators.operator(by)
        return self.asked(lambda run: mapped(self.app.cancel(run, who), lambda _: None))

    def send(self, name: str, value: Any, id: str | None) -> Waiting[None]:
        return self._put(messages.signal(self.app, name, value, id))  # as it is now

    def _put(self, signal: Message) -> Waiting[None]:
        return self.asked(lambda run: messages.put(self.app, run, signal))

    def value(self, name: str) -> Any:
        return value_of(self.app, self._there(), name)

    def stream(self, name: str, after: int) -> Stream:
        return stream_of(self.app, self._there(), name, after)

    def _outcome(self, end: End) -> Any:
        if end.state is State.PARKED:
            self._end = None  # it may be resumed, and end otherwise: who asks next is to wait for that
        return outcome_of(self.app, self.function, self._started.id.result(), end)


class RunAround(StoredRun):
    """The run whose task the caller is in: it is there, so nothing is looked up before something is asked of
    it. Of which function it is, its row says."""

    def __init__(self, app: App, run: str) -> None:
        super().__init__(app, None, Started(Told(run)))

    def row(self) -> RunRow:
        row = super().row()
        self.function = self.app.functions.get(row.function)
        return row

    def _there(self) -> str:
        return self._known()

    def result(self, timeout: float | None) -> Any:
        if not self._on_engines_thread():  # there it is refused
            self.row()
        return super().result(timeout)

    async def wait(self) -> Any:
        try:
            await asyncio.to_thread(self.row)
            return await super().wait()
        except PASSED_ON as error:
            drop_our_frames(error)
            raise

    def _put(self, signal: Message) -> Waiting[None]:
        # With nothing to look up it is on its way at once, unless it would pass what was sent before it.
        if self.app.session.asking.is_idle:
            return FutureWaiting(messages.put(self.app, self._known(), signal))
        return super()._put(signal)


def outcome_of(app: App, function: Function | None, run: str, end: End) -> Any:
    """What a run has come to: its value, or raises why there is none."""
    if end.state is State.SUCCEEDED:
        return codec.decode(end.payload, function.returns if function else Any, app.store.depot)
    if end.state is State.FAILED:
        raise with_recorded_frames(codec.decode_failure(end.payload))
    if end.state is State.CANCELLED:
        raise RunCancelled(f"run {run} was cancelled")
    reason = read_reason(end.payload)
    fix = reason.fix.replace("resume the run", f"podium resume {run}")
    raise RunParked(f"run {run} is parked: {reason.what}", fix=fix)


def left_by_caller(app: App, run: str) -> None:
    """Who waited for a run, "" if there is none by now, was interrupted. Ctrl-C ends a script, and its run
    with it; at a prompt, and in a notebook, both go on."""
    if run and is_session() and current_attempt.get() is None:
        app.starts.left_by_caller(run)


def _not_done(run: str, timeout: float | None) -> str:
    return f"run {run} is not done after {timeout} s, and goes on; podium.get({run!r}) has it"


def why(app: App, run: str) -> str:
    """Why a run stands where it stands, and what would move it."""
    row = app.load(run)
    cause = causes.cause_of(app, row)
    return "\n  ".join(part for part in (f"{row.state}: {cause.what}", *cause.details, cause.fix) if part)
