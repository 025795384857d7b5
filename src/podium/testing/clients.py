"""Callers: they start runs through the engine of a process or past it, cancel some, and wait for ends."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from typing import Any

import msgspec

from .. import codec
from ..client import StartOptions
from ..client.forking import cut_at, forking
from ..codec.schemas import check_schema
from ..engine import End, Engine, QueueNotes, Start
from ..errors import UsageError
from ..functions import Function
from ..model import (
    FINAL,
    SIGNAL,
    Answer,
    Entry,
    Message,
    NewRun,
    Outcome,
    State,
    Verdict,
    Wait,
    Write,
    new_context,
)
from ..queues import rank_of
from ..store import Store
from .monitor import Monitor
from .node import Process
from .past import ANSWERS
from .stage import Stage
from .virtual import EPOCH

PATIENCE = 15.0  # seconds until a client who got no answer asks again, perhaps elsewhere
DIRECT_SHARE = 0.2  # of what is asked past any engine, as a pure client does

Check = Callable[[tuple[Any, ...], State, Any, Sequence[Entry]], str]


class Job(msgspec.Struct, frozen=True):
    """What one client does. Times in virtual seconds."""

    function: Function
    args: tuple[Any, ...] = ()
    check: Check | None = None  # what is wrong with (args, end, answer, history); "" if nothing is
    at: float = 0.0
    id: str | None = None  # the client's own choice: then it asks until it is answered
    again_after: float | None = None  # a second client starts the same id, so many seconds later
    cancel_after: float | None = None  # after the start was acknowledged
    signals: Sequence[tuple[str, Any]] = ()  # name and value: sent one after the other, once it has begun
    answers: Mapping[str, Any] = {}  # by prompt: to what it and its children ask
    fork_at: int | None = None  # when it has ended: a fork before the outcome of its step of this number
    options: StartOptions = StartOptions()  # what else the start says: not its id


class _JobStart(Start):
    """Of a client's run."""

    __slots__ = ("_then",)

    def __init__(self, new: NewRun, then: Callable[[Verdict | BaseException], None]) -> None:
        super().__init__(new, None)
        self._then = then

    def tell(self, answer: Verdict | BaseException) -> None:
        self._then(answer)


