"""`RunProgress`: how far a run is. One model for the live tree, `show`, `why` and whatever else looks.

It is fed the entries of the record, in order, and, where the run is driven in this process, what happens to
attempts meanwhile. Entries are counted and not kept, but for the few that are odd and those of steps that are
not over. Nothing is drawn here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..model import (
    AGAIN,
    ANSWER,
    BESIDE,
    COPY_BEGAN,
    DEADLINE,
    OUTCOME,
    SETTLE,
    STARTS,
    TURNS,
    UNDO_SCOPE,
    Entry,
    Kind,
    State,
    is_undo,
    label_of,
    read_name,
)

if TYPE_CHECKING:  # of a run that this process drives: looking at a record runs nothing
    from ..executors import Attempt, Progress

FAILURES_MAX = 3  # failures kept for each function
MESSAGE, TIMER, TIMEOUT = "(message)", "(timer)", "(timeout)"  # stand where a function's name would

_UNDONE_AFTER = (State.FAILED.value, State.CANCELLED.value)  # how a body has ended, in an ENDING

_OVER = (Kind.RESULT, Kind.ERROR)
_ATTEMPTS = (*_OVER, Kind.RETRY)


class StepCounts:
    """The steps of one function: of a whole run, or of one of its branches and those that do the same."""

    def __init__(self, function: str, first: int) -> None:
        self.function = function  # "module:qualname", or MESSAGE, TIMER, TIMEOUT
        self.first = first  # number of the entry it began with
        self.done = self.failed = self.retried = 0
        self.seconds = self.longest = self.latest = 0.0  # of attempts that ended: all, the longest, the last
        self.failures: list[Entry] = []  # of steps that failed for good, the first few
        self.retrying: dict[str, Entry] = {}  # by step: the failure after which it will be tried again
        self.settled: list[Entry] = []  # what people have said of steps, the first few
        self.begun: dict[str, Entry] = {}  # by step: on record as begun (only of runs that lost an owner)
        self.running: dict[str, Attempt] = {}  # by step: in this process
        self.notes: dict[str, Progress] = {}  # by step: what its running attempt last said of itself

    @property
    def ended(self) -> int:
        """Steps that are over."""
        return self.done + self.failed

    @property
    def unfinished(self) -> int:
        """Steps that have begun and are not over."""
        return len(self.retrying.keys() | self.begun.keys() | self.running.keys())

    @property
    def working(self) -> int:
        """Attempts whose bodies have begun; the other running ones wait for a slot."""
        return sum(attempt.has_begun for attempt in list(self.running.values()))

    def add(self, entry: Entry) -> None:
        """Count one entry."""
        for by_step in (self.retrying, self.begun, self.running, self.notes):
            by_step.pop(entry.step, None)
        if entry.kind in STARTS or (entry.kind is Kind.SENT and not _is_told_at_once(entry)):
            self.begun[entry.step] = entry
            return
        if entry.kind is Kind.HANDED_BACK:
            return
        self.latest = entry.at - entry.began if entry.began else 0.0
        if entry.kind is Kind.RETRY:
            self.retried += 1
            self.retrying[entry.step] = entry
            return
        self.seconds += self.latest
        self.longest = max(self.longest, self.latest)
        if entry.kind is Kind.ERROR:
            self.failed += 1
            if len(self.failures) < FAILURES_MAX:
                self.failures.append(entry)
        else:
            self.done += 1

    def answered(self, step: str, failed: bool, at: float) -> None:
        """A child run, a question or a callback has come to something."""
        asked = self.begun.pop(step, None)
        self.retrying.pop(step, None)
        self.latest = at - asked.at if asked is not None else 0.0
        self.seconds += self.latest
        self.longest = max(self.longest, self.latest)
        self.failed += failed
        self.done += not failed

    def merge(self, other: StepCounts) -> None:
        """Take in the same function's steps of a branch that does the same."""
        self.done += other.done
        self.failed += other.failed
        self.retried += other.retried
        self.seconds += other.seconds
        self.longest = max(self.longest, other.longest)
        self.failures = [*self.failures, *other.failures][:FAILURES_MAX]
        self.settled = [*self.settled, *other.settled][:FAILURES_MAX]
        self.retrying.update(other.retrying)
        self.begun.update(other.begun)


class Branch:
    """A scope of a workflow: its steps by function, and the scopes below it."""

    def __init__(self, first: int) -> None:
        self.first = first  # number of the entry it began with
        self.count = 1  # how many scopes were folded into it
        self.undoes = False  # its steps undo others
        self.functions: dict[str, StepCounts] = {}
        self.below: dict[str, Branch] = {}

    def shape(self) -> tuple[object, ...]:
        """Two branches of one shape do the same."""
        below = {branch.shape() for branch in self.below.values()}
        return (frozenset(self.functions), frozenset(below), self.undoes)

    def merge(self, other: Branch) -> None:
        """Take in a branch of the same shape."""
        self.count += other.count
        for name, counts in other.functions.items():
            self.functions[name].merge(counts)
        self.below.update(
            {f"{other.count}/{self.count}/{key}": branch for key, branch in other.below.items()}
        )

    def fold(self) -> None:
        """Merge the branches below that do the same, from the leaves up."""
        folded: dict[tuple[object, ...], Branch] = {}
        for branch in self.below.values():
            shape = branch.shape()
            if shape in folded:
                folded[shape].merge(branch)
            else:
                folded[shape] = branch
        self.below = {str(number): branch for number, branch in enumerate(folded.values())}
        for branch in self.below.values():
            branch.fold()


