"""A run this engine owns, in memory: its machine, its attempts, and what it still has to write.

The rule of the house is decide, commit, act. An outcome is fed to the machine at once; the commands that
the machine gives for it are held until the write that records the outcome is durable, and only then do
they start a task, cancel one, or tell anybody that the run has ended. If that write is refused, the run
is somebody else's: the machine is discarded and nothing it decided happens.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .. import codec
from ..errors import EncodeError, InternalError, StoreError
from ..executors import Attempt, Ended
from ..machine import CancelStep, Command, Finish, Machine, Step
from ..model import FED, Entry, Fence, Head, Kind, LogLine, Message, Move, Outcome, State, Verdict, Write
from .alarm import Alarm
from .attempts import ALONE, FORGIVEN, LOST_ALONE_MAX, Attempts
from .caution import Caution
from .reasons import explain, poisoned, stuck
from .recorded import recorded

if TYPE_CHECKING:
    from .engine import Engine

_RUNNING = frozenset({State.RUNNING})


class OwnedRun:
    """Drives one machine. Belongs to the engine's thread."""

    def __init__(self, engine: Engine, head: Head, machine: Machine) -> None:
        self.engine = engine
        self._turn = engine.watch.run
        self.head = head
        self.machine = machine
        self.attempts = Attempts()
        self._caution = Caution(self) if head.lost else None
        self.seq = head.entries  # of the last entry made, durable or not
        self._fingerprint = head.fingerprint  # of the code that the record fits
        self.gone = False  # left memory: whatever still comes is nobody's
        self.logs: list[LogLine] = []  # said since the last write
        self._entries: list[Entry] = []
        self._consumed: list[str] = []
        self._delivered: set[str] = set()  # ids of messages in the history
        self._held: list[Command | Attempt] = []  # wait for the next write
        self._writing: list[Command | Attempt] | None = None  # wait for the write under way
        self._move: Move | None = None
        self._closed = False  # ended, parked or handed back: nothing that happens now changes that
        self._alarm = Alarm(engine.env, engine.reactor)

    # -- taking up ------------------------------------------------------------------------------------

    def take_up(self, on_record: bool) -> None:
        """Bring the machine to where the history ends, and go on from there. Raises StoreError."""
        self._safely(self._take_up, on_record)

    def _take_up(self, on_record: bool) -> None:
        self.machine.replaying = self.head.entries > 0  # in its first turn, too
        self._turn(self.machine, self.machine.begin)
        if self.head.entries:
            self._replay()
        self._fingerprint = self.machine.function.fingerprint  # it fits ours: from now on the run is of that
        if on_record:
            self.note_start(b"")  # nothing begins before it is durable that this turn was survived
        elif self.attempts.have_lost and not self.head.lost:
            self.note_start(FORGIVEN)  # the store counts no loss since a person resumed it
        self._settle()

    def _replay(self) -> None:
        for entry in recorded(self.engine.store, self.head):
            self.attempts.remember(entry)
            if entry.kind in FED:
                if entry.kind is Kind.MESSAGE:
                    self._delivered.add(entry.step)
                self._turn(self.machine, self.machine.feed, entry)
        self.machine.replaying = False

    # -- events ---------------------------------------------------------------------------------------

    @property
    def deaf(self) -> bool:
        """Whether events come too late to matter here."""
        return self.gone or self._closed or self.machine.finished is not None

    def ended(self, ended: Ended) -> None:
        """An attempt ended: record what it came to, or when it is tried again."""
        attempt, error = ended.attempt, ended.error
        if self.deaf or self.attempts.running.get(attempt.step) is not attempt:
            return
        del self.attempts.running[attempt.step]
        try:  # what `_safely` does, spelled out: this and `committed` are the way of every step
            self._ended(attempt, ended.payload, error)
        except BaseException as trouble:
            self._troubled(trouble)
        if self._caution is not None:
            self._caution.ended(attempt)

    def _ended(self, attempt: Attempt, payload: bytes, error: BaseException | None) -> None:
        now = self.engine.env.now()
        self._fire_due(now)
        step = self.machine.open.get(attempt.step)
        if self.deaf or step is None:
            return
        self._stay()
        if error is None:
            self._answer(Kind.RESULT, step, attempt, payload, now)
        elif not self._retry(step, attempt, error, failure := payload or codec.encode_failure(error), now):
            self._answer(Kind.ERROR, step, attempt, failure, now)
        self._settle()

    def _answer(self, kind: Kind, step: Step, attempt: Attempt, payload: bytes, now: float) -> None:
        self.attempts.answered(step.id)
        entry = Entry(
            seq=self._next(), kind=kind, at=self._at(now), step=step.id, digest=step.digest, payload=payload,
            began=attempt.began, attempt=attempt.number,
        )  # fmt: skip
        self._feed(entry)
        if self.engine.observers:
            self.engine.observe("ended", self.head.id, entry)

    def _retry(self, step: Step, attempt: Attempt, error: BaseException, failure: bytes, now: float) -> bool:
        """Record a further attempt if the task's policy grants one."""
        policy = step.function.retry
        if policy is None or not isinstance(error, Exception) or isinstance(error, EncodeError):
            return False  # what cannot be encoded now cannot be next time either
        tries = self.attempts.of(step.id)
        elapsed = now - (tries.began or attempt.began)
        grant = policy.next_delay(error, tries.policies, elapsed, self.engine.env.uniform)
        if grant is None:
            return False
        entry = Entry(
            seq=self._next(), kind=Kind.RETRY, at=self._at(now), step=step.id, digest=step.digest,
            payload=bytes([grant.policy]) + failure,
            began=attempt.began, attempt=attempt.number, due=now + grant.delay,
        )  # fmt: skip
        self.attempts.remember(entry)
        self._record(entry)
        self.engine.observe("ended", self.head.id, entry)
        return True

    def alarm(self, jumped: bool = False) -> None:
        """A timer of the machine or a postponed attempt may be due. `jumped`: the wall clock was set forward
        (by somebody, or the host slept), and the alarm was set by what it was."""
        if jumped:
            self._alarm.drop()
        if not self.deaf:
            self._safely(self._come_due)

    def _come_due(self) -> None:
        now = self.engine.env.now()
        self._fire_due(now)
        if not self.deaf:
            self._retry_due(now)
            self._settle()

    def _fire_due(self, now: float) -> None:
        """Feed every timer that is due, one entry each, before anything that came later."""
        while not self.deaf:
            timer = self.machine.loop.next_timer()
            if timer is None or timer.due > now:
                return
            self._stay()
            self._feed(
                Entry(seq=self._next(), kind=Kind.TICK, at=max(self._at(now), timer.due), step=timer.identity)
            )

    def _retry_due(self, now: float) -> None:
        for identity in self.attempts.take_due(now):
            step = self.machine.open.get(identity)
            if step is not None:
                self._stay()
                self._held.append(step)

    def deliver(self, message: Message) -> None:
        """Take a message from the inbox into the history."""
        if self.deaf or message.id in self._delivered:
            return
        self._stay()
        self._delivered.add(message.id)
        self._consumed.append(message.id)
        self._safely(self._deliver, message)

    def _deliver(self, message: Message) -> None:
        at = self._at(self.engine.env.now())
        self._feed(
            Entry(seq=self._next(), kind=Kind.MESSAGE, at=at, step=message.id, payload=message.payload)
        )
        self._settle()

    # -- recording and feeding ------------------------------------------------------------------------

    def _next(self) -> int:
        self.seq += 1
        return self.seq

    def _at(self, now: float) -> float:
        """The time of an entry made now: a run's time never goes back, whichever clock it comes from."""
        last = self.machine.loop.now
        return now if now > last else last

    def _record(self, entry: Entry) -> None:
        self._entries.append(entry)
        self.engine.committer.touch(self)

    def _feed(self, entry: Entry) -> None:
        self._record(entry)
        self._turn(self.machine, self.machine.feed, entry)

    def _settle(self) -> None:
        """After turns: hold their commands for the commit, and see what the run waits for now."""
        held = self._held
        held.extend(self.machine.take())
        if held:
            last = held[-1]
            if isinstance(last, Finish):
                at = self._at(self.engine.env.now())  # later than its last entry: the body may have computed
                self._leave(Move(last.state, payload=last.payload, fingerprint=self._fingerprint, at=at))
            if self._entries or self._writing is not None or self._move is not None:
                return  # the commit comes first; what there is to wait for is seen after it
            self._held = []
            self._release(held)  # they rest on nothing that is not durable already
        if self._move is None and not self.deaf:
            self._wait()

    def _wait(self) -> None:
        """Arm the alarm for what is due next; leave memory if that is far away."""
        timer = self.machine.loop.next_timer()
        if timer is None and self.attempts.running and not self.attempts.tries:
            return  # the commonest case: it waits for tasks that run
        postponed = self.attempts.next_due()
        due = min((d for d in (timer and timer.due, postponed) if d is not None), default=None)
        if self._only_waits():
            if due is None:
                self.park(stuck(self.machine))
                return
            if due - self.engine.env.now() > self.engine.options.patience(self.seq):
                self._leave(Move(State.WAITING, due=due, fingerprint=self._fingerprint))
                return
        if due is not None:
            self._alarm.set(due, self.alarm)

    def _only_waits(self) -> bool:
        """Nothing runs, nothing is about to: every open step is one that will be tried again later."""
        if self.attempts.running or self._held or self._writing is not None:
            return False
        postponed, waiting = self.attempts.postponed, self.machine.open
        # Their number first: this is asked after each failure of many.
        return len(postponed) >= len(waiting) and all(step in postponed for step in waiting)

    # -- leaving --------------------------------------------------------------------------------------

    def _leave(self, move: Move) -> None:
        self._move = move
        self.engine.committer.touch(self)

    def _stay(self) -> None:
        """Something happened before the write that would have left was taken: the run stays in memory."""
        if self._move is not None and self._move.state is State.WAITING:
            self._move = None

    def hand_back(self) -> None:
        """Give the run up cleanly: whoever claims it next goes on."""
        if not self.deaf:
            if self._caution is not None:
                self._caution.give_back()
            self._closed = True
            self._held.clear()
            self._leave(Move(State.WAITING, due=0.0))  # at once, also by a clock that was set back meanwhile

    def park(self, reason: bytes) -> None:
        """Stop here and ask for a person's decision; what was recorded so far stays."""
        if self.gone or self._closed:  # but not merely finished: other code may return before its record ends
            return
        self._closed = True
        self._held.clear()
        self._leave(Move(State.PARKED, payload=reason, fingerprint=self._fingerprint))

    def _safely(self, act: Callable[..., None], *args: Any) -> None:
        """Trouble of the machine parks its run and nobody else's; trouble of the store is not the run's."""
        try:
            act(*args)
        except BaseException as trouble:
            self._troubled(trouble)

    def _troubled(self, trouble: BaseException) -> None:
        if isinstance(trouble, (StoreError, KeyboardInterrupt, SystemExit)):
            raise trouble
        self.park(explain(trouble))

    def drop(self) -> None:
        """Leave memory without acting: stop the attempts, discard the machine."""
        self.gone = True
        self._alarm.drop()
        for attempt in self.attempts.running.values():
            self.engine.cancel(attempt)
        self.attempts.running.clear()
        self._held.clear()
        self._entries.clear()
        self.machine.discard()

    # -- writing --------------------------------------------------------------------------------------

    def take_write(self) -> Write | None:
        """All that happened since the last write, as one. One is under way at most."""
        if self.gone or self._writing is not None or not (self._entries or self._move or self.logs):
            return None
        if self._move is not None:
            self.engine.hearing.leaving(self)
        entries, self._entries = tuple(self._entries), []
        consumed, self._consumed = tuple(self._consumed), []
        self._writing, self._held = self._held, []
        move, self._move = self._move, None
        self._closed = self._closed or move is not None
        logs, self.logs = (tuple(self.logs), []) if self.logs else ((), self.logs)
        fence = Fence(self.head.id, self.head.token, _RUNNING)
        return Write(fence=fence, move=move, entries=entries, consumed=consumed, logs=logs)

    def committed(self, write: Write, verdict: Verdict) -> None:
        """Durable: act on it. Refused: the run is somebody else's."""
        held, self._writing = self._writing or [], None
        if self.gone:
            return
        if verdict.outcome is Outcome.REFUSED:
            self.engine.lost(self)
        elif verdict.outcome is not Outcome.DONE:
            self._refused_data(write, verdict)
        elif write.move is not None:
            self.engine.left(self, write.move)
        else:
            try:
                self._act(held)
            except BaseException as trouble:
                self._troubled(trouble)

    def _act(self, held: list[Command | Attempt]) -> None:
        if not self._closed:  # handed back or parked meanwhile: what was decided is its next owner's
            self._release(held)
        if self._entries or self._move or self.logs:
            self.engine.committer.touch(self)
        self._settle()

    def _refused_data(self, write: Write, verdict: Verdict) -> None:
        """The store cannot hold this: park the run with its history as it was before that write."""
        if write.move is not None and write.move.state is State.PARKED:
            self.engine.lost(self)  # not even that: leave it to the next owner
            return
        self._closed = False
        self._entries.clear()
        self._consumed.clear()
        self.seq = write.entries[0].seq - 1 if write.entries else self.seq
        self.machine.finished = None
        self.park(explain(InternalError(f"the store refused this run's data: {verdict.detail}")))

    def _release(self, held: list[Command | Attempt]) -> None:
        """Everything these rest on is durable: act."""
        for command in held:
            if isinstance(command, Step):
                if self.machine.is_open(command):
                    self._launch(command)
            elif isinstance(command, CancelStep):
                attempt = self.attempts.forget(command.step.id)
                if attempt is not None:
                    self.engine.cancel(attempt)
                    if self._caution is not None:
                        self._caution.ended(attempt)
            elif isinstance(command, Attempt) and self.attempts.running.get(command.step) is command:
                self.engine.submit(command)

    def _launch(self, step: Step) -> None:
        """Begin the next attempt at a step, unless it is to wait."""
        tries = self.attempts.tries.get(step.id)
        if tries is not None:
            if self.attempts.postponed.get(step.id, 0.0) > self.engine.env.now():
                return  # `_wait` has armed the alarm for it
            if tries.lost_alone >= LOST_ALONE_MAX:
                self.park(poisoned(step, tries.lost))
                return
            self.attempts.postponed.pop(step.id, None)
        if self._caution is None:
            self.engine.submit(self.attempts.begin(self.head, step))
        else:
            self._caution.begin(step)

    def begin_on_record(self, step: Step, alone: bool) -> Attempt:
        """Record that an attempt begins; it does once that is durable."""
        attempt = self.attempts.begin(self.head, step)
        self._held.append(attempt)
        self.note_start(ALONE if alone else b"", step.id, step.digest, attempt.number)
        return attempt

    def note_start(self, payload: bytes, step: str = "", digest: bytes = b"", attempt: int = 0) -> None:
        """Put on record that an attempt begins; without a step: that the body was taken up and lives."""
        now = self.engine.env.now()
        entry = Entry(self._next(), Kind.START, self._at(now), step, digest, payload, attempt=attempt)
        self.attempts.remember(entry)
        self._record(entry)
