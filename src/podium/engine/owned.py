"""A run this engine owns, in memory.

The rule of the house is decide, commit, act. An outcome is fed to the machine at once (`driver`); the
commands that the machine gives for it are held (`outbox`) until the write that records the outcome is
durable, and only then do they start a task, cancel one, or tell anybody that the run has ended (`launcher`).
If that write is refused, the run is somebody else's: the machine is discarded and nothing it decided happens.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from ..errors import InternalError, ResourceShortage, StoreError
from ..executors import Ended
from ..machine import Finish, Machine
from ..model import CANCEL, Entry, Head, Kind, Message, Move, Outcome, State, Verdict, Write
from ..shortage import shortage_of
from .alarm import Alarm
from .attempts import Attempts
from .context import Context
from .driver import Driver, Turn
from .events import AttemptRecorded
from .executor import Executor
from .launcher import Launcher
from .outbox import Outbox
from .poison_steps import Quarantine
from .reasons import explain, stuck
from .residency import IGNORES, LOADING, RESIDENT, TOO_LATE, Residency, changed


class RunHost(Protocol):
    """Who has the run in memory, and is told when it goes."""

    def closing(self, owned: OwnedRun) -> None:
        """The run's last write is about to be made."""
        ...

    def left(self, owned: OwnedRun, move: Move) -> None:
        """The run's last write is durable."""
        ...

    def lost(self, owned: OwnedRun) -> None:
        """A write was refused: somebody else owns the run now."""
        ...

    def set_back(self, owned: OwnedRun, lack: ResourceShortage) -> None:
        """The run cannot be driven for want of memory, say: it is to be replayed when that is over."""
        ...


