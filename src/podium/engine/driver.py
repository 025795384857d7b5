"""Brings what happens into one run's history and machine: outcomes, timers, messages, one entry each.

Decide at once: an entry is fed to the machine as soon as it is made, and written by the outbox. What the
machine asks for then waits there.
"""

from __future__ import annotations

from collections.abc import Iterable

from .. import codec
from ..env import Env
from ..errors import EncodeError, PodiumError
from ..executors import Attempt, Ended
from ..machine import Machine, Step, awaiting
from ..model import (
    ANSWER,
    CANCEL,
    COPY_BEGAN,
    FED,
    HELD,
    PERSON,
    SETTLE,
    SIGNAL,
    STARTS,
    Entry,
    Head,
    Kind,
    Message,
    Move,
    State,
    is_from_run,
    name_of,
    own_lineage_of,
    read_name,
)
from ..queues import RetryAfter
from .attempts import Attempts
from .doubts import Doubted, after_failure, after_look, misfit
from .outbox import Outbox
from .recorder import Recorder, Turn

RESULT = Kind.RESULT  # looked at in every step, see docs/design.md


class Driver(Recorder):
    """Feeds one machine. Raises what a turn raises: a record that does not fit, an effect in the body."""

    def __init__(self, env: Env, turn: Turn, machine: Machine, attempts: Attempts, outbox: Outbox) -> None:
        super().__init__(env, turn, machine, attempts, outbox)
        self._is_on_record = False  # that the body's turn is about to begin, see `poison_bodies`
        self.delivered: dict[str, None] = {}  # ids of the messages that were taken
        self.sent: dict[str, str] = {}  # steps that have gone out, by the record, and their targets
        self._asked: dict[str, Entry] = {}  # by step: what has gone out or begun, by the record
        self._is_past_copy = False  # something of its own is on record, after what it was copied from
        self._is_given_up = False  # its parent has asked it to stop

    # -- replay ---------------------------------------------------------------------------------------

    def begin(self, head: Head, on_record: bool) -> None:
        """The body's first turn. `on_record`: it is on record that this was about to come."""
        self._is_on_record, machine = on_record, self.machine
        machine.verbs.begin(head.base, head.copied, head.entries)
        machine.replaying = head.entries > head.base
        self._turn(machine, machine.begin)

    def replay(self, entries: Iterable[Entry], copied: int) -> None:
        """Feed recorded entries. `copied`: how many are another run's."""
        for entry in entries:
            self._attempts.remember(entry)
            if entry.kind in FED:
                self._is_past_copy = entry.seq > copied
                if entry.kind is Kind.MESSAGE and self._is_past_copy:  # another run's inbox has other numbers
                    self.delivered[entry.step] = None
                    self._is_given_up |= read_name(entry.name)[0] == CANCEL and is_from_run(entry.step)
                self._turn(self.machine, self.machine.feed, entry)
                self.machine.verbs.measured.clear()  # it is on record with the entry
            elif entry.kind is Kind.SENT:
                self.machine.require_asked(entry)
                self.sent[entry.step] = entry.name
                self._asked[entry.step] = entry
            elif entry.kind in STARTS:
                self._asked[entry.step] = entry
            elif entry.kind is Kind.ENDING:
                self.is_ending = True

    def end_replay(self, head: Head) -> None:
        """From here on things happen for the first time. Raises Mismatch where what has begun by the record
        is not what this code asks for."""
        self.machine.require_open(self._asked.values())
        self._asked.clear()
        if head.copied:
            self.machine.verbs.measured.clear()  # its origin has measured that
        if head.copied and not self._is_past_copy and self.machine.finished is None:
            # On record, because a copy of this copy must see its clock jump at the same place.
            at = self.time(head.started)
            seq, lineage = self._outbox.next_seq(), own_lineage_of(head)
            name = lineage if lineage != self.machine.verbs.lineage else ""
            self._feed(Entry(seq=seq, kind=Kind.TICK, at=at, step=COPY_BEGAN, name=name))
            if name:
                self._attempts.leave_standing()
        self.machine.fan_outs.clear()
        self.machine.replaying = False
        if self._is_on_record:
            self.survive()  # nothing begins before this is durable
        elif self._attempts.have_lost and not head.lost:
            self.note(Kind.FORGIVEN)  # the store counts no loss since a person resumed it

    def survive(self) -> None:
        """The turn that is on record was not lost with its process."""
        if self._is_on_record:
            self._is_on_record = False
            self.note(Kind.TURN_SURVIVED)

    # -- events ---------------------------------------------------------------------------------------

    def outcome(self, ended: Ended) -> Entry | None:
        """An attempt ended: record what it came to, or when it is tried again; None: its step is not open,
        or the attempt was lost."""
        now, machine, attempt, error = self._env.now(), self.machine, ended.attempt, ended.error
        if machine.loop.timers and not machine.outside:
            self.fire_due(now)  # in time before it; but messages may have come in time, see `OwnedRun.alarm`
        step = machine.open.get(attempt.step)
        if step is None:
            return None
        if attempt.said:
            self._keep_progress(ended, now)
        if ended.lost:
            self._attempts.lost(attempt, now + ended.pause, error)
            return None
        if attempt.measures:
            self._outbox.measured(attempt)
        if attempt.asks:
            return self._looked(step, attempt, ended, now)
        if error is None:
            step.value = attempt.value
            return self._answer(RESULT, step, attempt, ended.payload, now)
        call = codec.called(step.function.label, step.args, step.item)
        failure = codec.with_call(ended.payload or codec.encode_failure(error), call)
        entry = self._retry(step, attempt, error, failure, now)
        if entry is None and not (step.is_effect and self._is_doubted(step, attempt, error, failure, now)):
            return self._answer(Kind.ERROR, step, attempt, failure, now)
        return entry

    def _is_doubted(
        self, step: Step, attempt: Attempt, error: BaseException, failure: bytes, now: float
    ) -> bool:
        """A step with an effect has failed for good: whether that is not its outcome yet."""
        doubted = after_failure(step, error)
        tries = self._attempts.of(step.id)
        tries.number = attempt.number
        if doubted is Doubted.NOBODY:
            return False
        if doubted is Doubted.ASKS:
            tries.failure = failure
            self._attempts.postpone(step.id, now)
        else:
            if doubted is Doubted.FOR_GOOD:
                self.record_retry(step, attempt, failure, now, now, PERSON)
            said = error.message if isinstance(error, PodiumError) else error  # without its way out
            self._attempts.doubts[step.id] = f"{type(error).__name__}: {said}"
        return True

    def _looked(self, step: Step, attempt: Attempt, ended: Ended, now: float) -> Entry | None:
        """What the other side says of the attempts before."""
        tries = self._attempts.of(step.id)
        said = after_look(step, ended, tries.looks, self._env.uniform)
        if said.payload is not None:
            return self._answer(Kind.RESULT, step, attempt, said.payload, now)
        if said.grant is not None:
            tries.looks.append(said.grant.policy)
            self._attempts.postpone(step.id, now + said.grant.delay)
        elif said.doubt:
            self._attempts.doubts[step.id] = said.doubt
        elif tries.failure:
            return self._answer(Kind.ERROR, step, attempt, tries.failure, now)
        else:
            tries.cleared = True
            self._outbox.held.append(step)
        return None

    def _keep_progress(self, ended: Ended, now: float) -> None:
        attempt = ended.attempt
        if ended.error is not None or ended.lost:
            self._attempts.said[attempt.step] = attempt.said
            self._outbox.keep(attempt, now)

    def _answer(self, kind: Kind, step: Step, attempt: Attempt, payload: bytes, now: float) -> Entry:
        machine, outbox, turn = self.machine, self._outbox, self._turn
        if self._attempts.tries:
            self._attempts.answered(step.id)
        outbox.seq = seq = outbox.seq + 1
        last = machine.loop.now
        if attempt.said or attempt.last:
            outbox.forget(attempt, now)
        is_result = kind is RESULT
        entry = Entry(  # by position, which takes half the time
            seq, kind, now if now > last else last, step.id, step.digest, payload, attempt.began,
            attempt.number, None, step.function.module, attempt.cached if is_result else "",
        )  # fmt: skip
        outbox.entries.append(entry)  # as `_feed` does it: this is the way of every step
        if is_result:
            turn(machine, machine.come_to, step, entry)
        else:
            turn(machine, machine.feed, entry)
        return entry

    def _retry(
        self, step: Step, attempt: Attempt, error: BaseException, failure: bytes, now: float
    ) -> Entry | None:
        """Record a further attempt if the task's policy grants one."""
        policy = step.function.retry
        if isinstance(error, RetryAfter) and not step.function.once:
            return self.record_retry(step, attempt, failure, now, now + error.seconds, HELD)
        if policy is None or not isinstance(error, Exception) or isinstance(error, EncodeError):
            return None  # what cannot be encoded now cannot be next time either
        tries = self._attempts.of(step.id)
        elapsed = now - (tries.began or attempt.began)
        grant = policy.next_delay(error, tries.policies, elapsed, self._env.uniform)
        if grant is None:
            return None
        return self.record_retry(step, attempt, failure, now, now + grant.delay, grant.policy)

    def fire_due(self, now: float) -> None:
        """Feed every timer that is due, one entry each, before anything that came later."""
        while self.machine.finished is None:
            timer = self.machine.loop.next_timer()
            if timer is None or timer.due > now:
                return
            at = max(self.time(now), timer.due)
            self._feed(Entry(seq=self._outbox.next_seq(), kind=Kind.TICK, at=at, step=timer.identity))

    @property
    def has_due_timer(self) -> bool:
        """Whether a timer is due now."""
        timer = self.machine.loop.next_timer()
        return timer is not None and timer.due <= self._env.now()

    def come_due(self, until: float | None = None) -> None:
        """Fire the timers that are due, now or then, and hold the steps whose next attempt may begin."""
        now = self._env.now()
        self.fire_due(now if until is None else until)
        if self.machine.finished is None:
            due = (self.machine.open.get(identity) for identity in self._attempts.take_due(now))
            self._outbox.held += [step for step in due if step is not None]

    def deliver(self, message: Message) -> bool:
        """Take a message from the inbox into the history; False if it is there already."""
        if message.id in self.delivered:
            return False
        self.delivered[message.id] = None
        self._outbox.extras.consumed.append(message.id)
        digest, module = b"", ""
        if message.kind == CANCEL and is_from_run(message.id):
            if self._is_given_up:  # the parent has ended since: a second one would break into what cleans up
                return True
            self._is_given_up = True
        elif message.kind != CANCEL:
            step = self.machine.open.get(message.name) if message.kind == SETTLE else None
            step = step or awaiting(self.machine.outside, message.name, is_signal=message.kind == SIGNAL)
            if step is None:  # the body has given it up: the message is taken, and not fed
                if message.kind == ANSWER:  # a retry has it
                    seq, at = self._outbox.next_seq(), self.time(self._env.now())
                    name = name_of(message)
                    aside = Entry(seq, Kind.SET_ASIDE, at, message.name, b"", message.payload, name=name)
                    self._outbox.record(aside)
                return True
            if message.kind == SETTLE and (why := misfit(step, message)):
                self._attempts.doubts[step.id] = why
                self.record(Kind.SET_ASIDE, step, message.payload, name_of(message))
                return True
            digest, module = step.digest, step.function.module
        seq, at = self._outbox.next_seq(), self.time(self._env.now())
        self._feed(
            Entry(
                seq, Kind.MESSAGE, at, message.id, digest, message.payload, module=module,
                name=name_of(message),
            )
        )  # fmt: skip
        return True

    # -- what it waits for ----------------------------------------------------------------------------

    def next_due(self) -> float | None:
        """When the next timer fires or the next postponed attempt may begin."""
        timer, postponed = self.machine.loop.next_timer(), self._attempts.next_due()
        if timer is None:
            return postponed
        return timer.due if postponed is None else min(timer.due, postponed)

    @property
    def is_between_attempts(self) -> bool:
        """Whether it is a task of its own that is tried again: of a queue, each attempt passes the claim."""
        machine = self.machine
        return not machine.function.is_workflow and machine.finished is None and self.only_waits

    def until_next_attempt(self, entry: Entry | None, fingerprint: str) -> Move:
        """Out of memory until the next attempt may begin. `entry`: of the last one."""
        holds = 0.0 if entry is None or entry.policy != HELD else entry.due or 0.0
        return Move(State.WAITING, self.next_due(), fingerprint=fingerprint, holds=holds)

    @property
    def only_waits(self) -> bool:
        """No attempt runs: every open step is one that will be tried again later, or that a message ends."""
        postponed, waiting, outside = self._attempts.postponed, self.machine.open, self.machine.outside
        # Their number first: this is asked after each failure of many.
        return (
            not self._attempts.running
            and not self.machine.is_attended
            and len(postponed) >= (inside := len(waiting) - len(outside))
            and (not inside or all(step in postponed or step in outside for step in waiting))
        )
