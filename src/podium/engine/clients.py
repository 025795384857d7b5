"""What callers in this process ask of an engine: to start runs, to write, to watch how a run comes out."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from .. import late
from ..errors import EngineStopped, PodiumError
from ..model import Head, NewRun, Outcome, RunRow, State, Verdict, Write, head_of_new
from ..shortage import shortage_of
from .claiming import Claimer
from .client_writes import AnyWrite, ClientWrite, Met, Start
from .context import Context
from .residents import Residents
from .watchers import Watcher, Watchers, gone

if TYPE_CHECKING:
    from . import mended, parked_notice
else:
    mended = late.module(globals(), ".mended")
    parked_notice = late.module(globals(), ".parked_notice")

LEFT_BEHIND_SECONDS = 600.0
LEFT_BEHIND_MAX = 10_000  # calls remembered; a worker clears the backlog of many scripts

_THERE = (Outcome.DONE, Outcome.ATTACHED, Outcome.EXISTS)  # verdicts after which the run is in the store


class ClientPort:
    """Each request is answered: with a verdict, an end, or EngineStopped. Engine thread only.

    `adopt` brings a started run into memory; `condemn` is called when it shows that this engine has no row.
    """

    def __init__(
        self,
        context: Context,
        residents: Residents,
        watchers: Watchers,
        claimer: Claimer,
        adopt: Callable[[Head], None],
        condemn: Callable[[], None],
    ) -> None:
        self._context, self._residents, self._watchers = context, residents, watchers
        self._claimer, self._adopt, self._condemn = claimer, adopt, condemn
        self.pending: dict[ClientWrite, None] = {}  # writes not answered yet
        self._closed: EngineStopped | None = None  # why nothing is answered any more
        self._opened = context.env.now()
        self._attached: set[str] = set()
        self._existing: list[tuple[Start, Verdict]] = []  # to be looked at
        self._left_behind: dict[tuple[str, bytes, str], deque[tuple[str, float]]] = {}

    # -- starting -------------------------------------------------------------------------------------

    def begin(self, starts: Iterable[Start]) -> None:
        """Create runs, those that are asked for in one go by one commit. Each is told what it comes to."""
        residents, lifecycle = self._residents, self._context.lifecycle
        for start in starts:
            new = start.new
            if new.due is None and not new.queue and residents.room > 0 and not lifecycle.stopping:
                residents.reserved += 1
                start.has_place = True
                start.new = new = msgspec.structs.replace(new, owned=True)
            start.port = self
            queues = self._context.queue_notes.of((new,)) if new.queue else ()
            start.write = Write(new_runs=(new,), queues=queues)
            self._commit(start)

    def answered(self, start: Start, verdict: Verdict) -> None:
        """What the store makes of a start."""
        if start.write.queues:
            self._context.queue_notes.committed(start.write, verdict)
        outcome = verdict.runs[0][0] if verdict.runs else None
        if outcome is Outcome.DONE:  # as most are
            self._created(start, verdict)
        elif outcome is Outcome.ATTACHED:
            id = verdict.runs[0][1]
            self._attached.add(id)
            self._load_to_attach(start, verdict, id)
        elif outcome is Outcome.EXISTS:
            self._existing.append((start, verdict))
            if len(self._existing) == 1:
                self._context.committer.ask(self._look_at_existing, self._existing_seen)
        elif verdict.outcome is Outcome.REFUSED:  # the engine has no row
            self._condemn()
            start.fail(stopped_by(self._context.lifecycle.failure))
        else:
            self._created(start, verdict)

    # By a name that its caller gave it (`id=`, `unique=`) a start comes to a run in any state. One that is
    # parked, or waits for such a one, is met as without a name; a batch that is started again looks once for
    # which of its runs are so.

    def _look_at_existing(
        self,
    ) -> tuple[Sequence[tuple[Start, Verdict]], set[tuple[str, str]], Sequence[RunRow]]:
        """The starts that are looked at, the runs to take up, and what stays parked below the others. Away
        from the engine's thread."""
        context, asked = self._context, tuple(self._existing)
        runs = [verdict.runs[0][1] for _, verdict in asked]
        return asked, *mended.to_take_up(context.store, context.functions, runs)

    def _existing_seen(self, found: Any, error: BaseException | None) -> None:
        if self._closed is not None:  # they are told
            return
        asked, taken_up, stay = found if error is None else (tuple(self._existing), (), ())
        if stay:
            parked_notice.found(self._residents.parked_told, stay)
        del self._existing[: len(asked)]
        failures: list[Exception] = []
        for start, verdict in asked:
            id = verdict.runs[0][1]
            try:
                if (id, start.new.function) in taken_up:
                    self._load_to_attach(start, verdict, id)
                else:
                    self._created(start, verdict)
            except Exception as failure:  # of one of them: the others have answers of their own
                start.failed(failure)
                failures.append(failure)
        if self._existing:
            self._context.committer.ask(self._look_at_existing, self._existing_seen)
        if failures:  # what stops the engine before what passes
            raise min(failures, key=lambda failure: shortage_of(failure) is not None)

    def _load_to_attach(self, start: Start, verdict: Verdict, id: str) -> None:
        self.pending[start] = None  # until that look is done
        context = self._context
        lifecycle = context.lifecycle

        def look() -> tuple[RunRow | None, Sequence[tuple[str, Write]], Sequence[RunRow]]:
            if lifecycle.stopping:  # thousands may be in line, and nobody is to wait for that
                return None, (), ()
            row = context.store.load(id)
            if row is None or row.state.is_final:
                return row, (), ()
            return row, *mended.stuck_below(context.store, context.functions, row, context.env.now())

        def then(seen: Any, error: BaseException | None) -> None:
            if lifecycle.stopping:  # it is told as the engine closes
                return
            row, stuck, stay = seen if error is None else (None, (), ())
            try:
                self._attach(start, verdict, row, stuck, stay)
            except Exception as failure:
                start.failed(failure)
                raise

        context.committer.ask(look, then)

    def _attach(
        self,
        start: Start,
        verdict: Verdict,
        row: RunRow | None,
        stuck: Sequence[tuple[str, Write]],
        stay: Sequence[RunRow],
    ) -> None:
        if self._closed is not None:  # it is told
            return
        if row is not None and not self._is_of_this_call(row, start):
            if not row.state.is_final:
                start.met(row.id, Met.FORMER)
            start.remembered = None
            self._commit(start)
            return
        code = start.new.fingerprint
        stays = row is not None and row.state is State.PARKED and not mended.may_fit_now(row, code)
        run, remembered = verdict.runs[0][1], start.remembered
        how = remembered[1] if remembered is not None and remembered[0] == run else Met.AWAY
        start.met(run, Met.PARKED if stays else how)
        if stay and not stays:
            parked_notice.found(self._residents.parked_told, stay)
        # What is parked below it goes on as well, or it would wait for that for ever.
        for id, again in () if stays else stuck:
            start.met(id, Met.AWAY)
            if self._leaves_others:
                self._watchers.add(id)
            self.write(again, lambda _: None)
        if row is None or row.state is not State.PARKED or stays:
            self._created(start, verdict)
            self.pending.pop(start, None)
        else:  # the person who runs it again may have mended what parked it
            tried = mended.try_again(row, code, self._context.env.now())
            self._commit(AnyWrite(self, tried, lambda _: self._created(start, verdict), start.fail))
            self.pending.pop(start, None)

    def _is_of_this_call(self, row: RunRow, start: Start) -> bool:
        """Whether an earlier run comes to what the call asks for: not what is driven here by code that was
        declared anew since, nor what had ended by such code, or was cancelled, before the call came."""
        owned = self._residents.owned.get(row.id)
        if owned is not None:
            return owned.machine.function.fingerprint == start.new.fingerprint
        is_remembered = start.remembered is not None and start.remembered[0] == row.id
        if not is_remembered or not row.state.is_final:
            return True
        return row.state is not State.CANCELLED and row.fingerprint == start.new.fingerprint

    def _created(self, start: Start, verdict: Verdict) -> None:
        new = start.new
        self.give_back(start)
        outcome, id = verdict.runs[0] if verdict.runs else (verdict.outcome, new.id)
        if outcome in _THERE and (start.watch is not None or self._leaves_others):
            self._watchers.add(id, start.watch, new.at if outcome is Outcome.DONE else None)
        if new.owned and outcome is Outcome.DONE and not self._context.lifecycle.stopping:
            self._adopt(head_of_new(new))
        elif outcome in _THERE and id not in self._residents.owned:
            self._claimer.soon()
            if outcome is not Outcome.DONE:  # ended already, or ours by a first try whose answer was lost
                self._claimer.look(id)
        start.tell(verdict)

    def give_back(self, start: Start) -> None:
        """The place that was kept for its run: the run has come to memory, or does not."""
        if start.has_place:
            start.has_place = False
            self._residents.reserved -= 1

    # A script that is run again has its old runs taken up as soon as the engine opens, and a short rest of a
    # run may end before the script comes to the call that started it. That call gets its run all the same,
    # for a while: a process that makes the same call every day wants a new run tomorrow.

    def ended(self, head: Head) -> None:
        """A run ended here: remember it for its script if an earlier process started it."""
        if head.starter and head.created < self._opened and head.id not in self._attached:
            self._remember(_call_of(head), head.id, self._context.env.monotonic())

    def interrupted(self, run: str) -> None:
        """Its caller was interrupted, and the run goes on: the same call, made again, gets it."""
        self._context.committer.ask(lambda: self._context.store.load(run), self._left_open)

    def _left_open(self, row: RunRow | None, _: BaseException | None) -> None:
        if row is not None:
            self._remember(_call_of(row), row.id, math.inf)

    def _remember(self, call: tuple[str, bytes, str], run: str, ended: float) -> None:
        calls = self._left_behind.setdefault(call, deque(maxlen=100))
        if run not in (known for known, _ in calls):
            calls.append((run, ended))
        if len(self._left_behind) > LEFT_BEHIND_MAX:
            del self._left_behind[next(iter(self._left_behind))]

    def left_behind_for(self, start: Start) -> Verdict | None:
        """That a start comes to a run which an earlier process has left; None: to none."""
        new = start.new
        if not self._left_behind or new.explicit_id or new.due is not None or new.origin:
            return None
        waiting = self._left_behind.get(_call_of(new))
        while waiting:
            run, ended = waiting.popleft()
            if self._context.env.monotonic() - ended < LEFT_BEHIND_SECONDS:
                start.remembered = run, Met.HERE if ended == math.inf else Met.AWAY
                return Verdict(Outcome.DONE, runs=((Outcome.ATTACHED, run),))
        return None

    # -- writing and watching -------------------------------------------------------------------------

    def write(self, write: Write, then: Callable[[Verdict | BaseException], None]) -> None:
        """Commit a client's write (messages, a decision about a parked run) and look for what it woke."""

        def done(verdict: Verdict) -> None:
            self._claimer.soon()
            self._residents.told(verdict.told)
            then(verdict)

        self._commit(AnyWrite(self, write, done, then))

    def _commit(self, one: ClientWrite) -> None:
        if self._closed is not None:
            one.fail(self._closed)
            return
        self.pending[one] = None
        self._context.committer.touch(one, first=True)

    def watch(self, run: str, watcher: Watcher, created: float | None = None) -> None:
        """Have the watcher told when the run, wherever it is, is final, parked or gone, or this engine stops.

        `created` tells the run from another one that has its id by now.
        """
        if self._closed is not None:
            watcher(self._closed)
            return
        owned = self._residents.owned.get(run)
        if owned is not None and created not in (None, owned.head.created):
            watcher(gone(run))
            return
        self._watchers.add(run, watcher, created)
        if owned is None:
            self._watchers.elsewhere += 1
            self._claimer.look(run)
            if self._leaves_others:
                self._claimer.soon()  # now that it is asked for, it may be claimed

    @property
    def _leaves_others(self) -> bool:
        return self._context.others == "leave"

    def close(self, error: EngineStopped) -> None:
        """Nobody may be left waiting for an engine that has stopped, nor begin to."""
        self._closed = error
        pending, self.pending = self.pending, {}
        for one in pending:
            one.fail(error)
        existing, self._existing = self._existing, []
        for start, _ in existing:
            start.fail(error)
        self._watchers.tell_all(error)


def _call_of(run: Head | NewRun | RunRow) -> tuple[str, bytes, str]:
    return run.function, run.digest, run.starter


def stopped_by(failure: BaseException | None) -> EngineStopped:
    """What those are told who wait for an engine that failed."""
    knows_better = isinstance(failure, PodiumError) and failure.fix  # which is in its text
    fix = "" if knows_better else "its runs are safe: start it again, or see who has them: podium runs"
    error = EngineStopped(f"the engine stopped: {failure}", fix=fix)
    error.__cause__ = failure
    return error
