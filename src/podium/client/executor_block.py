"""The run of one `Executor`: what was submitted, between the threads that submit and the engine that drives.

The run has no body. Its machine asks here for steps (`attend`), and outcomes come back once they are durable
(`answered`); a thread of the block's own then sets the futures (`executor_answers`).
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Collection
from datetime import datetime
from enum import Enum
from functools import partial
from itertools import islice

from ..engine import End, Met, Start
from ..errors import EngineStopped, PodiumError, RunCancelled, RunParked
from ..executors import note_started_run, refuse_work_while_loading
from ..functions import Function
from ..machine import AttendedMachine
from ..model import BY_ITS_PROGRAM, Entry, Kind, NewRun, State, Verdict, read_reason
from .app import App
from .executor_answers import Answers
from .executor_calls import Call, Calls
from .start_options import StartOptions
from .starting import encoded, new_run, started_run


class Way(Enum):
    """How a block is left, once all that was submitted is over."""

    FINISH = "finish"
    LEAVE = "leave"  # the next execution goes on with it


class Block:
    """One run. What begins with an underscore and is called by the engine is on the engine's thread."""

    def __init__(
        self, app: App, name: str, max_workers: int, fresh: bool, over: Callable[[bool], None]
    ) -> None:
        """`name`: "module:label" of the run. `over` is told whether it was left to the next execution."""
        self._app, self._max_workers, self._fresh = app, max_workers, fresh
        self.function = Function(name, _no_body, is_workflow=True, is_async=False)
        self.function.machine = partial(AttendedMachine, self)
        self.calls = Calls(app.env, app.tell, lambda: app.store.depot)
        self.process = os.getpid()
        self.failure: BaseException | None = None  # why nothing more is taken
        self.run: str | None = None
        self._way: Way | None = None
        self._submitted: deque[Call] = deque()
        self._nudged = False
        self._pending: deque[Call] = deque()  # for which there is no room yet
        self._again: list[Call] = []  # which ran when the machine left memory
        self._open: dict[str, Call] = {}  # not answered yet, by step
        self._recorded: dict[str, Entry] = {}  # results of earlier executions that nobody has taken, by step
        self._met: list[str] = []  # earlier runs of the block
        self._counts: dict[str, int] = {}
        self._answers = Answers(app.env, self.calls, app.tell, over, lambda: app.store.depot)
        self.over = self._answers.over

    # -- any thread -----------------------------------------------------------------------------------

    def begin(self) -> None:
        """Start the run, or go on with the one that an earlier execution has left. Raises UsageError where
        this process has no engine."""
        refuse_work_while_loading()
        app, profile = self._app, self._app.profile
        host = app.session.listen()
        options = StartOptions(id=app.env.new_id()) if self._fresh else StartOptions()
        call = encoded(self.function, (), {}, options, lambda: app.store.depot)
        new = new_run(self.function, call, app.env, profile.starter, BY_ITS_PROGRAM)
        note_started_run()
        self._answers.begin()
        profile.blocks[self.function.name] = self.function
        host.call(host.engine.clients.begin, (_BlockStart(new, self._started, self._ended, self._met),))

    def submit(self, call: Call) -> None:
        """Have it called. Raises EngineStopped."""
        self._submitted.append(call)
        if not self._nudged:
            self._nudged = True
            self._app.host.call(self._nudge)

    def leave(self, way: Way, cancel: bool) -> None:
        """When all that was submitted is over, the block is; `cancel` what has not begun."""
        try:
            self._app.host.call(self._leave, way, cancel)
        except PodiumError as error:  # the engine is gone
            self._ended(error)

    # -- the engine's thread: starting and ending -------------------------------------------------------

    def _started(self, new: NewRun, verdict: Verdict | BaseException) -> None:
        if isinstance(verdict, BaseException):
            self._ended(verdict)
            return
        try:
            self.run = started_run(new, self.function.label, verdict)
        except PodiumError as error:
            self._ended(error)
            return
        self._app.host.engine.claimer.attend(self.run)
        self._nudge()

    def _nudge(self) -> None:
        self._nudged = False
        owned = self._app.host.engine.owned.get(self.run or "")
        if owned is not None:
            owned.alarm()

    def _leave(self, way: Way, cancel: bool) -> None:
        if self._way is not Way.LEAVE:  # also where the program has ended since, by `sys.exit(1)`
            self._way = way
        if cancel:
            # A pool's idle worker has begun with a call as it is submitted, whether we have come to that yet
            # or not; of a block that is left, nothing more begins.
            running = len(self._open) - len(self._pending)
            begun = max(0, self._max_workers - running) if way is Way.FINISH else 0
            for call in islice([*self._pending, *self._submitted], begun, None):
                call.future.cancel()
        self._nudge()

    @property
    def _is_done(self) -> bool:
        return self._way is not None and not (self._open or self._submitted)

    def _hand_back(self) -> None:
        """All that was submitted is answered: the next execution goes on with the run."""
        engine = self._app.host.engine
        owned = engine.owned.get(self.run or "")
        if owned is not None and not owned.ignores_events:
            engine.watchers.forget(owned.head.id)
            self._forget()
            engine.clients.interrupted(owned.head.id)
            owned.hand_back()  # then `dropped`

    def _forget(self) -> None:
        if self.run is not None:
            self._app.host.engine.claimer.attend(self.run, False)
        self._app.profile.blocks.pop(self.function.name, None)

    def _ended(self, end: End | BaseException) -> None:
        """How the run came out: by its end here, by a person's hand, or with the engine."""
        if isinstance(end, BaseException):
            failure: BaseException | None = end
        elif end.state is State.PARKED:
            reason = read_reason(end.payload)
            failure = RunParked(f"run {self.run} is parked: {reason.what}", fix=reason.fix)
        elif end.state is State.SUCCEEDED:
            failure = None
        else:
            failure = RunCancelled(f"run {self.run} was cancelled")
        if not isinstance(end, EngineStopped):
            self._forget()
        self._end(failure)

    def _end(self, failure: BaseException | None) -> None:
        """Nothing more is taken, and what is open fails."""
        if self.failure is None:
            is_left = failure is None and self._way is Way.LEAVE
            self.failure = failure or EngineStopped(f"run {self.run} is over")
            self._answers.end([*self._open.values(), *self._submitted], self.failure, is_left)

    # -- the engine's thread: the machine's side --------------------------------------------------------

    def began(self, machine: AttendedMachine) -> None:
        """As `Attendant` has it."""
        waiting = set(map(id, self._pending))
        self._again = [call for call in self._open.values() if id(call) not in waiting]
        self._recorded.clear()

    def dropped(self) -> None:
        """As `Attendant` has it."""
        if self._way is Way.LEAVE and self._is_done:
            self._end(None)

    def recall(self, entry: Entry) -> None:
        """As `Attendant` has it."""
        self._recorded[entry.step] = entry

    def attend(self, machine: AttendedMachine) -> None:
        """As `Attendant` has it."""
        if self._met and self._recorded:
            self._met.clear()
            self._answers.tell(_taken(self.function.label, self.run, self._recorded.values()))
        again, self._again = self._again, []
        for call in again:
            if not self._take(call):
                _ask(machine, call)
        while self._submitted:
            self._admit(self._submitted.popleft())
        while self._pending and len(machine.open) < self._max_workers:
            call = self._pending.popleft()
            if call.future.set_running_or_notify_cancel():
                _ask(machine, call)
            else:
                self._answer(call)
        if not self._is_done:
            return
        if self._way is Way.FINISH:
            machine.finish(State.SUCCEEDED)
        elif self._app.profile.starter:
            self._app.host.call(self._hand_back)
        else:  # a server's, or a prompt's: nothing tells its next execution
            machine.finish(State.CANCELLED)

    def _admit(self, call: Call) -> None:
        if call.prefix:
            number = self._counts[call.prefix] = self._counts.get(call.prefix, 0) + 1
            call.id = call.prefix if number == 1 else f"{call.prefix}.{number}"
        self._open[call.id] = call
        recorded = self._recorded.get(call.id)
        if recorded is None or recorded.digest != call.digest:
            self._pending.append(call)
        elif call.future.set_running_or_notify_cancel():
            self._take(call)
        else:
            self._answer(call)

    def _take(self, call: Call) -> bool:
        """Let it have the result that is on record, if one is."""
        entry = self._recorded.pop(call.id, None)
        if entry is None or entry.digest != call.digest:
            return False
        self._answer(call, entry.kind, entry.payload)
        return True

    def answered(self, step: str, kind: Kind, payload: bytes) -> None:
        """As `Attendant` has it."""
        self._answer(self._open[step], kind, payload)
        if self._is_done:
            self._app.host.call(self._nudge)

    def _answer(self, call: Call, kind: Kind | None = None, payload: bytes = b"") -> None:
        del self._open[call.id]
        if kind is not None:  # else it was cancelled
            self._answers.give(call, kind, payload)


def _taken(label: str, run: str | None, recorded: Collection[Entry]) -> str:
    last = datetime.fromtimestamp(max(entry.at for entry in recorded))
    results = "1 result" if len(recorded) == 1 else f"{len(recorded):,} results"
    return (
        f"podium: {label} goes on with run {run}: {results} of {last:%Y-%m-%d %H:%M:%S} on record; "
        "Executor(fresh=True) begins anew"
    )


class _BlockStart(Start):
    """Of a block's run."""

    __slots__ = ("_met", "_then")

    def __init__(
        self,
        new: NewRun,
        then: Callable[[NewRun, Verdict | BaseException], None],
        ended: Callable[[End | BaseException], None],
        met: list[str],
    ) -> None:
        super().__init__(new, ended)
        self._then, self._met = then, met

    def met(self, run: str, how: Met) -> None:
        self._met.append(run)

    def tell(self, answer: Verdict | BaseException) -> None:
        self._then(self.new, answer)


def _ask(machine: AttendedMachine, call: Call) -> None:
    machine.ask(call.id, call.function, call.args, call.digest, call.line)


def _no_body() -> None:
    """The block's body is the program around it."""