class OwnedRun:
    """Drives one machine. Belongs to the engine's thread."""

    def __init__(
        self,
        context: Context,
        host: RunHost,
        executors: Executor,
        quarantine: Quarantine,
        turn: Turn,
        head: Head,
        machine: Machine,
    ) -> None:
        self._context, self._host, self._executors = context, host, executors
        self.head, self.machine = head, machine
        self.residency = LOADING
        self._is_on_record = False  # that the body's turn is about to begin, see `poison_bodies`
        self._early: list[Message] = []  # came while it was loading
        self.attempts = Attempts()
        self.outbox = Outbox(head)
        self._driver = Driver(context.env, turn, machine, self.attempts, self.outbox)
        self._launcher = Launcher(
            context.env, head, self._driver, self.attempts, self.outbox, executors, quarantine, self.touch
        )
        self._seen = 0  # number of the last message that was looked at
        self._fingerprint = head.fingerprint  # of the code that the record fits
        self._alarm = Alarm(context.env, context.reactor)

    def touch(self) -> None:
        """Ask for a commit of what there is to write."""
        self._context.committer.touch(self)

    # -- coming into memory ---------------------------------------------------------------------------

    def begin(self, on_record: bool) -> None:
        """The body's first turn. `on_record`: it is on record that this was about to come."""
        self._is_on_record = on_record
        self._safely(self._driver.begin, self.head.entries > self.head.base)

    def replay(self, entries: Sequence[Entry]) -> bool:
        """Feed a piece of the history; whether there is any use in more."""
        if self.residency is LOADING:
            self._safely(self._driver.replay, entries)
        return self.residency is LOADING

    def go_on(self) -> None:
        """The machine is where the history ends: from here on things happen for the first time."""
        if self.residency is LOADING:
            self.residency = changed(self.residency, RESIDENT)
            self._safely(self._go_on)
            early, self._early = self._early, []
            for message in early:
                self.deliver(message)

    def _go_on(self) -> None:
        self._driver.end_replay()
        self._fingerprint = self.machine.function.fingerprint  # it fits ours: from now on the run is of that
        if self._is_on_record:
            self._note_survived()  # nothing begins before this is durable
        elif self.attempts.have_lost and not self.head.lost:
            self._driver.note(Kind.FORGIVEN)  # the store counts no loss since a person resumed it
        self._settle()

    def _note_survived(self) -> None:
        self._is_on_record = False
        self._driver.note(Kind.TURN_SURVIVED)

    # -- events ---------------------------------------------------------------------------------------

    @property
    def ignores_events(self) -> bool:
        """Whether events come too late to matter here, or too early."""
        return self.residency in IGNORES or self.machine.finished is not None

    def ended(self, ended: Ended) -> None:
        """An attempt ended: record what it came to, or when it is tried again."""
        attempt = ended.attempt
        if self.ignores_events or self.attempts.running.get(attempt.step) is not attempt:
            return
        del self.attempts.running[attempt.step]
        try:  # what `_safely` does, spelled out: this and `committed` are the way of every step
            if self.residency is not RESIDENT:
                self._stay()
            entry = self._driver.outcome(ended)
            if ended.lost:
                self._launcher.forgive(attempt)
            if entry is not None and self._context.events.observers:
                self._context.events.publish(AttemptRecorded(self.head.id, entry))
            self._settle()
        except BaseException as trouble:
            self._troubled(trouble)
        self._launcher.ended(attempt)

    def alarm(self, jumped: bool = False) -> None:
        """A timer of the machine or a postponed attempt may be due. `jumped`: the wall clock was set forward
        (by somebody, or the host slept), and the alarm was set by what it was."""
        if jumped:
            self._alarm.drop()
        if not self.ignores_events:
            self._safely(self._come_due)

    def _come_due(self) -> None:
        now = self._context.env.now()
        self._stay()
        self._driver.fire_due(now)
        if self.machine.finished is None:
            self.outbox.held += self._driver.retry_due(now)
        self._settle()

    def deliver(self, message: Message) -> None:
        """Take a message from the inbox into the history; one that only a body asks for stays there."""
        if self.residency is LOADING:
            self._early.append(message)
            return
        if self.ignores_events:
            return
        self._seen = max(self._seen, message.n)
        if message.kind == CANCEL:
            self._safely(self._deliver, message)

    def _deliver(self, message: Message) -> None:
        self._stay()
        self._driver.deliver(message)
        self._settle()

    def _settle(self) -> None:
        """After turns: hold their commands for the commit, and see what the run waits for now."""
        outbox = self.outbox
        held = outbox.held
        held += self.machine.take()
        if held:
            last = held[-1]
            if isinstance(last, Finish):
                at = self._driver.time(self._context.env.now())  # after its last entry: the body may compute
                self._close(Move(last.state, payload=last.payload, fingerprint=self._fingerprint, at=at))
            if outbox.must_commit_first:
                self.touch()
                return  # what there is to wait for is seen after the commit
            outbox.held = []  # they rest on nothing that is not durable already
            self._act(held)
        if self.residency is RESIDENT and self.machine.finished is None:
            self._wait()
        if outbox.entries:
            self.touch()

    def _act(self, held: list[Any]) -> None:
        reason = self._launcher.act(held)
        if reason is not None:
            self.park(reason)

    def _wait(self) -> None:
        """Set the alarm to what is due next; leave memory if that is far away."""
        attempts = self.attempts
        if attempts.running and not attempts.tries and not self.machine.loop.has_timers:
            return  # the commonest case: it waits for tasks that run
        due = self._driver.next_due()
        if not self.outbox.held and self.outbox.writing is None and self._driver.only_waits:
            if due is None:
                self.park(stuck(self.machine))
                return
            if due - self._context.env.now() > self._context.options.patience(self.outbox.seq):
                self.residency = changed(self.residency, Residency.LEAVING)
                self._leave(Move(State.WAITING, due, fingerprint=self._fingerprint, seen=self._seen))
                return
        if due is not None:
            self._alarm.set(due, self.alarm)

    # -- leaving --------------------------------------------------------------------------------------

    def _leave(self, move: Move) -> None:
        self.outbox.move = move
        self.touch()

    def _close(self, move: Move) -> None:
        self.residency = changed(self.residency, Residency.CLOSED)
        self._launcher.is_open = False
        self._leave(move)

    def _stay(self) -> None:
        """Something happened before the write that would have left was taken: the run stays in memory."""
        if self.residency is Residency.LEAVING:
            self.residency = changed(self.residency, Residency.RESIDENT)
            self.outbox.move = None

    def hand_back(self) -> None:
        """Give the run up cleanly: whoever claims it next goes on."""
        if not self.ignores_events or self.residency is LOADING:
            if self._is_on_record:  # its turn was not lost with us
                self._note_survived()
            self._launcher.give_back()
            self.outbox.held.clear()
            self._close(Move(State.WAITING, due=0.0))  # at once, also by a clock that was set back meanwhile

    def park(self, reason: bytes) -> None:
        """Stop here and ask for a person's decision; what was recorded so far stays."""
        if self.residency not in TOO_LATE:  # a machine that finished too early for its record is parked
            self.outbox.held.clear()
            self._close(Move(State.PARKED, payload=reason, fingerprint=self._fingerprint))

    def _safely(self, act: Callable[..., None], *args: Any) -> None:
        """Trouble of the machine parks its run and nobody else's; that of the store and of the system is not
        the run's."""
        try:
            act(*args)
        except BaseException as trouble:
            self._troubled(trouble)

    def _troubled(self, trouble: BaseException) -> None:
        if isinstance(trouble, (StoreError, KeyboardInterrupt, SystemExit)):
            raise trouble
        lack = shortage_of(trouble)
        if lack is not None:
            self._host.set_back(self, lack)
        else:
            self.park(explain(trouble))

    def drop(self) -> None:
        """Leave memory without acting: stop the attempts, discard the machine."""
        self.residency = Residency.GONE
        self._launcher.is_open = False
        self._alarm.drop()
        for attempt in self.attempts.running.values():
            self._executors.cancel(attempt)
        self.attempts.running.clear()
        self.outbox.clear()
        self.machine.discard()

    # -- writing --------------------------------------------------------------------------------------

    def take_write(self) -> Write | None:
        """All that happened since the last write, as one. One is under way at most."""
        if self.residency is Residency.GONE or self.outbox.writing is not None:
            return None
        if self.outbox.move is not None:
            self._host.closing(self)
            if self.residency is Residency.LEAVING:
                self.residency = changed(self.residency, Residency.CLOSED)
                self._launcher.is_open = False
        return self.outbox.take()

    def committed(self, write: Write, verdict: Verdict) -> None:
        """Durable: act on it. Refused: the run is somebody else's."""
        held = self.outbox.settle()
        if self.residency is Residency.GONE:
            return
        if verdict.outcome is Outcome.REFUSED:
            self._host.lost(self)
        elif verdict.outcome is not Outcome.DONE:
            self._refused_data(write, verdict)
        elif write.move is not None:
            self._host.left(self, write.move)
        else:
            try:
                if self.residency is not Residency.CLOSED:  # else what was decided is its next owner's
                    self._act(held)
                    if self.outbox.held:  # asked for while the write was under way
                        self._settle()
                    elif self.residency is RESIDENT and self.machine.finished is None:
                        self._wait()
                if self.outbox.has_news:
                    self.touch()
            except BaseException as trouble:
                self._troubled(trouble)

    def _refused_data(self, write: Write, verdict: Verdict) -> None:
        """The store cannot hold this: park the run with its history as it was before that write."""
        if write.move is not None and write.move.state is State.PARKED:
            self._host.lost(self)  # not even that: leave it to the next owner
            return
        self.outbox.rewind(write)
        reason = explain(InternalError(f"the store refused this run's data: {verdict.detail}"))
        if self.residency is Residency.CLOSED:
            self._leave(Move(State.PARKED, payload=reason, fingerprint=self._fingerprint))
        else:
            self.park(reason)
