"""Runs `def` tasks in threads.

Not concurrent.futures: a thread whose body overran its timeout cannot be stopped, so it is abandoned,
counted and replaced, which that pool has no notion of; and one wake-up of the engine carries many ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import os
import queue
import threading
from collections.abc import Callable
from enum import Enum

from ..env import Env
from ..errors import ResourceShortage, TaskTimeout
from .attempt import Attempt, Ended, failed, fresh_context
from .forks import end_if_forked
from .slots import LentSlots, SlotLoad

log = logging.getLogger("podium")

# How long a body that nobody waits for any more may still run before its thread counts as lost. Most return
# by themselves: the siblings of a failed item of a map are plain calls, and neither a reason to replace a
# worker with all that it runs nor to start as many threads again. Until then such a body keeps its slot.
ABANDON_SECONDS = 10.0
GROW_SECONDS = 0.5  # between two tries to start a thread where the system gives no more of them


class BodyState(Enum):
    """How far a body is, as its attempt's `handle`; None while it is in line."""

    RUNNING = "running"
    UNWANTED = "unwanted"  # it has overrun its timeout or was cancelled, and keeps its slot for now
    ABANDONED = "abandoned"  # it still runs, and a replacement serves in its thread's place
    ENDED = "ended"

    @property
    def has_thread(self) -> bool:
        """Whether its thread is one of those that are counted."""
        return self is BodyState.RUNNING or self is BodyState.UNWANTED


