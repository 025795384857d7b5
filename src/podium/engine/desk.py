"""What callers ask of an engine: to start runs, to write, to watch how a run comes out."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from ..errors import ArgumentError, DecodeError, EngineStopped, Mismatch, PodiumError
from ..executors import Attempt
from ..model import Fence, Head, Move, NewRun, Outcome, RunRow, State, Verdict, Write
from .committer import OneWrite
from .reasons import read_reason

if TYPE_CHECKING:
    from .engine import Engine


LEFT_BEHIND_SECONDS = 600.0
LEFT_BEHIND_MAX = 10_000  # calls remembered; a worker clears the backlog of many scripts
_MISFITS = frozenset({ArgumentError.code, DecodeError.code, Mismatch.code})  # of code and record


class Question(OneWrite):
    """A client's write (a start, a message, a person's decision), which is answered whatever happens."""

    def __init__(
        self,
        write: Write,
        then: Callable[[Verdict], None],
        fail: Callable[[Answer], None],
        asked: dict[Question, None],
        look: Callable[[], Verdict | None] | None,
    ) -> None:
        super().__init__(write, then)
        self.fail, self._asked, self._look = fail, asked, look

    def take_write(self) -> Write | None:
        """An answer found by now makes the write needless."""
        answer = self._look() if self._look is not None else None
        if answer is None:
            return super().take_write()
        self.committed(self._write, answer)
        return None

    def committed(self, write: Write, verdict: Verdict) -> None:
        self._asked.pop(self, None)
        super().committed(write, verdict)


class End(msgspec.Struct, frozen=True):
    """How a watched run came out: a final state with its payload, or parked with its reason."""

    state: State
    payload: bytes


Watched = End | BaseException  # what a watcher is told
Answer = Verdict | BaseException  # what a client's write is answered with


class _Start(NamedTuple):
    """A start on its way: what it asked for, and whom to tell."""

    new: NewRun
    then: Callable[[Answer], None]
    watch: Callable[[Watched], None] | None


_THERE = (Outcome.DONE, Outcome.ATTACHED, Outcome.EXISTS)  # verdicts after which the run is in the store


class Desk:
    """Every question is answered: with a verdict, an end, or EngineStopped. Engine thread only."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._watched: dict[str, list[Callable[[Watched], None]]] = {}
        self.watches_elsewhere = 0  # runs that others drive, at the last look; read by any thread
        self._asked: dict[Question, None] = {}  # writes not answered yet
        self._awaited: dict[Attempt, Counter[str]] = {}  # runs that tasks here wait for
        self._closed: EngineStopped | None = None  # why nothing is answered any more
        self._opened = engine.env.now()
        self._attached: set[str] = set()
        self._left_behind: dict[tuple[str, bytes, str], deque[tuple[str, float]]] = {}

    def start(
        self, new: NewRun, then: Callable[[Answer], None], watch: Callable[[Watched], None] | None = None
    ) -> None:
        """Create a run; `then` gets the verdict once it is durable, `watch` how the run comes out."""
        owned = new.due is None and self._engine.room > 0 and not self._engine.stopping
        start = _Start(msgspec.structs.replace(new, owned=owned), then, watch)
        self._engine.expected += owned
        look = (lambda: self._take_left_behind(new)) if new.attach else None
        self._commit_one(Write(new_runs=(start.new,)), partial(self._answered, start), then, look)

    def _answered(self, start: _Start, verdict: Verdict) -> None:
        if verdict.runs and verdict.runs[0][0] is Outcome.ATTACHED:
            id = verdict.runs[0][1]
            self._attached.add(id)
            self._engine.committer.ask(
                lambda: self._engine.store.load(id), lambda row, _: self._attach(start, verdict, row)
            )
        elif verdict.outcome is Outcome.REFUSED:  # the engine has no row
            self._engine.expected -= start.new.owned
            self._engine.condemned()
            start.then(stopped_by(self._engine.failure))
        else:
            self._created(start, verdict)

    def _attach(self, start: _Start, verdict: Verdict, row: RunRow | None) -> None:
        if row is None or row.state is not State.PARKED or not _may_fit_now(row, start.new):
            self._created(start, verdict)
        else:  # the person who runs it again may have mended what parked it
            fence = Fence(row.id, row.token, frozenset({State.PARKED}))
            now = self._engine.env.now()
            again = Write(fence, Move(State.WAITING, due=now, fingerprint=start.new.fingerprint))
            self._commit_one(again, lambda _: self._created(start, verdict), start.then)

    def _created(self, start: _Start, verdict: Verdict) -> None:
        new = start.new
        self._engine.expected -= new.owned
        outcome, id = verdict.runs[0] if verdict.runs else (verdict.outcome, new.id)
        if outcome in _THERE and (start.watch is not None or self._leaves_others):
            watchers = self._watched.setdefault(id, [])
            if start.watch is not None:
                watchers.append(start.watch)
        if new.owned and outcome is Outcome.DONE and not self._engine.stopping:
            self._engine.take_up(_head_of(new))
        elif outcome in _THERE and id not in self._engine.owned:
            self._engine.sweep.soon()
            if outcome is not Outcome.DONE:  # ended already, or ours by a first try whose answer was lost
                self._engine.committer.ask(lambda: self._engine.store.load(id), self.looked)
        start.then(verdict)

    # A script that is run again has its old runs taken up as soon as the engine opens, and a short rest of a
    # run may end before the script comes to the call that started it. That call gets its run all the same,
    # for a while: a process that makes the same call every day wants a new run tomorrow.

    def ended(self, head: Head) -> None:
        """A run ended here: remember it for its script if an earlier process started it."""
        if head.starter and head.created < self._opened and head.id not in self._attached:
            waiting = self._left_behind.setdefault(_call_of(head), deque(maxlen=100))
            waiting.append((head.id, self._engine.env.monotonic()))
            if len(self._left_behind) > LEFT_BEHIND_MAX:
                del self._left_behind[next(iter(self._left_behind))]

    def _take_left_behind(self, new: NewRun) -> Verdict | None:
        waiting = self._left_behind.get(_call_of(new))
        while waiting:
            run, ended = waiting.popleft()
            if self._engine.env.monotonic() - ended < LEFT_BEHIND_SECONDS:
                return Verdict(Outcome.DONE, runs=((Outcome.ATTACHED, run),))
        return None

    def write(self, write: Write, then: Callable[[Answer], None]) -> None:
        """Commit a client's write (messages, a decision about a parked run) and look for what it woke."""

        def done(verdict: Verdict) -> None:
            self._engine.sweep.soon()
            then(verdict)

        self._commit_one(write, done, then)

    def _commit_one(
        self,
        write: Write,
        then: Callable[[Verdict], None],
        fail: Callable[[Answer], None],
        look: Callable[[], Verdict | None] | None = None,
    ) -> None:
        if self._closed is not None:
            fail(self._closed)
            return
        one = Question(write, then, fail, self._asked, look)
        self._asked[one] = None
        self._engine.committer.touch(one, first=True)

    def watch(self, run: str, then: Callable[[Watched], None]) -> None:
        """Call `then` when the run is final or parked, wherever it runs, or when this engine stops."""
        if self._closed is not None:
            then(self._closed)
            return
        self._watched.setdefault(run, []).append(then)
        if run not in self._engine.owned:
            self.watches_elsewhere += 1
            self._engine.committer.ask(lambda: self._engine.store.load(run), self.looked)
            if self._leaves_others:
                self._engine.sweep.soon()  # now that it is asked for, it may be claimed

    def awaited(self, attempt: Attempt, runs: Sequence[str], begins: bool) -> None:
        """A task that runs here begins to wait for these runs, or does no more.

        They are claimed whatever the room in memory: what is there may end only after them.
        """
        owned = self._engine.owned.get(attempt.run)
        if owned is None or owned.attempts.running.get(attempt.step) is not attempt:
            self._awaited.pop(attempt, None)  # it has ended, and what it has started waits on
            return
        counts = self._awaited.setdefault(attempt, Counter())
        for run in runs:
            counts[run] += 1 if begins else -1
            if counts[run] == 0:
                del counts[run]
        if not counts:
            del self._awaited[attempt]
        elif begins and any(run not in self._engine.owned for run in runs):
            self._engine.sweep.soon()

    def needed(self) -> list[str]:
        """The runs that tasks here wait for and this engine does not have in memory."""
        wanted = {run for counts in self._awaited.values() for run in counts}
        return [run for run in wanted if run not in self._engine.owned]

    @property
    def _leaves_others(self) -> bool:
        return self._engine.options.others == "leave"

    def claimable(self) -> list[str] | None:
        """The runs that this engine may claim, where it leaves all others alone; None: any."""
        if not self._leaves_others:
            return None
        return [run for run in self._watched if run not in self._engine.owned]

    def wants(self, head: Head) -> bool:
        """Whether somebody in this process started the run or waits for it."""
        return head.ours or head.id in self._watched

    @property
    def wanted(self) -> list[str]:
        """The runs that somebody in this process waits for, then those that it only started. Any thread."""
        started = [run for run, owned in list(self._engine.owned.items()) if owned.head.ours]
        return list(dict.fromkeys([*list(self._watched), *started]))

    def elsewhere(self, limit: int) -> list[str]:
        """Watched runs that this engine does not have in memory, those longest unlooked at first."""
        chosen = [run for run in self._watched if run not in self._engine.owned][:limit]
        self.watches_elsewhere = len(chosen)
        for run in chosen:
            self._watched[run] = self._watched.pop(run)
        return chosen

    def looked(self, row: RunRow | None, error: BaseException | None) -> None:
        """A look at a watched run, or at one that may be ours: tell, or take it up."""
        if error is not None:
            self._engine.sweep.unsure = True
        if row is None or row.id in self._engine.owned:
            return
        if row.state.is_settled:
            self.tell(row.id, End(row.state, row.payload))
        elif row.owner == self._engine.id:
            self._engine.take_up(head_of_row(row))

    def tell(self, run: str, end: Watched) -> None:
        """Tell whoever watches the run how it came out."""
        for then in self._watched.pop(run, ()):
            then(end)

    def answer_all(self, error: EngineStopped) -> None:
        """Nobody may be left waiting for an engine that has stopped, nor begin to."""
        self._closed = error
        asked, self._asked = self._asked, {}
        for one in asked:
            one.fail(error)
        for run in list(self._watched):
            self.tell(run, error)


def _may_fit_now(row: RunRow, new: NewRun) -> bool:
    """Whether a parked run is worth another try by this code: it is other code, or the record did not fit."""
    return row.fingerprint != new.fingerprint or read_reason(row.payload).code in _MISFITS


def _call_of(run: Head | NewRun) -> tuple[str, bytes, str]:
    return run.function, run.digest, run.starter


def head_of_row(row: RunRow) -> Head:
    """A run that we own, by the store's word, as its owner needs it."""
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
    )  # and not whose it is: whether its starter is gone a row does not say


def stopped_by(failure: BaseException | None) -> EngineStopped:
    """What those are told who wait for an engine that failed."""
    knows_better = isinstance(failure, PodiumError) and failure.fix  # which is in its text
    fix = "" if knows_better else "its runs are safe: start it again, or see who has them: podium runs"
    error = EngineStopped(f"the engine stopped: {failure}", fix=fix)
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
        ours=True,
    )
