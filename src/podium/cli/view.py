"""A run as somebody who follows it sees it: counts per function, what is in flight, what waits, what is odd.

The engine's events are put aside as they come, on whatever thread, and folded when the view is drawn; what
was on record before is folded from the history. No drawing here, so that a terminal, a pipe and a test see
the same.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from ..engine import Event, events
from ..executors import Attempt, Progress
from ..model import Entry, Head, Kind, Move, State
from . import formatting

RATE_SECONDS = 5.0
TOLD_MAX = 10  # lines per function and kind of outcome, for whoever cannot redraw


class Odd:
    """A step that failed and will be tried again."""

    def __init__(self, entry: Entry) -> None:
        self.due = entry.due or 0.0
        self.next_try = entry.attempt + 1
        self.what = formatting.failure(entry.payload[1:], 80)


class Tally:
    """What is known of one function's steps."""

    def __init__(self, name: str) -> None:
        self.label = formatting.label(name)
        self.done = self.failed = self.retried = 0
        self.open: dict[str, Attempt] = {}
        self.odd: dict[str, Odd] = {}
        self.progress: dict[str, Progress] = {}
        self.seconds = 0.0  # of the last attempt that ended
        self.live = 0  # how many ended while we looked on
        self._samples: deque[tuple[float, int]] = deque()

    @property
    def running(self) -> int:
        """Attempts whose bodies have begun; the others wait for a slot."""
        return sum(attempt.has_begun for attempt in list(self.open.values()))

    def rate(self, now: float) -> float:
        """Steps per second over the last few seconds."""
        samples = self._samples
        samples.append((now, self.live))
        while len(samples) > 2 and now - samples[0][0] > RATE_SECONDS:
            samples.popleft()
        passed = now - samples[0][0]
        return (self.live - samples[0][1]) / passed if passed > 0.5 else 0.0


class View:
    """One run. `observe` may be called on any thread; everything else belongs to whoever draws."""

    def __init__(self, label: str, began: float) -> None:
        self.label, self.began = label, began
        self.run = self.call = ""  # known once the run is started; events wait until then
        self.tallies: dict[str, Tally] = {}  # by function name, in order of appearance
        self.state = State.QUEUED
        self.due: float | None = None  # of a waiting run
        self.ended: float | None = None  # of one that another process drove
        self.here = False  # this process owns it
        self.seq = 0  # of the last entry folded
        self.resumed = 0  # steps on record when it was taken up
        self.stopping = False
        self.hint = "Ctrl-C stops it; what is on record stays"
        self.news: deque[str] = deque(maxlen=1000)  # lines for whoever cannot redraw
        self._events: deque[Event] = deque()
        self._told: dict[str, int] = {}
        self._told_retry: set[str] = set()  # steps

    @property
    def steps(self) -> int:
        """How many are on record with their outcome."""
        return sum(tally.done + tally.failed for tally in self.tallies.values())

    @property
    def retried(self) -> int:
        """How many failures are on record that were tried again."""
        return sum(tally.retried for tally in self.tallies.values())

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
                    self._began(event.attempt)
                case events.AttemptRecorded():
                    self._ended(event.entry)
                case events.AttemptProgressed():
                    step = event.attempt.step
                    self._of(step).progress[step] = event.progress
                case events.AttemptCancelled():
                    step = event.attempt.step
                    self._of(step).open.pop(step, None)
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
            tally = self._count(entry)
            if tell and tally is not None:
                self._tell(tally, entry)

    def moved(self, state: State, due: float | None) -> None:
        """What the store says of a run that is not ours."""
        if state is not self.state and state is State.WAITING:
            self._rests(due)
        self.state, self.due = state, due

    def _of(self, step: str) -> Tally:
        name = step.partition("/")[2].partition("#")[0]
        tally = self.tallies.get(name)
        if tally is None:
            tally = self.tallies[name] = Tally(name)
        return tally

    def _adopted(self, head: Head, read: Callable[[int, int], Iterable[Entry]]) -> None:
        self.here, self.state, self.due = True, State.RUNNING, None
        is_first = not self.seq
        self.recall(read(self.seq, head.entries))
        if is_first:
            self.resumed = self.steps

    def _began(self, attempt: Attempt) -> None:
        tally = self._of(attempt.step)
        tally.open[attempt.step] = attempt
        tally.odd.pop(attempt.step, None)

    def _ended(self, entry: Entry) -> None:
        tally = self._of(entry.step)
        tally.live += entry.kind is not Kind.RETRY
        self._count(entry)
        self._tell(tally, entry)

    def _count(self, entry: Entry) -> Tally | None:
        self.seq = max(self.seq, entry.seq)
        if entry.kind not in (Kind.RESULT, Kind.ERROR, Kind.RETRY):
            return None
        tally = self._of(entry.step)
        for of_step in (tally.open, tally.odd, tally.progress):
            of_step.pop(entry.step, None)
        tally.seconds = entry.at - entry.began
        if entry.kind is Kind.RETRY:
            tally.retried += 1
            tally.odd[entry.step] = Odd(entry)
        elif entry.kind is Kind.ERROR:
            tally.failed += 1
        else:
            tally.done += 1
        return tally

    def _left(self, move: Move) -> None:
        self.state, self.due = move.state, move.due
        if move.state is State.WAITING and not self.stopping:
            self._rests(move.due)
        self._drop()

    def _rests(self, due: float | None) -> None:
        if any(tally.odd for tally in self.tallies.values()):
            return  # until the next try, which was told
        self.news.append(f"{formatting.state(State.WAITING)}{'' if due is None else ' until it is due'}")

    def _drop(self) -> None:
        self.here = False
        for tally in self.tallies.values():
            tally.open.clear()
            tally.progress.clear()

    # -- for whoever cannot redraw --------------------------------------------------------------------

    def _tell(self, tally: Tally, entry: Entry) -> None:
        """A line per step and kind, the first few of each function; the summary counts the rest."""
        if entry.kind is Kind.RETRY and entry.step in self._told_retry:
            return  # else many tries would push away what failed
        key = f"{tally.label} {entry.kind}"
        told = self._told[key] = self._told.get(key, 0) + 1
        if told > TOLD_MAX:
            return
        if entry.kind is Kind.RESULT:
            took = formatting.dim(formatting.span(tally.seconds))
            line = f"{formatting.sign(State.SUCCEEDED)} {tally.label} {took}"
        elif entry.kind is Kind.ERROR:
            called = formatting.failed_call(entry.payload) or tally.label
            line = f"{formatting.sign(State.FAILED)} {called}: {formatting.failure(entry.payload, 160)}"
        else:
            self._told_retry.add(entry.step)
            pause = formatting.span(max(0.0, (entry.due or entry.at) - entry.at))
            what = formatting.failure(entry.payload[1:], 160)
            called = formatting.failed_call(entry.payload[1:]) or tally.label
            line = f"◍ {called} try {entry.attempt + 1} in {pause}: {what}"
        more = formatting.dim("  (further ones are only counted)") if told == TOLD_MAX else ""
        self.news.append(line + more)
