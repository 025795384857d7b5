"""The children of one executor, and who of them does what. All of it belongs to the executor's thread."""

from __future__ import annotations

import logging
import selectors
from collections import deque
from collections.abc import Callable

from ..depot import Depot
from ..env import Env
from ..errors import TaskCrashed
from ..functions import Function
from ..options import cores
from .attempt import Attempt, Ended, Progress
from .children import Child
from .crashes import how_it_ended, lacked, outcome, with_last_words
from .emissions import InPool
from .encoded import failure_of, modules_of
from .kept import take_over
from .memory import resident
from .output import Said
from .slots import SlotLoad
from .wire import Began, Done, Emitted, Frame, Load, Logged, Noted, Ready, Started, Waits

log = logging.getLogger("podium")

IDLE_SECONDS = 60.0  # after which a child with nothing to do leaves
MEMORY_SECONDS = 0.1  # how often the memory of capped tasks is looked at
RESPAWN_SECONDS = 0.5  # between two starts when the last one failed; twice that after the next, and so on
RESPAWN_SECONDS_MAX = 30.0
FAILED_STARTS_MAX = 3  # in a row; then the tasks in line fail, unless a child lives that they can wait for


class Pool:
    """At most `slots` children at work, the attempts in line, and one child to spare."""

    def __init__(
        self,
        env: Env,
        selector: selectors.BaseSelector,
        ended: Callable[[Ended], None],
        said: Said,
        slots: int,
        store: str,
        depot: Depot,
        logged: Callable[[Attempt, logging.LogRecord], None],
        in_pool: InPool,
    ) -> None:
        self._in_pool = in_pool
        self._env, self._selector, self._ended, self._said = env, selector, ended, said
        self._slots = slots or cores()
        self._store, self._depot, self._logged = store, depot, logged
        self._children: list[Child] = []
        self._line: deque[Attempt] = deque()
        self._latest: Function | None = None  # its module is imported ahead
        self._begun = 0  # attempts
        self._failed_starts = 0
        self._lacks_processes = False  # the system gave none at the last try
        self._spawn_after = self._memory_due = 0.0
        self._closing = False

    @property
    def load(self) -> SlotLoad:
        """Any thread."""
        children = list(self._children)
        is_full = sum(child.has_slot for child in children) >= self._slots or self._lacks_processes
        started = any(child.started_run for child in children)
        return SlotLoad(self._slots, len(self._line) if is_full else 0, self._begun, started)

    @property
    def is_over(self) -> bool:
        """Whether it was closed and nothing is left."""
        return self._closing and not self._children

    def abandon(self) -> None:
        """It makes no sense any more: end the children at once."""
        for child in self._children:
            child.kill("abandoned")
        self._children.clear()

    def forget(self) -> None:
        """In a forked process: close the descriptors it has inherited."""
        for child in self._children:
            child.close()
        self._selector.close()

    def patience(self) -> float | None:
        """Seconds until there is something to do unasked; None: until somebody calls."""
        now = self._env.monotonic()
        dues = [child.next_due for child in self._children]
        dues += [child.idle_since + IDLE_SECONDS for child in self._children if child.is_free]
        if any(map(_cap, self._children)):
            dues.append(self._memory_due)
        if self._line and now < self._spawn_after:
            dues.append(self._spawn_after)
        if any(child.dead or child.link.has_more for child in self._children):
            return 0.0
        first = min((due for due in dues if due is not None), default=None)
        return None if first is None else max(0.0, first - now)

    # -- orders ---------------------------------------------------------------------------------------

    def take(self, attempt: Attempt) -> None:
        """Put it in line."""
        self._line.append(attempt)

    def cancel(self, attempt: Attempt) -> None:
        """Stop it if it runs; in line it is passed over."""
        for child in self._children:
            if child.attempt is attempt:
                child.stop("cancelled")

    def close(self) -> None:
        """End every child."""
        self._closing = True
        self._line.clear()
        for child in self._children:
            if child.attempt is not None:
                child.stop("cancelled")
            elif child.ready:
                child.retire()
            else:
                child.kill("retired")

    # -- looking after the children -------------------------------------------------------------------

    def tick(self) -> None:
        """Once after all that happened, and when it is time: bury the dead, stop the late, hand out work."""
        now = self._env.monotonic()
        for child in list(self._children):
            if child.dead:
                self._bury(child)
                continue
            if child.link.has_more:
                child.link.hear_more()
            child.tick(now)
            if child.due is not None and now >= child.due:
                if child.ready:
                    child.stop("timeout")
                else:
                    child.kill("timeout")
            elif child.is_free and now - child.idle_since >= IDLE_SECONDS:
                child.retire()
        if now >= self._memory_due:
            self._memory_due = now + MEMORY_SECONDS
            self._check_memory()
        if not self._closing:
            self._assign()
            self._spawn(now)

    def _check_memory(self) -> None:
        for child in self._children:
            cap = _cap(child)
            if cap and (resident(child.process.pid) or 0) > cap:
                child.kill("memory")

    def _assign(self) -> None:
        free = [child for child in self._children if child.is_free]
        room = self._slots - sum(child.has_slot for child in self._children)
        while self._line and free and room > 0:
            attempt = self._line.popleft()
            if attempt.cancelled:
                continue
            # The one used last: its memory is warm, and the others may become old enough to leave. A spare
            # one that has just begun to listen was not used at all.
            child = max(free, key=lambda child: (child.knows(attempt), child.tasks > 0, child.idle_since))
            free.remove(child)
            room -= 1
            self._begun += 1
            self._latest = attempt.function
            child.give(attempt)

    def _spawn(self, now: float) -> None:
        """As many children as there is work for, and one to spare once these have something to do."""
        # Those whose tasks wait for runs are not counted: they may be waiting for what others are to do.
        alive = [c for c in self._children if not c.stop_reason and (c.attempt is None or c.has_slot)]
        busy = sum(child.has_slot for child in alive)
        wanted = min(self._slots, busy + len(self._line))
        if busy and busy == len(alive):
            wanted = busy + 1
        missing = wanted - len(alive)
        if self._failed_starts:  # one on trial: it may have been bad luck, and is no storm if it was not
            missing = 0 if any(not child.ready for child in alive) else min(missing, 1)
        if now < self._spawn_after:
            return
        for _ in range(missing):
            try:
                child = Child(self._env, self._selector, self._store, self._depot, self._heard, self._said)
            except OSError as error:
                self._lack(str(error))
                return
            self._children.append(child)

    # -- what they say, and how they end --------------------------------------------------------------

    def _heard(self, child: Child, frame: Frame) -> None:
        match frame.message:
            case Ready():
                self._failed_starts = 0
                if self._lacks_processes:
                    self._lacks_processes = False
                    log.warning("tasks go on: a process for them has started")
                child.greet()
                if self._latest is not None:
                    child.link.send(Load(self._latest.name, modules_of(self._latest)))
            case Began():
                child.began()
            case Noted(done=done, total=total, text=text):
                attempt = child.attempt
                if attempt is not None and attempt.services.note is not None:
                    attempt.said = frame.payload or attempt.said
                    attempt.services.note(attempt, Progress(done, total, text))
            case Emitted(name=name, is_value=is_value):
                if child.emissions is not None:
                    child.emissions.heard(name, frame.payload, is_value, self._in_pool)
            case Waits(runs=runs, begins=begins):
                child.waits(runs, begins)
            case Started():
                child.started_run = True
            case Logged() as logged if child.attempt is not None:
                self._logged(child.attempt, _record(logged))
            case Done() as done if child.attempt is not None and not child.stop_reason:
                attempt = child.attempt
                take_over(attempt, done)
                error = failure_of(done, frame.payload)
                child.ended()
                if isinstance(error, MemoryError):
                    child.retire()
                self._answer(attempt, frame.payload, error, done.lost)
            case Done():
                child.kill(child.stop_reason)  # it came too late; so it has cleaned up, if it cares to
            case _:
                pass

    def _answer(
        self, attempt: Attempt, payload: bytes, error: BaseException | None, lost: bool = False
    ) -> None:
        if not attempt.cancelled:
            self._ended(Ended(attempt, payload, error, lost))

    def _bury(self, child: Child) -> None:
        self._children.remove(child)
        code = child.bury()
        if child.attempt is not None:
            self._answer(child.attempt, b"", outcome(child, child.attempt, code))
        elif not child.ready and not self._closing:
            self._did_not_start(code, child.link.last_words)

    def _lack(self, what: str) -> None:
        """No more processes, memory or descriptors: nobody's outcome. What is in line waits."""
        self._spawn_after = self._env.monotonic() + RESPAWN_SECONDS
        if not self._lacks_processes:
            self._lacks_processes = True
            log.warning("tasks wait in line: a process for them could not be started: %s", what)

    def _did_not_start(self, code: int, last_words: str) -> None:
        if lack := lacked(code, last_words):
            self._lack(lack)
            return
        self._failed_starts += 1
        pause = RESPAWN_SECONDS * 2.0 ** min(self._failed_starts - 1, 10)
        self._spawn_after = self._env.monotonic() + min(pause, RESPAWN_SECONDS_MAX)
        log.warning("a process for tasks did not start: %s\n%s", how_it_ended(code), last_words)
        lives = any(child.ready and not child.stop_reason for child in self._children)
        if lives or self._failed_starts < FAILED_STARTS_MAX:
            return
        while self._line:
            attempt = self._line.popleft()
            error = TaskCrashed(f"no process for {attempt.function.label} would start: {how_it_ended(code)}")
            self._answer(attempt, b"", with_last_words(error, last_words))


def _cap(child: Child) -> int | None:
    """The memory (bytes) to hold it to now."""
    return child.attempt.function.memory if child.attempt is not None and not child.stop_reason else None


def _record(logged: Logged) -> logging.LogRecord:
    """As if it had been logged here."""
    record = logging.LogRecord(
        logged.logger, logged.level, logged.path, logged.line, logged.text, (), None, logged.function
    )
    record.exc_text = logged.trace or None
    return record