class ThreadExecutor:
    """At most `slots` bodies at once; the rest wait in line. Threads start when first needed."""

    def __init__(
        self,
        env: Env,
        loop: asyncio.AbstractEventLoop,
        ended: Callable[[Ended], None],
        slots: int,
        abandoned_max: int,
        exhausted: Callable[[], None],
    ) -> None:
        """`exhausted` is called once, when `abandoned_max` threads are abandoned; more are not replaced."""
        self._env, self._loop, self._ended, self._slots = env, loop, ended, slots
        self._abandoned_max, self._exhausted = abandoned_max, exhausted
        self._line: queue.SimpleQueue[Attempt | None] = queue.SimpleQueue()
        self._lock = threading.Lock()  # guards the counts, the dues and every attempt's `handle`
        self._threads = 0  # serving; abandoned ones are no longer among them
        self._begun = 0  # attempts that ever had a thread
        self.open = 0  # attempts in line or running
        self._lent = LentSlots()  # no cap: bodies that keep their slots would wait for each other for ever
        self._dues: dict[Attempt, float] = {}  # of running bodies: when they have run for too long
        # One alarm for all of them. A timer for each would keep it, arguments included, for as long as
        # the timeout of a body that has long returned, and wake the loop up once more.
        self._alarm: asyncio.TimerHandle | None = None  # loop thread only
        self._alarm_due = math.inf  # what it is set to, or about to be
        self._is_exhausted = False
        self._lacks_threads = False  # the system gave no more at the last try
        self.abandoned = 0  # bodies that were given up, whose threads still run

    def submit(self, attempt: Attempt) -> None:
        """Queue the attempt. Engine thread only."""
        attempt.slots = self
        with self._lock:
            self.open += 1
            short = self._is_short()
        self._line.put(attempt)
        if short:
            self._grow()

    def _is_short(self) -> bool:
        """Whether to start one more thread, which is then counted; the lock is held."""
        return not self._lacks_threads and self._count_one()

    def _count_one(self) -> bool:
        wanted = self.open > self._threads and self._threads < self._slots + len(self._lent)
        self._threads += wanted
        return wanted

    def _grow(self) -> None:
        """Start a thread that is counted already. If the system gives none, those that serve go on, and what
        is in line waits until it does."""
        lack = self._start_thread()
        if lack is None:
            return
        with self._lock:
            is_new, self._lacks_threads = not self._lacks_threads, True
        if is_new:
            log.warning("tasks wait in line: %s", lack.message)
            with contextlib.suppress(RuntimeError):  # the loop has closed
                self._loop.call_soon_threadsafe(self._grow_later)

    def _start_thread(self) -> ResourceShortage | None:
        try:
            self._env.spawn(self._serve, name=f"podium-task-{self._threads}")
        except ResourceShortage as lack:
            with self._lock:
                self._threads -= 1
            return lack
        return None

    def _grow_later(self) -> None:
        self._loop.call_later(GROW_SECONDS, self._grow_again)

    def _grow_again(self) -> None:
        with self._lock:
            counted = self._count_one()
        if counted and self._start_thread() is not None:
            self._grow_later()
            return
        self._lacks_threads = False
        if counted:
            log.warning("tasks go on: threads can be started again")
        while True:
            with self._lock:
                short = self._is_short()
            if not short:
                return
            self._grow()

    def lend(self, attempt: Attempt) -> None:
        """A body of ours begins to wait for runs."""
        with self._lock:
            lent = _has_thread(attempt) and self._lent.begin(attempt)
            short = lent and self._is_short()
        if short:
            self._grow()

    def started_run(self, attempt: Attempt) -> None:
        """A body of ours has started a run."""
        with self._lock:
            if _has_thread(attempt):
                self._lent.starters.add(attempt)

    @property
    def load(self) -> SlotLoad:
        """Any thread."""
        with self._lock:
            held = self.open - self._line.qsize() - len(self._lent)
            in_line = self._line.qsize() if held >= self._slots or self._lacks_threads else 0
            return SlotLoad(self._slots, in_line, self._begun, bool(self._lent.starters))

    def restore(self, attempt: Attempt) -> None:
        """It waits no more. Until a thread is done there may be more bodies than slots."""
        with self._lock:
            self._lent.end(attempt)

    def _serve(self) -> None:
        while (attempt := self._line.get()) is not None:
            with self._lock:
                if attempt.cancelled:
                    self.open -= 1
                    continue
                attempt.handle, attempt.has_begun = BodyState.RUNNING, True
                self._begun += 1
                if attempt.function.timeout is not None and not attempt.is_awaited:
                    # The clock of a timeout starts when the body does, not when it was put in line.
                    self._watch(attempt, attempt.function.timeout)
            ended = fresh_context(attempt).run(_run, attempt)
            with self._lock:
                self._dues.pop(attempt, None)
                self._lent.drop(attempt)
                was, attempt.handle = attempt.handle, BodyState.ENDED
                if was is BodyState.ABANDONED:
                    self.abandoned -= 1
                    return  # a replacement serves in this thread's place
                self.open -= 1
                surplus = self._threads > self._slots + len(self._lent)  # a slot that was lent is back
                self._threads -= surplus
            if was is BodyState.RUNNING:
                self._ended(ended)
            del attempt, ended  # an idle thread keeps nothing of the body before
            if surplus:
                return

    def _watch(self, attempt: Attempt, seconds: float) -> None:
        """Look at the attempt in so many seconds, if it still runs then. Any thread that holds the lock."""
        self._dues[attempt] = due = self._env.monotonic() + seconds
        if due < self._alarm_due:  # else it rings before, and is set anew then
            self._alarm_due = due
            with contextlib.suppress(RuntimeError):  # the loop has closed: nobody waits any more
                self._loop.call_soon_threadsafe(self._set_alarm)

    def _set_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if self._alarm_due < math.inf:
            self._alarm = self._loop.call_later(self._alarm_due - self._env.monotonic(), self._ring)

    def _ring(self) -> None:
        now = self._env.monotonic()
        overran: list[Attempt] = []
        lost = 0
        with self._lock:
            for attempt in [attempt for attempt, due in self._dues.items() if due <= now]:
                if self._disown(attempt):
                    overran.append(attempt)
                else:
                    lost += self._abandon(attempt)
            exhausted = bool(lost) and not self._is_exhausted and self.abandoned >= self._abandoned_max
            self._is_exhausted |= exhausted
            self._alarm_due = min(self._dues.values(), default=math.inf)
        self._set_alarm()
        for attempt in overran:
            self._ended(Ended(attempt, b"", _overrun(attempt)))
        for _ in range(lost):
            self._grow()
        if exhausted:
            self._exhausted()

    def _disown(self, attempt: Attempt) -> bool:
        """Nobody waits for it from now on. Whether it ran and somebody did until now; the lock is held."""
        if attempt.handle is not BodyState.RUNNING:
            return False
        attempt.handle = BodyState.UNWANTED
        self._watch(attempt, ABANDON_SECONDS)
        return True

    def _abandon(self, attempt: Attempt) -> bool:
        """Give up on an unwanted body that still runs. Whether to replace its thread; the lock is held."""
        if self.abandoned >= self._abandoned_max:  # else threads would add up without end
            self._watch(attempt, ABANDON_SECONDS)  # perhaps another one has returned by then
            return False
        del self._dues[attempt]
        self._lent.drop(attempt)
        attempt.handle = BodyState.ABANDONED
        self.abandoned += 1
        self.open -= 1
        return True

    def cancel(self, attempt: Attempt) -> None:
        """Drop the outcome. A body that already runs cannot be stopped: it returns soon, or is abandoned."""
        with self._lock:
            attempt.cancelled = True
            self._disown(attempt)

    def close(self) -> None:
        """Let idle threads end."""
        for _ in range(self._threads):
            self._line.put(None)


def _has_thread(attempt: Attempt) -> bool:
    return attempt.handle is not None and attempt.handle.has_thread


def _run(attempt: Attempt) -> Ended:
    process = os.getpid()
    try:
        ended = Ended(attempt, attempt.encode(attempt.call()))
    except BaseException as error:  # SystemExit too: it is the task's failure, not the thread's
        ended = failed(attempt, error)
    end_if_forked(process, ended.error)
    return ended


def _overrun(attempt: Attempt) -> TaskTimeout:
    return TaskTimeout(
        f"{attempt.function.label} took longer than its timeout of {attempt.function.timeout:g} s",
        fix="its thread cannot be stopped and runs on; make the body check a deadline of its own",
    )
