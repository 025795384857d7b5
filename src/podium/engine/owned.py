"""A run this engine owns, in memory.

The rule of the house is decide, commit, act. An outcome is fed to the machine at once (`driver`); the
commands that the machine gives for it are held (`outbox`) until the write that records the outcome is
durable, and only then do they start a task, cancel one, or tell anybody that the run has ended (`launcher`).
If that write is refused, the run is somebody else's: the machine is discarded and nothing it decided happens.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from ..errors import InternalError, MissingValue, ResourceShortage, StoreError, UsageError
from ..executors import Ended
from ..executors.protocol import AttemptRunner
from ..machine import Finish, Machine
from ..model import DAMAGED, Entry, Head, Message, Move, Outcome, State, StepWrite, Verdict, Write
from ..shortage import shortage_of
from .alerts import alerts_of_end
from .attempts import Attempts
from .border import Neighbours
from .context import Context
from .doors import Doors
from .driver import Driver
from .events import AttemptRecorded
from .expecting import write_expected
from .former_keys import FormerKeys
from .launcher import Launcher
from .outbox import Outbox
from .poison_steps import Quarantine
from .reasons import doubted, explain, parking, paused, stuck
from .recorder import Turn
from .residency import IGNORES, LOADING, RESIDENT, TOO_LATE, Residence, Residency

DONE, GONE = Outcome.DONE, Residency.GONE  # looked at in every step, see docs/design.md


class RunHost(Neighbours, Protocol):
    """Who has the run in memory, and is told when it goes."""

    def closing(self, owned: OwnedRun) -> None:
        """The run's last write is about to be made."""
        ...

    def left(self, owned: OwnedRun, move: Move, told: Sequence[Message]) -> None:
        """The run's last write is durable; `told`: who waited for it, and what it was sent."""
        ...

    def lost(self, owned: OwnedRun) -> None:
        """A write was refused: somebody else owns the run now."""
        ...

    def set_back(self, owned: OwnedRun, lack: ResourceShortage) -> None:
        """The run cannot be driven for want of memory, say: it is to be replayed when that is over."""
        ...


