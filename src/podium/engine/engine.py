"""The engine: owns runs and drives them, each through its `OwnedRun`.

Everything here happens in one thread, in callbacks of the reactor; nothing waits. Other threads come in
through `host.py`. The engine knows no SQL, no clock and no thread of its own, which is why the simulator
can run it, several of them against one store, on virtual time.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Literal, Protocol

from ..env import Env
from ..errors import EngineStopped, StoreError
from ..executors import Attempt, Ended, Progress
from ..functions import Function
from ..machine import Machine
from ..model import Head, Move, State
from ..store import Store
from .burst import burst
from .caution import Suspects
from .committer import Committer
from .desk import Desk, End, stopped_by
from .hearing import Hearing
from .options import Options
from .owned import OwnedRun
from .ownership import Ownership
from .probation import Probation
from .reactor import Reactor, Writer
from .sweep import Sweep
from .watchdog import TurnWatch

log = logging.getLogger("podium")

Event = Literal["taken", "began", "progress", "said", "logged", "ended", "cancelled", "left", "lost"]

JUMP_SECONDS = 0.5  # between two polls: more than a clock is slewed by


class Executor(Protocol):
    def submit(self, attempt: Attempt) -> None: ...

    def cancel(self, attempt: Attempt) -> None: ...


class Engine:
    """Owns and drives runs. All methods belong to the reactor's thread."""

    def __init__(
        self,
        id: str,
        store: Store,
        functions: Mapping[str, Function],
        env: Env,
        reactor: Reactor,
        writer: Writer,
        ownership: Ownership,
        options: Options,
        observers: list[Callable[..., None]] | None = None,
    ) -> None:
        self.id, self.store, self.functions, self.env = id, store, functions, env
        self.reactor, self.options = reactor, options
        self.ownership = ownership
        self.committer = Committer(store, id, env, reactor, writer, self.fail)
        self.watch = TurnWatch(env, options.turn_budget)
        self.executors: dict[str, Executor] = {}
        self.hearing = Hearing(self)
        self.owned: dict[str, OwnedRun] = {}
        self.observers: list[Callable[..., None]] = [] if observers is None else observers
        self.failure: BaseException | None = None
        self.ticked = env.monotonic()  # last sign of progress, for the heartbeat
        self._ahead = env.now() - env.monotonic()  # of the clock that waits, the wall clock is so far
        self._outcomes: deque[Ended] = deque()
        self._draining = False
        self.stopping = False
        self.expected = 0  # runs on their way into memory: starts being committed, claims being made
        self.desk = Desk(self)
        self.sweep = Sweep(self)
        self.suspects = Suspects(reactor)
        self.probation = Probation(self)
        self._stopped: Callable[[], None] | None = None

    # -- looking for work -----------------------------------------------------------------------------

    def begin(self) -> None:
        """Start looking for work. The engine's row must be there already."""
        self._poll()

    def observe(self, what: Event, run: str, detail: Any = None) -> None:
        """Tell whoever follows along (a live view); nothing rests on it. On the engine's thread, but for
        "progress", "said" and "logged". The detail is a

        taken      Head: the run came into memory
        began      Attempt: it was given to its executor
        progress   (Attempt, Progress)
        said       (Attempt, "stdout" or "stderr", line) of a process; logged: (Attempt, LogRecord) of one
        ended      Entry: RESULT, ERROR or RETRY, not durable yet
        cancelled  Attempt: nobody waits for it any more
        left       Move: the run left memory; lost: None, another engine owns it
        """
        for observer in self.observers:
            observer(what, run, detail)

    def _poll(self) -> None:
        self.ticked = self.env.monotonic()
        if self.failure is None:
            self.reactor.call_later(self.options.poll, self._poll)  # first, whatever comes of the rest
            self._look_at_the_clock()
            self.sweep.soon()
            self.hearing.flush()

    def _look_at_the_clock(self) -> None:
        """Timers in memory wait by the monotonic clock, which no jump moves; what they wait for is UTC."""
        ahead, before = self.env.now() - self.env.monotonic(), self._ahead
        self._ahead = ahead
        if ahead - before > JUMP_SECONDS:
            with burst():
                for owned in list(self.owned.values()):
                    owned.alarm(jumped=True)

    def take_up(self, head: Head) -> None:
        """Drive a run that the store says is ours, unless it is in memory already."""
        function = self.functions.get(head.function)
        if function is None or head.id in self.owned or self.stopping or self.failure is not None:
            return  # what a stopping engine owns is handed back when it retires
        if self.probation.admits(head):
            self.begin_run(head)

    def begin_run(self, head: Head, on_record: bool = False) -> bool:
        """Bring a run that is ours into memory; False if that cannot be now. `on_record`: see `probation`."""
        function = self.functions[head.function]
        if self.stopping or self.failure is not None:
            return False
        owned = OwnedRun(self, head, Machine(head.id, function, head.args, head.started))
        owned.machine.hear = self.hearing.body
        self.owned[head.id] = owned
        self.observe("taken", head.id, head)
        try:
            with burst():
                owned.take_up(on_record)
        except StoreError as error:
            # Half a replay is no place to go on from: drop it and begin again when the store is back.
            log.warning("run %s: history not readable yet (%s)", head.id, error)
            owned.drop()
            del self.owned[head.id]
            self.sweep.unsure = True
            return False
        return True

    # -- what owned runs ask for ----------------------------------------------------------------------

    @property
    def room(self) -> int:
        """How many more runs may come into memory."""
        return max(0, self.options.runs_max - len(self.owned) - self.probation.waiting - self.expected)

    def submit(self, attempt: Attempt) -> None:
        """Let the task body run."""
        attempt.began = self.env.now()
        attempt.note, attempt.listener = self._noted, self.hearing.listener
        attempt.awaits = self._awaits
        if self.observers:
            self.observe("began", attempt.run, attempt)
        self.executors[attempt.function.executor].submit(attempt)

    def cancel(self, attempt: Attempt) -> None:
        """Stop a task body whose outcome nobody waits for."""
        self.observe("cancelled", attempt.run, attempt)
        self.suspects.ended(attempt)
        if attempt.transcript is not None:
            self.hearing.ended(attempt)
        self.executors[attempt.function.executor].cancel(attempt)

    def _awaits(self, attempt: Attempt, runs: tuple[str, ...], begins: bool) -> None:
        """A task's body begins to wait for runs, or does no more. Any thread."""
        self.reactor.call_soon_threadsafe(self.desk.awaited, attempt, runs, begins)

    def _noted(self, attempt: Attempt, progress: Progress) -> None:
        self.observe("progress", attempt.run, (attempt, progress))

    def ended(self, ended: Ended) -> None:
        """An executor's answer. Any thread; ends that come together are drained together."""
        self._outcomes.append(ended)
        if not self._draining:
            self._draining = True
            self.reactor.call_soon_threadsafe(self._drain)

    def ended_here(self, ended: Ended) -> None:
        """The same from the reactor's own thread, where no wake-up is needed."""
        self._outcomes.append(ended)
        if not self._draining:
            self._draining = True
            self.reactor.call_soon(self._drain)

    def _drain(self) -> None:
        self._draining = False
        outcomes = self._outcomes
        with burst():
            while outcomes:
                ended = outcomes.popleft()
                owned = self.owned.get(ended.attempt.run)
                if owned is not None:
                    if ended.attempt.transcript is not None:
                        self.hearing.ended(ended.attempt)
                    owned.ended(ended)
        if self.stopping:
            self._try_to_stop()

    def left(self, owned: OwnedRun, move: Move) -> None:
        """A run's last write is durable: it leaves memory."""
        del self.owned[owned.head.id]
        owned.drop()
        self.observe("left", owned.head.id, move)
        if move.state is State.WAITING:
            self.sweep.due(move.due)
        else:
            if move.state.is_final:
                self.desk.ended(owned.head)
            self.desk.tell(owned.head.id, End(move.state, move.payload))
        if self.sweep.hungry and self.room * 10 >= self.options.runs_max:
            self.sweep.soon()  # by tenths: a claim for each run that leaves would be a commit for each
        if self.stopping:
            self._try_to_stop()

    def lost(self, owned: OwnedRun) -> None:
        """A write was refused: somebody else owns the run now."""
        _say_lost(owned)
        self.owned.pop(owned.head.id, None)
        owned.drop()
        self.observe("lost", owned.head.id)

    # -- the end --------------------------------------------------------------------------------------

    def stop(self, then: Callable[[], None]) -> None:
        """Claim nothing more, let running tasks end within the grace time, hand the runs back.

        The grace is for runs that were asked for here: nobody here waits for the others, so they go at once.
        """
        self.stopping, self._stopped = True, then
        if self.options.others == "yield":
            for owned in list(self.owned.values()):
                if not self.desk.wants(owned.head):
                    owned.hand_back()
        self.reactor.call_later(self.options.grace, self._hand_back_all)
        self._try_to_stop()

    def _try_to_stop(self) -> None:
        if self.failure is not None or not any(owned.attempts.running for owned in self.owned.values()):
            self._hand_back_all()

    def _hand_back_all(self) -> None:
        for owned in list(self.owned.values()):
            owned.hand_back()
        if self._stopped is None:
            return
        if self.failure is None and (self.owned or not self.committer.idle):
            self.reactor.call_later(0.005, self._try_to_stop)
            return
        then, self._stopped = self._stopped, None
        for owned in self.owned.values():
            owned.drop()
        self.owned.clear()
        self.desk.answer_all(EngineStopped("the engine was closed; the run goes on when one is there again"))
        then()

    def condemned(self) -> None:
        """Our row is gone: others took us for dead, and our runs go on with them."""
        self.ownership.condemned = True
        self.fail(EngineStopped("this engine was silent for so long that others took it for dead"))

    def fail(self, error: BaseException) -> None:
        """The store cannot be trusted any more, or this engine was condemned: stop acting at once."""
        if self.failure is None:
            log.error("engine %s stops: %s", self.id, error)
            self.failure = error
            self.committer.stopped = True
            for owned in list(self.owned.values()):
                if self.ownership.condemned:
                    _say_lost(owned)
                owned.drop()
            self.owned.clear()
            self.desk.answer_all(stopped_by(error))


def _say_lost(owned: OwnedRun) -> None:
    log.warning(
        "run %s of %s: lost ownership (token %d); what was in flight here is dropped",
        owned.head.id,
        owned.machine.function.label,
        owned.head.token,
    )
