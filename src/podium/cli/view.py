"""A run as somebody at a terminal follows it: its progress, its state, and what is news.

The engine's events are put aside as they come, on whatever thread, and folded when the view is drawn; what
was on record before is folded from the history. No drawing here, so that a terminal, a pipe and a test see
the same.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence

from ..engine import Event, events
from ..env import RealEnv
from ..inspect import Expected, OutsideWait, RunProgress, StepCounts
from ..model import Entry, Head, Kind, Move, State
from . import formatting
from .terminal import safe

RATE_SECONDS = 5.0
TOLD_MAX = 10  # lines per function and kind of outcome, for whoever cannot redraw


def waiting_for(awaited: OutsideWait) -> str:
    """ "◌ waiting for an answer to 'how many?': podium answer 1m8a VALUE"."""
    return f"{formatting.state(State.WAITING)} for {safe(awaited.what)}: {safe(awaited.command)}"


class Rate:
    """Steps per second of one function over the last few seconds."""

    def __init__(self) -> None:
        self._ended = 0  # while we looked on
        self._samples: deque[tuple[float, int]] = deque()

    def count(self) -> None:
        """One more step has ended."""
        self._ended += 1

    def now(self, now: float) -> float:
        """The rate; 0.0 until there is something to go by."""
        samples = self._samples
        samples.append((now, self._ended))
        while len(samples) > 2 and now - samples[0][0] > RATE_SECONDS:
            samples.popleft()
        passed = now - samples[0][0]
        return (self._ended - samples[0][1]) / passed if passed > 0.5 else 0.0


class View:
    """One run. `observe` may be called on any thread; everything else belongs to whoever draws."""

    def __init__(self, label: str, began: float) -> None:
        self.label, self.began = label, began
        self.run = self.call = ""  # known once the run is started; events wait until then
        self.progress = RunProgress()
        self.state = State.QUEUED
        self.due: float | None = None  # of a waiting run
        self.ended: float | None = None  # of one that another process drove
        self.usual: Expected | None = None  # what such a run takes
        self.here = False  # this process owns it
        self.resumed = 0  # steps on record when it was taken up
        self._was_here = False
        self.stopping = False
        self.hint = "Ctrl-C stops it; what is on record stays"
        self.awaited: Sequence[OutsideWait] = ()  # what somebody outside is to give
        self.outside: Callable[[], Sequence[OutsideWait]] = tuple  # looks what that is
        self.below: Callable[[], str] = str  # looks which runs it waits for, in words
        self.news: deque[str] = deque(maxlen=1000)  # lines for whoever cannot redraw
        self._rates: dict[str, Rate] = {}  # by function
        self._events: deque[Event] = deque()
        self._told: dict[str, int] = {}
        self._told_retry: set[str] = set()  # steps
        self._told_awaited: set[str] = set()

    def rate(self, counts: StepCounts, now: float) -> float:
        """Steps of a function per second, lately."""
        return self._rates.setdefault(counts.function, Rate()).now(now)

    def observe(self, event: Event) -> None:
        """The engine's observer."""
        self._events.append(event)

    def fold(self, read: Callable[[int, int], Iterable[Entry]]) -> None:
        """Take in what was observed. `read(after, until)` gives a piece of the history."""
        for _ in range(len(self._events)):
            event = self._events.popleft()
            if event.run != self.run:
                continue
            match event:
                case events.RunAdopted():
                    self._adopted(event.head, read)
                case events.AttemptBegan():
                    self.progress.began(event.attempt)
                case events.AttemptRecorded():
                    self._ended(event.entry)
                case events.AttemptProgressed():
                    self.progress.noted(event.attempt, event.progress)
                case events.AttemptCancelled():
                    self.progress.cancelled(event.attempt)
                case events.RunLeft():
                    self._left(event.move)
                case events.RunLost():
                    self._drop()
                    self.news.append("another engine owns the run now")
                case _:
                    pass

    def recall(self, entries: Iterable[Entry], tell: bool = False) -> None:
        """Count what is on record already; `tell`: it is news, from another process."""
        for entry in entries:
            counts = self.progress.add(entry)
            if tell and counts is not None:
                self._tell(counts, entry)

    def moved(self, state: State, due: float | None) -> None:
        """What the store says of a run that is not ours."""
        if state is not self.state and state is State.WAITING:
            self._rests(due)
        self.state, self.due = state, due

    def waits_for(self, awaited: Sequence[OutsideWait]) -> None:
        """What it waits for now from outside; what is new of it is news."""
        self.awaited = awaited
        for each in awaited:
            if each.key not in self._told_awaited:
                self._told_awaited.add(each.key)
                self.news.append(waiting_for(each))

    def _adopted(self, head: Head, read: Callable[[int, int], Iterable[Entry]]) -> None:
        self.here, self.state, self.due = True, State.RUNNING, None
        self.recall(read(self.progress.seq, head.entries))  # what of it was not seen before it came here
        if not self._was_here:
            self._was_here, self.resumed = True, self.progress.steps

    def _ended(self, entry: Entry) -> None:
        counts = self.progress.add(entry)
        if counts is not None:
            if entry.kind is not Kind.RETRY:
                self._rates.setdefault(counts.function, Rate()).count()
            self._tell(counts, entry)

    def _left(self, move: Move) -> None:
        self.state, self.due = move.state, move.due
        if move.state is State.WAITING and not self.stopping:
            self._rests(move.due)
        self._drop()

    def _rests(self, due: float | None) -> None:
        if self.progress.retrying:
            return  # until the next try, which was told
        if awaited := self.outside():
            self.waits_for(awaited)
            return
        if due is None:
            what = f" for {safe(self.below()) or 'a message'}"
        elif due <= RealEnv().now():  # back in line, as after a resume: nothing has to come first
            what = " to be taken"
        else:
            what = " until it is due"
        self.news.append(f"{formatting.state(State.WAITING)}{what}")

    def _drop(self) -> None:
        self.here = False
        self.progress.left()

    # -- for whoever cannot redraw --------------------------------------------------------------------

    def _tell(self, counts: StepCounts, entry: Entry) -> None:
        """A line per step and kind, the first few of each function; the summary counts the rest."""
        if entry.kind is Kind.RETRY and entry.step in self._told_retry:
            return  # else many tries would push away what failed
        label = formatting.label(counts.function)
        key = f"{label} {entry.kind}"
        told = self._told[key] = self._told.get(key, 0) + 1
        if told > TOLD_MAX:
            return
        if entry.kind is Kind.RESULT:
            took = formatting.dim(formatting.span(counts.latest))
            line = f"{formatting.sign(State.SUCCEEDED)} {label} {took}"
        else:
            failure = entry.payload
            called = formatting.failed_call(failure) or label
            what = formatting.failure(failure, 160)
            if entry.kind is Kind.ERROR:
                line = f"{formatting.sign(State.FAILED)} {called}: {what}"
            else:
                self._told_retry.add(entry.step)
                pause = formatting.span(max(0.0, (entry.due or entry.at) - entry.at))
                line = f"◍ {called} try {entry.attempt + 1} in {pause}: {what}"
        more = formatting.dim("  (further ones are only counted)") if told == TOLD_MAX else ""
        self.news.append(line + more)