class OwnedRun(Doors):
    """Drives one machine. Belongs to the engine's thread."""

    def __init__(
        self,
        context: Context,
        host: RunHost,
        executors: AttemptRunner,
        quarantine: Quarantine,
        turn: Turn,
        head: Head,
        machine: Machine,
    ) -> None:
        self._context, self._host, self._executors = context, host, executors
        self.head, self.machine = head, machine
        self.attempts = Attempts(undone=machine.verbs.undone)
        if head.context:
            self.attempts.former_keys = FormerKeys.of_run(head, machine.function)
        self.outbox = Outbox(head)
        self.residence = Residence(self.outbox)
        self._driver = Driver(context.env, turn, machine, self.attempts, self.outbox)
        self._border = self._inbox = self._alarm = None
        self._launcher = Launcher(
            context, head, self._driver, self.attempts, self.outbox, self.residence, executors,
            quarantine,
        )  # fmt: skip
        self._streams = machine.verbs
        self._fingerprint = head.fingerprint  # of the code that the record fits

    def touch(self) -> None:
        """Ask for a commit of what there is to write."""
        self._context.committer.touch(self)

    # -- coming into memory ---------------------------------------------------------------------------

    def begin(self, on_record: bool) -> None:
        """The body's first turn. `on_record`: it is on record that this was about to come."""
        self._safely(self._driver.begin, self.head, on_record)

    def replay(self, entries: Sequence[Entry]) -> bool:
        """Feed a piece of the history; whether there is any use in more."""
        if self.residence.state is LOADING:
            self._safely(self._driver.replay, entries, self.head.copied)
        return self.residence.state is LOADING

    def go_on(self) -> None:
        """The machine is where the history ends: from here on things happen for the first time."""
        if self.residence.state is LOADING:
            self.residence.change(RESIDENT)
            if self.head.lost:
                self._launcher.suspect(self.touch)
            self._fingerprint = self.machine.function.fingerprint  # it fits ours: now the run is of that
            self._happen(self._take_up)

    # -- events ---------------------------------------------------------------------------------------

    @property
    def ignores_events(self) -> bool:
        """Whether events come too late to matter here, or too early."""
        return self.residence.state in IGNORES or self.machine.finished is not None

    def ended(self, ended: Ended) -> None:
        """An attempt ended: record what it came to, or when it is tried again."""
        attempt, state, running = ended.attempt, self.residence.state, self.attempts.running
        # As `ignores_events` has it.
        if (state is not RESIDENT and state in IGNORES) or self.machine.finished is not None:
            return
        if running.get(attempt.step) is not attempt:
            return
        del running[attempt.step]
        try:  # what `_safely` does, spelled out: this and `committed` are the way of every step
            if state is not RESIDENT:
                self.residence.stay()
            entry = self._driver.outcome(ended)
            if ended.lost:
                self._launcher.forgive(attempt)
                if isinstance(ended.error, UsageError):  # an executor's deployment is to be mended first
                    self.park(explain(ended.error))
            if self.head.queue and self.residence.state is RESIDENT and self._driver.is_between_attempts:
                self.residence.wait(self._driver.until_next_attempt(entry, self._fingerprint))
                self.touch()
            if entry is not None and self._context.events.observers:
                self._context.events.publish(AttemptRecorded(self.head.id, entry))
            self._settle()
        except BaseException as trouble:
            self._troubled(trouble)
        if self.head.lost:
            self._launcher.ended(attempt)

    def alarm(
        self, jumped: bool = False, found: Sequence[Message] | None = None, looked: float = 0.0
    ) -> None:
        """A timer of the machine or a postponed attempt may be due, or its caller asks for more. `jumped`:
        the wall clock was set forward (by somebody, or the host slept), and the alarm was set by what it was.
        `found`: what lay in the inbox when it was `looked` into.
        """
        if jumped:
            self._timer.drop()
        if self.ignores_events:
            return
        if found is not None:
            damaged = next((message for message in found if message.kind == DAMAGED), None)
            if damaged is not None:
                self.park(damaged.payload)
            else:
                self._happen(self.inbox.take_in_time, found, looked)
        elif self.machine.outside and self._driver.has_due_timer:
            self.inbox.look(self.alarm)
        else:
            self._happen(self._driver.come_due)

    def deliver(self, message: Message, alone: bool = False) -> None:
        """Take a message from the inbox into the history; one that only a body asks for stays there.

        `alone`: nobody has looked whether others lie there before it.
        """
        if message.kind == DAMAGED:  # and what follows it may rest on it
            self.park(message.payload)
            return
        self.inbox.see(message, alone)
        if self.residence.state is LOADING:
            self.inbox.keep(message)
        elif not self.ignores_events:
            self._happen(self.inbox.take, message)

    def _happen(self, act: Callable[..., object], *args: Any) -> None:
        """Something happens to a run that is here: it stays, and what its machine asks for is seen to."""
        try:
            self.residence.stay()
            act(*args)
            self._settle()
        except BaseException as trouble:
            self._troubled(trouble)

    def _settle(self) -> None:
        """After turns: hold their commands for the commit, and see what the run waits for now."""
        outbox, machine = self.outbox, self.machine
        if self._streams.has_news:
            self.touch()
        while machine.sent and (not outbox.pauses or machine.finished is not None):
            self.border.send()
            self.inbox.match()
        if measured := machine.verbs.measured:
            outbox.extras.measures += measured.values()
            measured.clear()
        held = outbox.held
        held += machine.take()  # a machine whose caller asks from outside has these only now
        if held:
            last = held[-1]
            if isinstance(last, Finish):
                if outbox.made is not None:
                    self.border.close()
                at = self._driver.time(self._context.env.now())  # after its last entry: the body may compute
                self.residence.close(_last_move(last, self._fingerprint, at))
            if outbox.entries or outbox.must_commit_first:  # the first is what follows every outcome
                self._context.committer.touch(self)
                return  # what there is to wait for is seen after the commit
            outbox.held = []  # they rest on nothing that is not durable already
            reason = self._launcher.act(held)
            if reason is not None:
                self.park(reason)
            elif self.machine.commands:  # what has not begun has no effect: that was its outcome
                self._settle()
                return
        if self.residence.state is RESIDENT and self.machine.finished is None:
            self._wait()
        if outbox.entries or (outbox.made is not None and outbox.made.crosses):
            self.touch()

    def _wait(self) -> None:
        """Set the alarm to what is due next; leave memory if that is far away."""
        attempts, pauses = self.attempts, self.outbox.pauses
        if pauses and self._launcher.come_to_rest():
            if self.inbox.must_look(self.alarm):
                return  # a cancel may lie there
            self.outbox.extras.consumed += [message.id for message in pauses]
            self.park(paused(pauses[-1].sender, pauses[-1].at))
            return
        if attempts.running and not attempts.tries and not self.machine.loop.timers:
            return  # the commonest case: it waits for tasks that run
        if attempts.doubts and not attempts.running:
            self.park(doubted(self.head, self.machine, attempts))
            return
        due, outbox = self._driver.next_due(), self.outbox
        if not (outbox.held or outbox.writing is not None or outbox.is_answered) and self._driver.only_waits:
            if due is None and not self.machine.outside:
                self.park(stuck(self.machine))
                return
            now, patience = self._context.env.now(), self.outbox.patience(self._context.options)
            if due is None or due - now > patience:
                leave = self.inbox.idle_since(now) + patience if self.machine.outside else now
                if leave <= now and self.inbox.must_look(self.alarm):
                    return  # taken up after its messages had come: unseen, they would make it due at once
                if leave <= now:
                    move = Move(
                        State.WAITING, due, write_expected(self.machine.outside.values()), self._fingerprint,
                        seen=self.inbox.seen,
                    )  # fmt: skip
                    self.residence.wait(move)
                    self.touch()
                    return
                due = leave
        if due is not None:
            self._timer.set(due, self.alarm)

    # -- leaving --------------------------------------------------------------------------------------

    def hand_back(self) -> None:
        """Give the run up cleanly: whoever claims it next goes on."""
        if not self.ignores_events or self.residence.state is LOADING:
            self._driver.survive()
            self._launcher.give_back()
            self.outbox.held.clear()
            # Due at once, also by a clock that was set back meanwhile.
            self.residence.close(Move(State.WAITING, due=0.0))
            self.touch()

    def park(self, reason: bytes) -> None:
        """Stop here and ask for a person's decision; what was recorded so far stays."""
        if self.residence.state not in TOO_LATE:  # a machine that finished too early for its record is parked
            self.outbox.held.clear()
            undoes = bool(self.machine.effects.done) or self.attempts.have_effects(self.machine.open.values())
            now, seen = self._context.env.now(), self.inbox.seen
            self.residence.close(parking(reason, now, self._fingerprint, undoes, seen))
            self.touch()

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
        if not self.residence.is_gone:
            self.residence.change(Residency.GONE)
        self._shut()
        self._launcher.let_go()
        for attempt in self.attempts.running.values():
            self._executors.cancel(attempt)
        self.attempts.running.clear()
        self.outbox.clear()
        self.machine.discard()

    # -- writing --------------------------------------------------------------------------------------

    def take_write(self) -> Write | None:
        """All that happened since the last write, as one. One is under way at most."""
        outbox = self.outbox
        if self.residence.state is GONE:
            return None
        if outbox.writing is not None:
            outbox.is_passed_over = True
            return None
        if outbox.move is not None:
            self._host.closing(self)
            if alerts := alerts_of_end(self._context, self.head, outbox.move, self._host.room > 0):
                outbox.extras.new_runs += alerts
            self.residence.close(outbox.move)  # from here on it goes
            outbox.hear(self._streams, self.attempts, self._context.env.now)
        elif self._streams.has_news or self.attempts.speaking:
            outbox.hear(self._streams, self.attempts, self._context.env.now)
        return outbox.take()

    def committed(self, write: Write, verdict: Verdict) -> None:
        """Durable: act on it. Refused: the run is somebody else's."""
        outbox, attempts, machine = self.outbox, self.attempts, self.machine
        state, held = self.residence.state, outbox.settle()
        is_step, is_done = type(write) is StepWrite, verdict.outcome is DONE
        try:
            if is_step and is_done and state is RESIDENT and self._launcher.begin_lone(held):
                return
        except BaseException as trouble:
            self._troubled(trouble)
            return
        has_gone_out = not is_step and bool(write.new_runs or write.waits or write.messages)
        if has_gone_out:
            self.border.created(write, verdict)
        if state is GONE:
            return
        if not is_done:
            if verdict.outcome is Outcome.REFUSED:
                self._host.lost(self)
            else:
                self._refused_data(write, verdict)
        elif write.move is not None:
            self._host.left(self, write.move, verdict.told)
        else:
            try:
                if state is not Residency.CLOSED:  # else what was decided is its next owner's
                    reason = self._launcher.act(held)
                    if has_gone_out:
                        self.border.heard(write, verdict)
                    if reason is not None:
                        self.park(reason)
                    elif outbox.held or has_gone_out or machine.commands:  # asked for meanwhile
                        self._settle()
                    elif attempts.running and not (attempts.tries or machine.loop.timers or outbox.pauses):
                        pass  # as `_wait` has it, for the commonest case: it waits for tasks that run
                    elif self.residence.state is RESIDENT and machine.finished is None:
                        self._wait()
                if (
                    outbox.entries or outbox.made is not None or outbox.move is not None
                    or attempts.speaking or self._streams.has_news
                ):  # fmt: skip
                    self.touch()
            except BaseException as trouble:
                self._troubled(trouble)

    def _refused_data(self, write: Write, verdict: Verdict) -> None:
        """The store cannot hold this: park the run with its history as it was before that write."""
        if write.move is not None and write.move.state is State.PARKED:
            self._host.lost(self)  # not even that: leave it to the next owner
            return
        self.outbox.rewind(write)
        if verdict.missing:
            error = MissingValue(f"of a value that this run names the file is gone: {verdict.missing}")
        else:
            error = InternalError(f"the store refused this run's data: {verdict.detail}")
        self.residence.close(parking(explain(error), self._context.env.now(), self._fingerprint))
        self.touch()


def _last_move(end: Finish, fingerprint: str, at: float) -> Move:
    """What the end of a body makes of its run: an end, or the next generation."""
    if end.state is State.WAITING:
        return Move(State.WAITING, end.due, fingerprint=fingerprint, at=at, again=end.payload)
    return Move(end.state, payload=end.payload, fingerprint=fingerprint, at=at)
