"""The engine: owns runs and drives them, each through its `OwnedRun`.

Everything here happens in one thread, in callbacks of the reactor; nothing waits. Other threads come in
through `host.py`. The engine knows no SQL, no clock and no thread of its own, which is why the simulator
can run it, several of them against one store, on virtual time.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

import msgspec

from ..env import Env
from ..errors import EngineStopped, StoreError
from ..executors import Attempt, Ended, Progress
from ..functions import Function
from ..machine import Machine
from ..model import FINAL, Claimed, Fence, Head, Message, Move, NewRun, Outcome, Query, RunRow, State, Verdict, Write
from ..store import Store
from .committer import Committer
from .owned import OwnedRun
from .ownership import Ownership
from .reactor import Reactor, Writer
from .watchdog import TurnWatch

log = logging.getLogger("podium")

CLAIM_BATCH = 200


class Options(msgspec.Struct, frozen=True):
    """What an engine may be told; every default is safe. Times in seconds."""

    runs_max: int = 1000  # in memory at once; more wait in the store
    loop_slots: int = 1000  # `async def` tasks at once
    thread_slots: int = 32  # `def` tasks at once
    lease: float = 10.0  # silence after which an engine counts as dead
    poll: float = 1.0  # how often to look for due runs and messages unasked
    turn_budget: float = 10.0  # a workflow may compute that long without waiting
    grace: float = 5.0  # for running tasks to end at shutdown
    evict_always: bool = False  # drop a run whenever it only waits: for tests


class Executor(Protocol):
    def submit(self, attempt: Attempt) -> None: ...

    def cancel(self, attempt: Attempt) -> None: ...


class OneWrite:
    """A write that belongs to no owned run: a start, a message, a person's decision."""

    def __init__(
        self,
        write: Write,
        then: Callable[[Verdict], None],
        fail: Callable[[Answer], None],
        asked: dict[OneWrite, None],
    ) -> None:
        self._write, self._then, self.fail, self._asked = write, then, fail, asked

    def take_write(self) -> Write:
        return self._write

    def committed(self, write: Write, verdict: Verdict) -> None:
        self._asked.pop(self, None)
        self._then(verdict)


class End(msgspec.Struct, frozen=True):
    """How a watched run came out: a final state with its payload, or parked with its reason."""

    state: State
    payload: bytes


Watched = End | BaseException  # what a watcher is told
Answer = Verdict | BaseException  # what a client's write is answered with