class RunProgress:
    """How far a run is: counts by function, what is not over, and the last of its record.

    `branches` is kept up where it is asked for, and then is what a workflow's `create_task`, `gather` and
    `map` have opened; 100,000 branches that do the same fold into one.
    """

    def __init__(self, entries: Iterable[Entry] = (), branches: bool = False) -> None:
        self.functions: dict[str, StepCounts] = {}  # of steps alone, by name, in order of appearance
        self.last: Entry | None = None
        self.undoes = False  # its body has failed or was cancelled, and what it did is undone
        self._root = Branch(0) if branches else None
        for entry in entries:
            self.add(entry)

    @property
    def seq(self) -> int:
        """The number of the last entry that was counted."""
        return self.last.seq if self.last is not None else 0

    @property
    def steps(self) -> int:
        """How many are on record with their outcome."""
        return sum(counts.ended for counts in self.functions.values())

    @property
    def retried(self) -> int:
        """How many failures are on record that were, or will be, tried again."""
        return sum(counts.retried for counts in self.functions.values())

    @property
    def retrying(self) -> list[Entry]:
        """The failures of steps that will be tried again, the first due first."""
        entries = [entry for counts in self.functions.values() for entry in counts.retrying.values()]
        return sorted(entries, key=lambda entry: entry.due or 0.0)

    @property
    def begun(self) -> list[Entry]:
        """Steps on record as begun whose outcome is not."""
        return [entry for counts in self.functions.values() for entry in counts.begun.values()]

    def branches(self) -> Branch:
        """The tree of what was counted, branches that do the same folded into one. Once, at the end."""
        root = self._root or Branch(0)
        root.fold()
        return root

    def add(self, entry: Entry) -> StepCounts | None:
        """Count an entry; the counts of its function, if it is a step's and says how an attempt ended."""
        self.last = entry
        if entry.kind is Kind.ENDING:
            self.undoes = entry.name.startswith(_UNDONE_AFTER)
        elif is_undo(entry.step):
            self.undoes = True  # of a long record only the end is looked at
        if entry.kind in TURNS or entry.step == COPY_BEGAN or entry.kind in BESIDE:
            return None  # the engine's own book-keeping, see `engine.poison_bodies` and `engine.driver`
        if entry.kind is Kind.MESSAGE:
            kind, state, step = read_name(entry.name)
            if kind in (OUTCOME, ANSWER, SETTLE) and step:
                self._answered(step, state, entry)
                return None
        scope, name = place(entry)
        if self._root is not None:
            _counts(_branch(self._root, scope, entry.seq).functions, name, entry.seq).add(entry)
        if entry.kind in (Kind.MESSAGE, Kind.TICK):
            return None
        counts = _counts(self.functions, name, entry.seq)
        counts.add(entry)
        return counts if entry.kind in _ATTEMPTS else None

    def _answered(self, step: str, state: str, entry: Entry) -> None:
        scope, slash, name = step.partition("/")
        scope, function = (scope, name) if slash else ("", scope)
        function = function.partition("#")[0]
        both = [_counts(self.functions, function, entry.seq)]
        if self._root is not None:
            both.append(_counts(_branch(self._root, scope, entry.seq).functions, function, entry.seq))
        for counts in both:
            if entry.name.startswith(SETTLE) and len(counts.settled) < FAILURES_MAX:
                counts.settled.append(entry)
            if state != AGAIN:
                counts.answered(step, state in (State.FAILED, State.CANCELLED), entry.at)

    # -- what happens in this process -------------------------------------------------------------------

    def began(self, attempt: Attempt) -> None:
        """An attempt was handed to its executor."""
        counts = self._of(attempt)
        counts.running[attempt.step] = attempt
        counts.retrying.pop(attempt.step, None)

    def noted(self, attempt: Attempt, progress: Progress) -> None:
        """A running attempt said how far it is."""
        self._of(attempt).notes[attempt.step] = progress

    def cancelled(self, attempt: Attempt) -> None:
        """Nobody waits for this attempt any more."""
        self._of(attempt).running.pop(attempt.step, None)

    def left(self) -> None:
        """This process does not drive the run any more."""
        for counts in self.functions.values():
            counts.running.clear()
            counts.notes.clear()

    def _of(self, attempt: Attempt) -> StepCounts:
        return _counts(self.functions, label_of(attempt.step), self.seq + 1)


def _is_told_at_once(entry: Entry) -> bool:
    """Whether a signal was sent, and not a child run started or somebody asked."""
    return label_of(entry.step) == "send"


def place(entry: Entry) -> tuple[str, str]:
    """Scope and function of an entry; MESSAGE, TIMER or TIMEOUT of what has no function."""
    if entry.kind is Kind.MESSAGE:
        return "", MESSAGE
    scope, slash, name = entry.step.partition("/")
    if entry.kind is Kind.TICK:
        return (scope if slash else ""), TIMEOUT if entry.step == DEADLINE else TIMER
    return scope, name.partition("#")[0]


def _counts(functions: dict[str, StepCounts], name: str, first: int) -> StepCounts:
    counts = functions.get(name)
    if counts is None:
        counts = functions[name] = StepCounts(name, first)
    return counts


def _branch(root: Branch, scope: str, first: int) -> Branch:
    branch = root
    for part in scope.split(".") if scope else ():
        below = branch.below.get(part)
        if below is None:
            below = branch.below[part] = Branch(first)
            below.undoes = part == UNDO_SCOPE
        branch = below
    return branch
