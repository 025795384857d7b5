"""What goes out of one run: what its body starts, asks and sends.

It goes only with a Write of the run, the one that records what led to it, beside a SENT entry: so it happens
once, or the body is where it was before. A child that is started is waited for by a row of `waits`, which the
same Write puts; where a replay finds a SENT without that row, it is asked for again under the same id.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from .. import codec
from ..errors import IdConflict, InboxFull, PodiumError, WrongState
from ..machine import (
    CancelStep,
    ChildStep,
    Machine,
    OutsideStep,
    QuestionStep,
    ReceiveStep,
    SendStep,
    Step,
)
from ..model import (
    ANSWER,
    CANCEL,
    OUTCOME,
    SIGNAL,
    SIGNALS_MAX,
    Entry,
    Head,
    Kind,
    Message,
    NewRun,
    Outcome,
    Verdict,
    Wait,
    WaitRow,
    Write,
    as_planned,
    head_of_new,
    headers_for_child,
    id_of_retry,
)
from ..queues import rank_of
from .alerts import alerts_of_question
from .attempts import Attempts
from .context import Context
from .driver import Driver
from .outbox import Outbox

_THERE = (Outcome.DONE, Outcome.EXISTS)


class Neighbours(Protocol):
    """The other runs of this engine, as one run sees them."""

    reserved: int  # places in memory of runs on their way in

    @property
    def room(self) -> int:
        """How many more runs may come into memory."""
        ...

    @property
    def awaits(self) -> Callable[[str, bool], None]:
        """To be told that a run here waits for that one, and whether it may be ours though it is not here."""
        ...

    def bring_in(self, head: Head) -> None:
        """Drive a run that this engine owns."""
        ...

    @property
    def told(self) -> Callable[[Sequence[Message]], None]:
        """To be told what a run here has sent."""
        ...


class Border:
    """Of one run in memory. What it adds to the outbox its owner has committed."""

    def __init__(
        self,
        context: Context,
        neighbours: Neighbours,
        head: Head,
        machine: Machine,
        driver: Driver,
        attempts: Attempts,
        outbox: Outbox,
    ) -> None:
        self._context, self._neighbours, self._head = context, neighbours, head
        self._machine, self._driver, self._outbox = machine, driver, outbox
        # Dicts, because the collector passes over an empty one, and of most runs all are.
        self._rows: dict[str, None] = {}  # steps that the store knows to wait
        self._sends: dict[str, SendStep] = {}  # by the id of its message
        self._out: dict[str, None] = {}  # steps that are under way
        self._attached: dict[str, None] = {}  # whose run others have started, or which outlives this one
        self._reserved = 0  # places in memory, for runs that it starts
        self._children, self._standing = attempts.children, attempts.standing
        self._instead: dict[str, str] = {}  # by id of a run that the body knows: the one in its place

    def remember(self, rows: Sequence[WaitRow]) -> None:
        """Take over what the store says that it waits for."""
        self._rows = {row.step: None for row in rows}
        self._attached = {row.step: None for row in rows if row.kind == OUTCOME and not row.cancels}

    def take_up(self) -> None:
        """The replay is over: what is open and not known to be under way goes out, perhaps again."""
        machine = self._machine
        steps, machine.sent = machine.sent, {}
        for step in steps:
            if isinstance(step, CancelStep) or not self._goes_out(step):
                continue  # what was asked to stop was asked with the entry that led to it
            if step.id in self._rows:
                self._out[step.id] = None
                if isinstance(step, ChildStep):
                    self._neighbours.awaits(self._target(step), False)
            else:
                self._start(step, is_new=self._driver.sent.get(step.id) != self._target(step))
        self._rows.clear()

    def send(self) -> None:
        """Let what the body has asked for go out with the next write."""
        machine, sent = self._machine, self._machine.sent
        machine.sent = {}
        for command in sent:
            if isinstance(command, CancelStep):
                self._cancel(command.step)
            elif self._goes_out(command):
                self._start(command)

    def _goes_out(self, step: OutsideStep) -> bool:
        """Whether it is waited for, or begins as the body ends and outlives it."""
        if self._machine.is_open(step) or not self._machine.has_ended:
            return self._machine.is_open(step)
        outlives = isinstance(step, SendStep) or (isinstance(step, ChildStep) and step.options.outlive)
        return outlives and not step.done()

    def _start(self, step: OutsideStep, is_new: bool = True) -> None:
        if isinstance(step, ReceiveStep):
            return  # what comes for it comes by itself
        given = self._standing.get(step.id)
        if given is not None and isinstance(step, QuestionStep) and given.digest == step.digest:
            self._driver.record(Kind.RESULT, step, given.payload)  # its origin has not heard it
            return
        outbox, target = self._outbox, self._target(step)
        self._out[step.id] = None
        if is_new:
            shown = step.about if isinstance(step, QuestionStep) else b""
            self._driver.record(Kind.SENT, step, shown, target)
        if isinstance(step, ChildStep):
            new = self._new_run(step)
            outbox.extras.new_runs.append(new)
            outbox.extras.queues += self._context.queue_notes.of([new])
            if new.owned:
                self._reserved += 1
                self._neighbours.reserved += 1
            if self._machine.is_open(step):
                outbox.extras.waits.append(Wait(step.id, target, cancels=not step.options.outlive))
        elif isinstance(step, QuestionStep):
            outbox.extras.waits.append(
                Wait(
                    step.id, step.target, ANSWER, step.prompt, step.schema, step.to, step.due,
                    about=step.about,
                )
            )  # fmt: skip
            if is_new and step.prompt:
                outbox.extras.new_runs += alerts_of_question(self._context, self._head, step.id, step.prompt)
        elif isinstance(step, SendStep):
            at, run = self._context.env.now(), self._head.id
            id = f"{step.lineage}:{step.id}"
            self._sends[id] = step
            outbox.send([Message(id, target, SIGNAL, at, step.payload, step.name, step.digest, sender=run)])

    def _target(self, step: OutsideStep) -> str:
        """What its outcome comes from: in a retry maybe another run than the one that the body knows."""
        if isinstance(step, ChildStep):
            id = self._id_of_child(step)
            if id != step.target:
                self._instead[step.target] = id
            return id
        return self._instead.get(step.target, step.target)

    def _id_of_child(self, step: ChildStep) -> str:
        given = self._children.get(step.id)
        if given is None:
            return self._driver.sent.get(step.id, step.target)
        if given.digest == step.digest:
            return given.name
        # Another call than that of the origin's child, by code that was mended: it has a run of its own, for
        # which the id that the origin asked under is taken. An id that the mended code chooses is kept.
        if step.options.id is not None and step.options.id != given.name.partition("~")[0]:
            return step.target
        return given.name if given.payload else id_of_retry(given.name)

    def _child(self, step: ChildStep) -> Entry | None:
        """What a retry was given for this step; not for another call, which has nothing to go on from."""
        child = self._children.get(step.id)
        return child if child is not None and child.digest == step.digest else None

    def _new_run(self, step: ChildStep) -> NewRun:
        context, head, function, options = self._context, self._head, step.function, step.options
        now = context.env.now()
        is_here = context.functions.get(function.name) is function
        new = NewRun(
            id=self._target(step),
            function=function.name,
            args=step.args,
            digest=step.digest,
            at=now,
            owned=is_here
            and not step.queue
            and not options.delay
            and self._neighbours.room > 0
            and context.lifecycle.is_open,
            explicit_id=True,
            fingerprint=function.fingerprint,
            due=now + options.delay if options.delay else None,
            queue=step.queue,
            lane=step.lane,
            rank=rank_of(now + (options.delay or 0.0), options.priority) if step.queue else None,
            project=context.project_of(function),
            tags=options.tags,
            parent=head.id,
            root=head.root or head.id,
            context=headers_for_child(head),
        )
        child = self._child(step)
        return new if child is None or not child.payload else as_planned(child.payload, new)

    def _cancel(self, step: Step) -> None:
        """Nobody waits for this step any more: a child that was started for it is asked to stop, a question
        is closed."""
        is_theirs = step.id in self._attached
        if step.id in self._out and isinstance(step, ChildStep) and not (step.options.outlive or is_theirs):
            run, at = self._head.id, self._context.env.now()
            self._outbox.send([Message(f"{run}:{step.id}", self._target(step), CANCEL, at, sender=run)])
        elif step.id in self._out and isinstance(step, QuestionStep):
            self._outbox.extras.closes.append(step.id)
        self._out.pop(step.id, None)

    def close(self) -> None:
        """The body has ended: what it has asked for meanwhile goes no more, but for what outlives it."""
        extras = self._outbox.extras
        ends = {wait.target for wait in extras.waits if wait.cancels}
        extras.waits.clear()
        self._give_back(sum(new.owned for new in extras.new_runs if new.id in ends))
        extras.new_runs = [new for new in extras.new_runs if new.id not in ends]

    def created(self, write: Write, verdict: Verdict) -> None:
        """What became of the runs that were started: they are there, whatever has become of this one."""
        self._give_back(sum(new.owned for new in write.new_runs))
        if write.move is None:  # else whoever lets it go sees to it
            self._neighbours.told(verdict.told)
        self._context.queue_notes.committed(write, verdict)
        there = {id for outcome, id in verdict.runs if outcome is Outcome.EXISTS}
        self._attached |= {wait.step: None for wait in write.waits if wait.target in there}
        for new, (outcome, id) in zip(write.new_runs, verdict.runs, strict=False):
            if outcome is Outcome.DONE and new.owned:
                self._neighbours.bring_in(head_of_new(new))
            elif outcome in _THERE:
                self._neighbours.awaits(id, outcome is Outcome.EXISTS and new.owned)

    def heard(self, write: Write, verdict: Verdict) -> None:
        """Which of its steps have failed to go out: that is their outcome."""
        for wait, outcome in zip(write.waits, verdict.waits, strict=False):
            step = self._machine.outside.get(wait.step)
            if outcome is Outcome.GONE and step is not None:
                self._fail(step, IdConflict.of(step.target, dict(verdict.taken), step.function.label))
        for message, outcome in zip(write.messages, verdict.messages, strict=False):
            step = self._sends.pop(message.id, None)
            if step is not None and self._machine.is_open(step):
                if outcome is Outcome.DONE:
                    self._driver.record(Kind.RESULT, step, codec.encode(None))
                else:
                    self._fail(step, refused_signal(step.target, outcome))

    def _fail(self, step: OutsideStep, error: PodiumError) -> None:
        call = codec.called(step.function.label, step.args, step.item)
        self._driver.record(Kind.ERROR, step, codec.with_call(codec.encode_failure(error), call))

    def _give_back(self, places: int) -> None:
        places = min(places, self._reserved)  # else they were given back as the run left memory
        self._reserved -= places
        self._neighbours.reserved -= places

    def drop(self) -> None:
        """The run leaves memory."""
        self._give_back(self._reserved)


def refused_signal(run: str, outcome: Outcome) -> PodiumError:
    """Why a signal does not lie in the inbox of a run."""
    if outcome is Outcome.FULL:
        return InboxFull(
            f"run {run} has {SIGNALS_MAX:,} signals that it has not received",
            fix=f"podium why {run}  says what it waits for",
        )
    return WrongState(f"run {run} has ended, or is not there: it receives nothing", fix=f"podium show {run}")