_THERE = (Outcome.DONE, Outcome.ATTACHED, Outcome.EXISTS)  # verdicts after which the run is in the store


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
    ) -> None:
        self.id, self.store, self.functions, self.env = id, store, functions, env
        self.reactor, self.options = reactor, options
        self.ownership = ownership
        self.committer = Committer(store, id, env, reactor, writer, self.fail)
        self.watch = TurnWatch(env, options.turn_budget)
        self.executors: dict[str, Executor] = {}
        self.owned: dict[str, OwnedRun] = {}
        self.observers: list[Callable[..., None]] = []
        self.failure: BaseException | None = None
        self.ticked = env.monotonic()  # last sign of progress, for the heartbeat
        self._watched: dict[str, list[Callable[[Watched], None]]] = {}
        self._asked: dict[OneWrite, None] = {}  # clients' writes not answered yet
        self._outcomes: deque[Ended] = deque()
        self._draining = False
        self._sweeping = False
        self._sweep_again = False
        self._unsure = False  # the store may say that we own runs which we do not have in memory
        self._next_due: float | None = None
        self._due_alarm: Any = None
        self._stopping = False
        self._stopped: Callable[[], None] | None = None

    # -- starting, sending, watching ------------------------------------------------------------------

    def begin(self) -> None:
        """Start looking for work. The engine's row must be there already."""
        self._poll()

    def start(
        self, new: NewRun, then: Callable[[Answer], None], watch: Callable[[Watched], None] | None = None
    ) -> None:
        """Create a run; `then` gets the verdict once it is durable, `watch` how the run comes out."""
        owned = new.due is None and len(self.owned) < self.options.runs_max and not self._stopping
        new = msgspec.structs.replace(new, owned=owned)

        def created(verdict: Verdict) -> None:
            outcome, id = verdict.runs[0] if verdict.runs else (verdict.outcome, new.id)
            if watch is not None and outcome in _THERE:
                self._watched.setdefault(id, []).append(watch)
            if owned and outcome is Outcome.DONE and not self._stopping:
                self._take_up(_head_of(new))
            elif outcome in _THERE and id not in self.owned:
                self.sweep()
                if outcome is Outcome.EXISTS:  # perhaps by our own first try, whose answer was lost
                    self.committer.ask(lambda: self.store.load(id), self._looked)
            then(verdict)

        def attached(row: RunRow | None, verdict: Verdict) -> None:
            if row is None or row.state is not State.PARKED or row.fingerprint == new.fingerprint:
                created(verdict)
            else:  # it was parked under other code than this: the person who runs it again has mended it
                fence = Fence(row.id, row.token, frozenset({State.PARKED}))
                again = Write(fence=fence, move=Move(State.WAITING, due=self.env.now()))
                self._commit_one(again, lambda _: created(verdict), then)

        def answered(verdict: Verdict) -> None:
            if verdict.runs and verdict.runs[0][0] is Outcome.ATTACHED:
                id = verdict.runs[0][1]
                self.committer.ask(lambda: self.store.load(id), lambda row, _: attached(row, verdict))
            else:
                created(verdict)

        self._commit_one(Write(new_runs=(new,)), answered, then)

    def write(self, write: Write, then: Callable[[Answer], None]) -> None:
        """Commit a client's write (messages, a decision about a parked run) and look for what it woke."""

        def done(verdict: Verdict) -> None:
            self.sweep()
            then(verdict)

        self._commit_one(write, done, then)

    def _commit_one(self, write: Write, then: Callable[[Verdict], None], fail: Callable[[Answer], None]) -> None:
        if self.failure is not None:
            fail(_stopped(self.failure))
            return
        one = OneWrite(write, then, fail, self._asked)
        self._asked[one] = None
        self.committer.touch(one)

    def watch_run(self, run: str, then: Callable[[Watched], None]) -> None:
        """Call `then` when the run is final or parked, wherever it runs, or when this engine stops."""
        if self.failure is not None:
            then(_stopped(self.failure))
            return
        self._watched.setdefault(run, []).append(then)
        if run not in self.owned:
            self.committer.ask(lambda: self.store.load(run), self._looked)

    def unwatch(self, run: str, then: Callable[[Watched], None]) -> None:
        """Take a `watch_run` back."""
        waiting = self._watched.get(run, [])
        if then in waiting:
            waiting.remove(then)
        if not waiting:
            self._watched.pop(run, None)

    def _looked(self, row: RunRow | None, error: BaseException | None) -> None:
        if error is not None:
            self._unsure = True
        if row is None or row.id in self.owned:
            return
        if row.state in FINAL or row.state is State.PARKED:
            self._tell(row.id, End(row.state, row.payload))
        elif row.owner == self.id:
            self._take_up(_head_of_row(row))

    def _tell(self, run: str, end: Watched) -> None:
        for then in self._watched.pop(run, ()):
            then(end)

    def observe(self, what: str, run: str, detail: Any = None) -> None:
        """Tell whoever follows along (a live view). Not durable, may be lost. "progress" comes on any thread."""
        for observer in self.observers:
            observer(what, run, detail)

    # -- looking for work -----------------------------------------------------------------------------

    def _poll(self) -> None:
        self.ticked = self.env.monotonic()
        if self.failure is None:
            self.sweep()
            self.reactor.call_later(self.options.poll, self._poll)

    def sweep(self) -> None:
        """Claim what is due and collect messages, soon; asked for while one is under way: once more."""
        if self._sweeping or self._stopping:
            self._sweep_again = not self._stopping
            return
        self._sweeping = True
        room = min(CLAIM_BATCH, self.options.runs_max - len(self.owned))
        offered = {name: function.fingerprint for name, function in list(self.functions.items())}
        elsewhere = [run for run in self._watched if run not in self.owned][:CLAIM_BATCH]
        now, unsure = self.env.now(), self._unsure
        self._unsure = False

        def look() -> tuple[Claimed, list[Message], list[RunRow | None]]:
            claimed = Claimed((), None)
            if room > 0 and offered:
                claimed = self.store.claim(self.id, offered, room, now)
            if unsure:
                claimed = Claimed(tuple(self._ours()), claimed.next_due)
            taken = {head.id for head in claimed.heads}
            rows = [self.store.load(run) for run in elsewhere if run not in taken]
            return claimed, self.store.collect(self.id), rows

        self.committer.ask(look, self._swept)

    def _swept(self, found: Any, error: BaseException | None) -> None:
        self._sweeping = False
        if error is not None:
            if not isinstance(error, StoreError):
                self.fail(error)
            self._unsure = True  # what was claimed before the trouble is ours, unheard of
            return  # the next poll tries again
        claimed, messages, rows = found
        for head in claimed.heads:
            self._take_up(head)
        for message in messages:
            owned = self.owned.get(message.run)
            if owned is not None:
                owned.deliver(message)
        for row in rows:
            self._looked(row, None)
        self.due(claimed.next_due)
        if self._sweep_again or len(claimed.heads) == CLAIM_BATCH:
            self._sweep_again = False
            self.sweep()

    def _ours(self) -> Iterator[Head]:
        """Every run that this engine owns, by the store's word. Rare, so a walk over all running ones will do."""
        query = Query(states=frozenset({State.RUNNING}), limit=1000)
        while rows := self.store.find(query):
            yield from (_head_of_row(row) for row in rows if row.owner == self.id)
            query = msgspec.structs.replace(query, before=rows[-1].id)

    def due(self, when: float | None) -> None:
        """A run outside memory becomes due then: sweep in time for it, if that is before the next poll."""
        if when is None or (self._next_due is not None and self._next_due <= when):
            return
        delay = when - self.env.now()
        if delay > self.options.poll or len(self.owned) >= self.options.runs_max:
            return
        if self._due_alarm is not None:
            self._due_alarm.cancel()
        self._next_due = when
        self._due_alarm = self.reactor.call_later(max(0.0, delay), self._due_now)

    def _due_now(self) -> None:
        self._next_due = self._due_alarm = None
        self.sweep()

    def _take_up(self, head: Head) -> None:
        function = self.functions.get(head.function)
        if function is None or head.id in self.owned or self._stopping or self.failure is not None:
            return  # what a stopping engine owns is handed back when it retires
        owned = OwnedRun(self, head, Machine(head.id, function, head.args, head.started))
        self.owned[head.id] = owned
        self.observe("taken", head.id, head)
        try:
            owned.take_up()
        except StoreError as error:
            # Half a replay is no place to go on from: drop it and begin again when the store is back.
            log.warning("run %s: history not readable yet (%s)", head.id, error)
            owned.drop()
            del self.owned[head.id]
            self._unsure = True

    # -- what owned runs ask for ----------------------------------------------------------------------

    def turn(self, owned: OwnedRun, act: Callable[..., Any], *args: Any) -> None:
        """Make one turn of a machine, within its budget."""
        self.watch.run(owned.machine, act, *args)

    def alarm_at(self, due: float, owned: OwnedRun) -> None:
        """Call the run's alarm at that UTC time."""
        self.reactor.call_later(max(0.0, due - self.env.now()), owned.alarm)

    def submit(self, attempt: Attempt) -> None:
        """Let the task body run."""
        attempt.began = self.env.now()
        attempt.note = self._noted
        self.observe("began", attempt.run, attempt)
        self.executors[attempt.function.executor].submit(attempt)

    def cancel(self, attempt: Attempt) -> None:
        """Stop a task body whose outcome nobody waits for."""
        self.observe("cancelled", attempt.run, attempt)
        self.executors[attempt.function.executor].cancel(attempt)

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
        while outcomes:
            ended = outcomes.popleft()
            owned = self.owned.get(ended.attempt.run)
            if owned is not None:
                owned.ended(ended)
        if self._stopping:
            self._try_to_stop()

    def left(self, owned: OwnedRun, move: Move) -> None:
        """A run's last write is durable: it leaves memory."""
        del self.owned[owned.head.id]
        owned.drop()
        self.observe("left", owned.head.id, move)
        if move.state is State.WAITING:
            self.due(move.due)
        else:
            self._tell(owned.head.id, End(move.state, move.payload))
        if len(self.owned) == self.options.runs_max - 1:
            self.sweep()  # there may be more in line
        if self._stopping:
            self._try_to_stop()

    def lost(self, owned: OwnedRun) -> None:
        """A write was refused: somebody else owns the run now."""
        log.warning("run %s: lost ownership (token %d); what was in flight here is dropped", owned.head.id, owned.head.token)
        self.owned.pop(owned.head.id, None)
        owned.drop()
        self.observe("lost", owned.head.id)

    # -- the end --------------------------------------------------------------------------------------

    def stop(self, then: Callable[[], None]) -> None:
        """Claim nothing more, let running tasks end within the grace time, hand the runs back."""
        self._stopping, self._stopped = True, then
        self.reactor.call_later(self.options.grace, self._hand_back_all)
        self._try_to_stop()

    def _try_to_stop(self) -> None:
        if self.failure is not None or not any(owned.attempts.running for owned in self.owned.values()):
            self._hand_back_all()

    def _hand_back_all(self) -> None:
        for owned in list(self.owned.values()):
            owned.hand_back()
        if (self.failure is None and (self.owned or not self.committer.idle)) or self._stopped is None:
            if self._stopped is not None:
                self.reactor.call_later(0.005, self._try_to_stop)
            return
        then, self._stopped = self._stopped, None
        for owned in self.owned.values():
            owned.drop()
        self.owned.clear()
        self._answer_all(EngineStopped("the engine was closed; the run goes on when one is there again"))
        then()

    def fail(self, error: BaseException) -> None:
        """The store cannot be trusted any more, or this engine was condemned: stop acting at once."""
        if self.failure is None:
            log.error("engine %s stops: %s", self.id, error)
            self.failure = error
            self.committer.stopped = True
            for owned in list(self.owned.values()):
                owned.drop()
            self.owned.clear()
            self._answer_all(_stopped(error))
            self.observe("failed", "", error)

    def _answer_all(self, error: EngineStopped) -> None:
        """Nobody may be left waiting for an engine that has stopped."""
        asked, self._asked = self._asked, {}
        for one in asked:
            one.fail(error)
        for run in list(self._watched):
            self._tell(run, error)


def _head_of_row(row: RunRow) -> Head:
    return Head(
        id=row.id,
        function=row.function,
        token=row.token,
        args=row.args,
        digest=row.digest,
        created=row.created,
        started=row.created if row.started is None else row.started,
        lost=row.lost,
        entries=row.entries,
        fingerprint=row.fingerprint,
        starter=row.starter,
    )


def _stopped(failure: BaseException) -> EngineStopped:
    error = EngineStopped(f"the engine stopped: {failure}")
    error.__cause__ = failure
    return error


def _head_of(new: NewRun) -> Head:
    return Head(
        id=new.id,
        function=new.function,
        token=1,
        args=new.args,
        digest=new.digest,
        created=new.at,
        started=new.at,
        entries=new.copy_from[1] if new.copy_from else 0,
        fingerprint=new.fingerprint,
        starter=new.starter,
    )
