"""The one place in a process that commits.

Runs say that they have something to write (`touch`); everything that was said until the previous commit
is done goes into the next one, which is one transaction and one sync for all of them. There is no flush
interval: an idle committer commits at once, a busy one commits as fast as the disk allows.

Few writes are committed where we stand, because a thread hop, and two threads at odds over the interpreter,
cost more than they hide; many, or any on a slow disk, go to the writer thread, and those of a store that is
not near are sent there (`sender`).
What a write was waited for (`committed`) is called only after it is durable.

A commit that fails as a whole is tried again, after reading back what became of it where that is unknown.
It is never anybody's outcome.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Any

from ..env import Env
from ..errors import StoreFatal, StoreUnavailable
from ..executors.protocol import FileReactor
from ..model import Outcome, StepWrite, Verdict, Write
from ..shortage import shortage_of
from ..store import Store
from .gc_pause import gc_paused
from .lane import Lane
from .readback import read_back
from .sender import Sender
from .sources import Source
from .teller import Judged, Teller

log = logging.getLogger("podium")

INLINE_WRITES = 128  # up to so many writes are committed on the driving thread ...
INLINE_BYTES = 256 * 1024  # ... if they are small together ...
ENTRY_BYTES = 1024  # ... an entry counting as so much more than its payload ...
INLINE_SECONDS = 0.005  # ... and the disk has lately synced faster than this
BATCH_WRITES = 2000  # bounds the latency of one commit
HALVED_WRITES = 16  # from so many on it is told of a commit in two halves, where one overlaps with the next
RETRY_SECONDS_MAX = 1.0


class Committer:
    """Group commit over all runs of one engine."""

    def __init__(
        self,
        store: Store,
        engine: str,
        env: Env,
        reactor: FileReactor,
        writer: Lane,
        on_fatal: Callable[[BaseException], None],
    ) -> None:
        self._store, self._engine, self._env = store, engine, env
        self._reactor, self._writer, self._on_fatal = reactor, writer, on_fatal
        self._is_near = store.near
        self._sender = Sender(store, engine, reactor, writer)
        self._teller = Teller(reactor, self._not_done, self._schedule)
        self.halved_writes = HALVED_WRITES
        self._touched: dict[Source, None] = {}
        self._first: dict[Source, None] = {}  # clients' writes, which go before what runs have to say
        self._jobs: deque[tuple[Callable[[], Any], Callable[[Any, BaseException | None], None]]] = deque()
        self._scheduled = False
        self._busy = False
        self._sync_seconds = 0.0  # of an inline commit, smoothed
        self.commits = 0
        self.failures = 0  # in a row
        self._trouble: float | None = None  # since when (monotonic) the store does not take what we have
        self.stopped = False
        self.upkeep: Callable[[], None] | None = None  # to be called when the store has a chore to do

    def touch(self, source: Source, first: bool = False) -> None:
        """This source has something to write; asked for it when the next commit begins.

        `first`: ahead of the others in that commit. A start that finds its old run must see it before the
        run's own end, which may be in the same commit.
        """
        (self._first if first else self._touched)[source] = None
        if not self._scheduled and not self._busy:
            self._schedule()

    def ask(self, call: Callable[[], Any], then: Callable[[Any, BaseException | None], None]) -> None:
        """Run another store call between commits, away from the driving thread."""
        self._jobs.append((call, then))
        self._schedule()

    @property
    def idle(self) -> bool:
        """Nothing to write, nothing under way, and nobody to be told."""
        return not (self._is_asked or self._busy) and self._teller.idle

    @property
    def _is_asked(self) -> bool:
        return bool(self._first or self._touched or self._jobs)

    def hold(self) -> bool:
        """Let what is touched now wait for `flush`, in this very turn. False: do not call that."""
        if self._scheduled or self._busy:
            return False  # it is committed as soon as it can be
        self._scheduled = True
        return True

    def _schedule(self) -> None:
        """See to what there is to do, unless something is under way, which is followed by this."""
        if self._is_asked and not self._scheduled and not self._busy:
            self._scheduled = True
            self._reactor.call_soon(self.flush)

    # -- one commit -----------------------------------------------------------------------------------

    def flush(self) -> None:
        """Commit what there is to write, unless a commit is under way: that is followed by the next one."""
        self._scheduled = False
        if self._busy or self.stopped:
            return
        if self._jobs:
            self._busy = True
            call, then = self._jobs.popleft()
            self._writer.do(call, lambda result, error: self._answered(then, result, error))
            return
        sources, writes = self._gather()
        if not writes or self.stopped:
            self._schedule()
            return
        if self._is_small(writes):
            self._commit_here(sources, writes)
        else:
            self._busy = True
            self._send(sources, writes)

    def _gather(self) -> tuple[list[Source], list[Write]]:
        """Who writes what."""
        sources: list[Source] = []
        writes: list[Write] = []
        if len(self._touched) == 1 and not self._first:  # a run that takes one step after the other
            source, _ = self._touched.popitem()
            try:
                write = source.take_write()
            except Exception as error:
                self._not_done("what there is to write could not be taken", error, source)
                write = None
            return ([source], [write]) if write is not None else (sources, writes)
        for touched in (self._first, self._touched):
            # In one walk: after many were taken, the first of a dict is found by passing all their places.
            taken = list(islice(touched, BATCH_WRITES - len(writes)))
            if len(taken) == len(touched):
                touched.clear()
            else:
                for source in taken:
                    del touched[source]
            for source in taken:
                try:
                    write = source.take_write()
                except Exception as error:  # of one of them; what the others gave is committed all the same
                    self._not_done("what there is to write could not be taken", error, source)
                    continue
                if write is not None:
                    sources.append(source)
                    writes.append(write)
        return sources, writes

    def _is_small(self, writes: list[Write]) -> bool:
        if not self._is_near:
            return False
        if len(writes) > INLINE_WRITES or self._sync_seconds > INLINE_SECONDS:
            # A slow disk is looked at again now and then: the estimate fades while the thread does it.
            self._sync_seconds *= 0.98
            return False
        size = 0
        for write in writes:
            for entry in write.entries:
                size += len(entry.payload) + ENTRY_BYTES
            for line in write.logs:
                size += len(line.text) + ENTRY_BYTES
        return size <= INLINE_BYTES

    def _commit_here(self, sources: list[Source], writes: list[Write]) -> None:
        began = self._env.monotonic()
        try:
            verdicts = self._store.commit(self._engine, writes)
        except Exception as error:
            self._failed(sources, writes, error)
            return
        took = self._env.monotonic() - began
        self._sync_seconds += 0.1 * (took - self._sync_seconds)
        self._done(sources, writes, verdicts)

    def _send(self, sources: list[Source], writes: list[Write]) -> None:
        def then(verdicts: Any, error: BaseException | None) -> None:
            self._sent(sources, writes, verdicts, error)

        if self._is_near:
            self._writer.do(lambda: self._store.commit(self._engine, writes), then)
        else:
            self._sender.send(writes, then)

    def _sent(
        self,
        sources: list[Source],
        writes: list[Write],
        verdicts: Any,
        error: BaseException | None,
        unknown: bool = False,
    ) -> None:
        self._busy = False
        if error is not None:
            self._failed(sources, writes, error, unknown)
        else:
            self._done(sources, writes, verdicts)

    def _done(self, sources: list[Source], writes: list[Write], verdicts: Sequence[Verdict]) -> None:
        if self._trouble is not None:
            log.warning("the store is back after %.1f s", self._env.monotonic() - self._trouble)
            self._trouble = None
        self.failures = 0
        self.commits += 1
        told = zip(sources, writes, verdicts, strict=True)
        if len(sources) == 1:
            self._teller.tell(told)
        else:
            with gc_paused():
                if self._sender.overlaps and len(sources) >= self.halved_writes:
                    self._tell_in_halves(told)
                else:
                    self._teller.tell(told)
        if self.upkeep is not None and self._store.checkpoint_due():
            self.upkeep()
        self._schedule()

    def _tell_in_halves(self, told: Iterable[Judged]) -> None:
        """Of a commit that took no thread to wait for, so that the next one is under way while runs go on.

        Runs that are told together ask together for their next commit, and meet again in that: then either
        this thread works or the server does. Told in two halves they are two groups, each of which computes
        while the commit of the other is made. Starts, ends and refusals are told first: what comes of these
        goes with whichever group is next, else a start would wait for the turn of its own. Two groups that
        are there already stay so: the other one's commit goes out first, then this one is told whole.
        """
        steps: list[Judged] = []
        others: list[Judged] = []
        for one in told:
            is_step = type(one[1]) is StepWrite and one[2].outcome is Outcome.DONE
            (steps if is_step else others).append(one)
        self._teller.tell(others)
        waiting = len(self._touched)
        if self._is_asked and waiting * 4 >= len(steps):
            self.flush()
        now = len(steps) if self._busy else max(0, len(steps) - waiting) // 2
        self._teller.tell(steps[:now])
        self._teller.tell_soon(steps[now:])

    def _not_done(self, what: str, error: Exception, source: Source | None = None) -> None:
        """A shortage passes: a source that could give nothing for want of memory is asked again. After an
        error of ours nobody knows what was not done, and callers would wait for that for ever."""
        log.error(what, exc_info=error)
        if shortage_of(error) is None:
            self.stopped = True
            self._on_fatal(error)
        elif source is not None:
            self._reactor.call_later(RETRY_SECONDS_MAX, self.touch, source)

    def _answered(
        self, then: Callable[[Any, BaseException | None], None], result: Any, error: BaseException | None
    ) -> None:
        self._busy = False
        error = error and _unavailable(error)
        if isinstance(error, StoreUnavailable):
            self._in_trouble(error)
        try:
            then(result, error)
        except Exception as failure:
            self._not_done("what follows from a look at the store failed", failure)
        self._schedule()

    # -- trouble --------------------------------------------------------------------------------------

    def _in_trouble(self, error: StoreUnavailable) -> None:
        """Say it once: whoever waits for a run wants to know that it waits for the disk, or for whom."""
        if self._trouble is None:
            self._trouble = self._env.monotonic()
            log.warning("runs wait for the store: %s", error.message)

    def _failed(
        self, sources: list[Source], writes: list[Write], error: BaseException, unknown: bool = False
    ) -> None:
        """The store is in trouble, the writes are not: hold everything and try these again.

        `unknown`: an earlier try may have been committed, and nobody has found out yet.
        """
        error = _unavailable(error)
        if not isinstance(error, StoreUnavailable):
            self.stopped = True
            self._on_fatal(
                error if isinstance(error, StoreFatal) else StoreFatal(f"commit failed: {error!r}")
            )
            return
        self._in_trouble(error)
        self._busy = True
        self.failures += 1
        pause = min(RETRY_SECONDS_MAX, 0.01 * 2 ** min(self.failures, 10))
        unknown = unknown or error.unknown
        self._reactor.call_later(self._env.uniform(pause / 2, pause), self._again, sources, writes, unknown)

    def _again(self, sources: list[Source], writes: list[Write], unknown: bool) -> None:
        if self.stopped:
            return
        if not unknown:
            self._send(sources, writes)
            return

        def look() -> Any:
            verdicts = read_back(self._store, self._engine, writes)
            return self._store.commit(self._engine, writes) if verdicts is None else verdicts

        # Even a clean failure of this look leaves the first question open.
        self._writer.do(look, lambda verdicts, error: self._sent(sources, writes, verdicts, error, True))


def _unavailable(error: BaseException) -> BaseException:
    """A call of the store that failed for want of memory, say, is tried again like one that found it busy."""
    lack = None if isinstance(error, StoreUnavailable) else shortage_of(error)
    if lack is None:
        return error
    unavailable = StoreUnavailable(lack.message, fix=lack.fix)
    unavailable.unknown = True
    unavailable.__cause__ = error
    return unavailable