class Clients:
    """All of a world's."""

    def __init__(
        self,
        stage: Stage,
        jobs: Sequence[Job],
        running: Mapping[int, Process],
        monitor: Monitor,
        store: Store,
        is_locked: Callable[[], bool],
    ) -> None:
        """`running`: by slot; `is_locked`: whether nobody can write to the store."""
        self._stage, self._jobs, self._running, self._monitor = stage, jobs, running, monitor
        self._store, self._is_locked = store, is_locked
        self._open: set[int] = set()  # numbers of jobs whose start or cancel is not settled
        self._job_of: dict[str, Job] = {}  # by run
        self._waiting: dict[tuple[str, str], Process] = {}  # (run, process): who has not been told yet
        self._answers = {prompt: value for job in jobs for prompt, value in job.answers.items()}
        self.unanswered: dict[str, str] = {}  # by target: what is asked, and nobody is to answer
        monitor.on_wait = self._asked

    @property
    def settled(self) -> bool:
        """Nobody will ask for anything more."""
        return not self._open

    def begin(self) -> None:
        """Everybody comes when it is time."""
        for number, job in enumerate(self._jobs):
            self._open.add(number)
            self._later(job.at, self._start, number, job)
            if job.again_after is not None:
                self._later(job.at + job.again_after, self._start, number, job)

    def _later(self, seconds: float, act: Callable[..., Any], *args: Any) -> None:
        self._stage.scheduler.later(seconds, self._stage.lane, act, *args)

    def _somebody(self) -> Process | None:
        """A process to ask, or None: past all of them."""
        running, chance = sorted(self._running), self._stage.chance
        if not running or chance.random() < DIRECT_SHARE:
            return None
        return self._running[chance.choice(running)]

    # -- starting -------------------------------------------------------------------------------------

    def _start(self, number: int, job: Job) -> None:
        process = self._somebody()
        if job.id is None and process is None and not self._running:
            self._later(1.0, self._start, number, job)
            return
        env = process.env if process is not None else None
        bound, options = job.function.bind(job.args, {}), job.options
        data, digest = codec.encode_call(bound, where=job.function.label)
        queue, lane = job.function.place(bound, options.queue, options.key)
        now = env.now() if env else EPOCH + self._stage.scheduler.time
        due = now + options.delay if options.delay else None
        new = NewRun(
            id=job.id or (env.new_id() if env else f"direct-{number}"),
            function=job.function.name,
            args=data,
            digest=digest,
            at=now,
            explicit_id=job.id is not None,
            context=new_context(f"{number:024x}"),
            due=due,
            queue=queue,
            lane=lane,
            rank=rank_of(now if due is None else due, options.priority) if queue else None,
            unique_name=options.unique or "",
            tags=options.tags,
        )
        self._create(number, job, new, process)

    def _create(self, number: int, job: Job, new: NewRun, process: Process | None) -> None:
        self._job_of[new.id] = job
        answered: list[bool] = []

        def created(answer: Verdict | BaseException) -> None:
            if isinstance(answer, Verdict):  # else the engine stopped: whether there is a run, nobody knows
                answered.append(True)
                self._created(number, job, new, process, answer)

        write = Write(new_runs=(new,), queues=QueueNotes().of([new]))
        self._ask(process, write, lambda engine: engine.clients.begin((_JobStart(new, created),)), created)
        self._later(PATIENCE, self._start_again, number, job, process, answered)

    def _ask(
        self,
        process: Process | None,
        write: Write,
        ask: Callable[[Engine], Any],
        then: Callable[[Verdict], Any],
    ) -> None:
        if process is not None:
            process.ask(ask)
            return
        if not self._is_locked():
            verdicts = self._store.commit(None, [write])
            self._monitor.committed(None, None, [write], verdicts)
            then(verdicts[0])

    def _start_again(self, number: int, job: Job, process: Process | None, answered: list[bool]) -> None:
        if answered or number not in self._open:
            return
        if job.id is not None:
            self._start(number, job)
        elif process is None or not process.works:
            self._open.discard(
                number
            )  # its caller died with the process; whether there is a run, nobody knows
        else:
            self._later(PATIENCE, self._start_again, number, job, process, answered)

    def _created(self, number: int, job: Job, new: NewRun, process: Process | None, verdict: Verdict) -> None:
        outcome = verdict.runs[0][0] if verdict.runs else verdict.outcome
        there = outcome in (Outcome.DONE, Outcome.EXISTS)
        refused = outcome is Outcome.REFUSED  # the engine was condemned meanwhile
        self._monitor.check("P1 one id is one run", there or refused, f"the start of {new.id} got {outcome}")
        if refused:
            self._later(1.0, self._start, number, job)
            return
        run = verdict.runs[0][1] if verdict.runs else new.id  # or the one that holds its name
        self._monitor.started(run)
        if process is not None:
            self._wait(run, process)
        if job.signals and number in self._open:
            self._talk(number, job, run, 0)
        elif job.fork_at is not None and new.origin == "" and number in self._open:
            self._fork(number, job, run)
        elif job.cancel_after is None:
            self._open.discard(number)
        elif number in self._open:
            self._later(job.cancel_after, self._cancel, number, run)

    # -- talking --------------------------------------------------------------------------------------

    def _talk(self, number: int, job: Job, run: str, place: int) -> None:
        """Send the signals from this one on, each when the one before it has arrived."""
        if place == len(job.signals) or self._monitor.pasts[run].row.state in FINAL:
            self._open.discard(number)
            return
        name, value = job.signals[place]
        at, process = EPOCH + self._stage.scheduler.time, self._somebody()
        message = Message(f"signal-{place}", run, SIGNAL, at, codec.encode(value), name)
        told: list[bool] = []

        def sent(verdict: Verdict | BaseException) -> None:
            if isinstance(verdict, Verdict) and not told:
                told.append(True)
                self._later(1.0, self._talk, number, job, run, place + 1)

        def again() -> None:
            if not told:
                self._talk(number, job, run, place)

        write = Write(messages=(message,))
        self._ask(process, write, lambda engine: engine.clients.write(write, sent), sent)
        self._later(PATIENCE, again)

    def _asked(self, wait: Wait) -> None:
        """A run asks something: answer it, if that is what somebody is to do."""
        if not wait.prompt:
            return
        if wait.prompt not in self._answers:
            self.unanswered[wait.target] = wait.prompt
            return
        value = self._answers[wait.prompt]
        try:
            check_schema(value, wait.schema, f"the answer to {wait.prompt!r}")
        except UsageError as error:
            self._stage.refuse(error)
            return
        self._later(1.0, self._answer, wait.target, codec.encode(value), [])

    def _answer(self, target: str, payload: bytes, told: list[bool]) -> None:
        """The first answer counts: one that is repeated changes nothing."""
        if told:
            return
        at = EPOCH + self._stage.scheduler.time
        write = Write(answers=(Answer(target, at, blake2b(payload, digest_size=12).digest(), payload),))

        def given(verdict: Verdict | BaseException) -> None:
            if isinstance(verdict, Verdict):
                told.append(True)

        self._ask(self._somebody(), write, lambda engine: engine.clients.write(write, given), given)
        self._later(PATIENCE, self._answer, target, payload, told)

    # -- forking --------------------------------------------------------------------------------------

    def _fork(self, number: int, job: Job, run: str) -> None:
        past, process = self._monitor.pasts[run], self._somebody()
        if past.row.state not in FINAL:
            self._later(PATIENCE, self._fork, number, job, run)
            return
        steps = [entry for entry in past.entries if entry.kind in ANSWERS and entry.seq > past.row.base]
        now = process.env.now() if process is not None else EPOCH + self._stage.scheduler.time
        cut = cut_at(past.row, past.entries, steps[min(job.fork_at or 0, len(steps) - 1)].seq)
        new = msgspec.structs.replace(forking(past.row, cut, f"{run}-fork", now), explicit_id=True)
        self._stage.mark("forked")
        self._create(number, msgspec.structs.replace(job, id=run), new, process)

    # -- cancelling -----------------------------------------------------------------------------------

    def _cancel(self, number: int, run: str) -> None:
        if number not in self._open:
            return
        process = self._somebody()
        message = Message(f"cancel-{number}", run, "cancel", EPOCH + self._stage.scheduler.time)

        def sent(verdict: Verdict | BaseException) -> None:
            if not isinstance(verdict, Verdict):
                return
            self._open.discard(number)
            if verdict.messages[0] is Outcome.DONE:
                self._monitor.sent(message)
            elif verdict.messages[0] is Outcome.CLOSED:
                parked = self._monitor.pasts[run].row.state is State.PARKED
                self._monitor.check("P7 a cancel is refused of what is parked alone", parked, run)
            else:
                past = self._monitor.pasts[run]
                gone = past.row.state in FINAL
                self._monitor.check("P1 an acknowledged message arrives", gone, f"refused by {past.told}")

        write = Write(messages=(message,))
        self._ask(process, write, lambda engine: engine.clients.write(write, sent), sent)
        self._later(PATIENCE, self._cancel, number, run)

    # -- waiting --------------------------------------------------------------------------------------

    def _wait(self, run: str, process: Process) -> None:
        def told(end: End | BaseException) -> None:
            self._waiting.pop((run, process.name), None)
            if isinstance(end, End):  # else the engine stopped, and says so
                self._monitor.told(run, end.state, end.payload)

        self._waiting[run, process.name] = process
        process.ask(lambda engine: engine.clients.watch(run, told))

    def all_told(self) -> bool:
        """Nobody waits in a process that works."""
        return not any(process.works for process in self._waiting.values())

    # -- at the end -----------------------------------------------------------------------------------

    def check(self) -> None:
        """Were they told, and is what they got what their program says?"""
        monitor = self._monitor
        for (run, name), process in self._waiting.items():
            monitor.check(
                "P7 whoever waits is told", not process.works, f"nobody told {name} about run {run}"
            )
        for run, past in monitor.pasts.items():
            job, state = self._job_of.get(run), past.row.state  # no client has started a child
            if job is not None and job.check is not None and state in FINAL:
                answer = codec.decode(past.row.payload) if state is State.SUCCEEDED else None
                wrong = job.check(job.args, state, answer, past.entries)
                monitor.check(
                    "P2 the answer is right", not wrong, f"{past.function.label}: {wrong}, {past.told}"
                )
