"""The engine at home in a real process: its thread, its asyncio loop, its heartbeat.

Callers live in other threads and only wait. They come in through `call`, which runs a function on the
engine's thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import threading
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from ..env import Env
from ..errors import EngineStopped, PodiumError, StoreError
from ..executors import (
    Attempt,
    Console,
    LoopExecutor,
    ProcessExecutor,
    ThreadExecutor,
    capture,
)
from ..functions import Function
from ..machine import end_idle_workers
from ..model import STDERR, STDOUT, EngineRow
from ..shortage import lacks_descriptors, shortage_of
from ..store import Store
from .clients import stopped_by
from .engine import Engine
from .engine_info import read_engine_info
from .events import AttemptLogged, AttemptPrinted, Observer
from .full_slots import FullSlotsDetector
from .hostlock import HostLocks, host_name
from .lane import ThreadLane
from .left_tasks import end_tasks, tell_failure
from .loop_stall import LoopStallDetector
from .options import Options, Others
from .ownership import BEATS, NoLocks, Ownership
from .process_watch import ProcessWatch

log = logging.getLogger("podium")

LOOK_SECONDS = 0.2  # how often the heartbeat thread looks at the others and at the turn under way
LISTEN_SECONDS = 0.1  # how soon a first wait for a run that is driven elsewhere is noticed
LOOP_DESCRIPTORS = 3  # files that an event loop opens
LISTEN_PAUSE = 0.002  # s for each run that is waited for elsewhere: a look at them must not be all we do


class EngineHost:
    """One engine in one thread. Starting raises what opening the store raises."""

    def __init__(
        self,
        store: Store,
        functions: Mapping[str, Function],
        env: Env,
        options: Options,
        locks_directory: Path | None = None,
        info: str = "",
        observers: list[Observer] | None = None,
        url: str = "",
        others: Others = "yield",
        project_of: Callable[[Function], str] = lambda _: "",
    ) -> None:
        self.env, self.store, self.options = env, store, options
        self._locks = HostLocks(locks_directory) if locks_directory else None
        self._row = EngineRow(env.new_id(), 0, host_name(), os.getpid(), env.now(), info)
        self._calls: deque[tuple[Callable[..., Any], tuple[Any, ...]]] = deque()
        self._woken = False
        self._info = info  # what the row says of this engine ...
        self._beat_due = 0.0
        self._news = False  # ... and whether to say it anew
        self._copying: threading.Thread | None = None
        self._lacks = False  # threads, memory or descriptors; said once
        self._closing = threading.Event()
        self._ended = threading.Event()
        with contextlib.ExitStack() as undo:  # what fails halfway leaves nothing behind
            self._announce()
            undo.callback(self._withdraw)
            if (lack := lacks_descriptors(LOOP_DESCRIPTORS)) is not None:
                raise lack  # Python's loop, made halfway, says more than an error
            self._loop = asyncio.new_event_loop()
            undo.callback(self._loop.close)
            self._loop.set_exception_handler(self._loop_failed)
            self._process_watch = ProcessWatch()
            undo.callback(self._process_watch.close)
            self._writer = ThreadLane(env, self._loop, "podium-writer")
            undo.callback(self._writer.close)
            self._reader = ThreadLane(env, self._loop, "podium-reader")
            undo.callback(self._reader.close)
            self._compose(functions, observers, others, url, project_of)
            if options.log_lines:
                capture.begin()
                undo.callback(capture.end)
            self._start(undo)
            undo.pop_all()

    def _compose(
        self,
        functions: Mapping[str, Function],
        observers: list[Observer] | None,
        others: Others,
        url: str,
        project_of: Callable[[Function], str],
    ) -> None:
        """Put engine and executors together; nothing runs yet."""
        env, options = self.env, self.options
        ownership = Ownership(self.store, self._row.id, env, self._locks or NoLocks(), options.lease)
        ownership.beat()
        ownership.observe()  # what the last process on this host left behind is free before we start
        self.engine = Engine(
            self._row.id, self.store, functions, env, self._loop, self._writer, self._reader, ownership,
            options, observers, others, project_of,
        )  # fmt: skip
        self.engine.committer.upkeep = self._process_watch.wake
        residents, executors = self.engine.residents, self.engine.dispatcher.executors
        self._tasks_here = LoopExecutor(
            self._loop, residents.ended_here, residents.ended_now, options.loop_slots
        )
        executors["loop"] = self._tasks_here
        self._threads = ThreadExecutor(
            env,
            self._loop,
            residents.ended,
            options.thread_slots,
            options.abandoned_max,
            self._warn_exhausted,
        )
        executors["threads"] = self._threads
        self._console = Console(env)
        executors["processes"] = self._processes = ProcessExecutor(
            env, residents.ended, self._said, self._logged, self._broken, options.process_slots, url
        )

    def _start(self, undo: contextlib.ExitStack) -> None:
        """Start the threads. Raises ResourceShortage."""
        self._thread = self.env.spawn(self._run, name="podium-engine")
        undo.callback(self._end_loop)
        self._heart = self.env.spawn(self._beat, name="podium-heartbeat")
        undo.callback(self._heart.join)
        undo.callback(self._process_watch.wake)
        undo.callback(self._closing.set)
        self.env.spawn(self._listen, name="podium-doorbell")

    def _end_loop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._ended.wait(5.0)

    def _withdraw(self) -> None:
        """Take back that it was announced."""
        with contextlib.suppress(StoreError):
            self.store.retire(self._row.id)
        if self._locks is not None:
            self._locks.free(leave_file=False)

    @property
    def id(self) -> str:
        """The engine's id: fresh per boot."""
        return self._row.id

    @property
    def is_exhausted(self) -> bool:
        """Whether so many threads are lost to tasks that cannot be stopped that this process should go."""
        return self._threads.abandoned >= self.options.abandoned_max

    def _announce(self) -> None:
        if self._locks is not None:
            self._locks.hold(self._row.id)
        try:
            self.store.announce(self._row)
        except BaseException as error:
            if self._locks is not None:
                may_have_row = isinstance(error, StoreError) and error.unknown
                self._locks.free(leave_file=may_have_row)
            raise

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.call_soon(self.engine.begin)
        try:
            self._loop.run_forever()
        finally:
            end_tasks(self._loop, self._tasks_here)
            self._loop.close()
            end_idle_workers()
            self.engine.lifecycle.end()
            self._serve_calls()  # what came too late is answered too; what comes now meets a closed loop
            self._ended.set()

    # -- what executors tell --------------------------------------------------------------------------

    def _said(self, attempt: Attempt | None, stream: str, line: str) -> None:
        """A line of a process's output: to its step, to whoever follows along, and to our own output."""
        if attempt is not None:
            capture.line(attempt, STDOUT if stream == "stdout" else STDERR, line)
            self.engine.events.publish(AttemptPrinted(attempt.run, attempt, stream, line))
        self._console.say(stream, line)

    def _logged(self, attempt: Attempt, record: logging.LogRecord) -> None:
        """A log record of a process: likewise, and to the loggers here."""
        capture.record(attempt, record)
        self.engine.events.publish(AttemptLogged(attempt.run, attempt, record))
        self._console.log(record)

    def _broken(self, error: BaseException) -> None:
        self._tell(self.engine.lifecycle.fail, error)

    def _warn_exhausted(self) -> None:
        log.warning(
            "%d threads are lost to tasks that overran their timeout or were cancelled, and cannot be "
            'stopped; give such tasks @task(isolation="process")',
            self._threads.abandoned,
        )

    # -- the heartbeat --------------------------------------------------------------------------------

    def _beat(self) -> None:
        """Renew, watch the others and the turn under way. A thread of its own: user code on the loop
        must not make this engine look dead, nor a dead loop look alive."""
        stall = LoopStallDetector(
            self._tasks_here, self.engine.turn_watch, self._thread.ident or 0, self._blocked
        )
        full = FullSlotsDetector(
            thread_slots=self._threads, loop_slots=self._tasks_here, process_slots=self._processes
        )
        while True:
            self._process_watch.wait(min(LOOK_SECONDS, self.options.lease / 4))
            if self._closing.is_set() or self.engine.failure is not None:
                return  # a failed engine lets its lease run out: it has dropped what it owns by its row
            try:
                self._look(stall, full)
            except Exception as error:
                self._require_shortage(error)

    def _look(self, stall: LoopStallDetector, full: FullSlotsDetector) -> None:
        engine, lease = self.engine, self.options.lease
        engine.turn_watch.check()
        if self.store.checkpoint_due() and (self._copying is None or not self._copying.is_alive()):
            # Beside this thread: a copy may take long (a reader held it back), and the lease runs.
            self._copying = self.env.spawn(self._checkpoint, name="podium-checkpoint")
        now = self.env.monotonic()
        if not stall.is_user_code(now - engine.ticked - self.options.poll) and now - engine.ticked > lease:
            return  # the engine's thread is stuck: then let the lease run out
        if full.changed(now):
            self.describe(msgspec.structs.replace(read_engine_info(self._info), full=full.full).written())
        if now >= self._beat_due or self._news:
            self._beat_due = now + lease / BEATS
            news, self._news = self._news, False
            if not engine.ownership.beat(self._info if news else None):
                self._tell(engine.condemned)
                return
        if engine.ownership.observe():
            self._tell(engine.claimer.soon)
        if self._locks is not None:
            here = self._row.host
            self._process_watch.watch(row for row in engine.ownership.others if row.host == here)

    def _require_shortage(self, error: BaseException) -> None:
        """What failed for want of threads or memory is tried again; anything else is raised."""
        lack = shortage_of(error)
        if lack is None:
            raise error
        if not self._lacks:
            log.warning("%s: %s", lack.message, lack.fix)
        self._lacks = True

    def _loop_failed(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """A callback failed halfway: what it did not come to is found by the next look at the store."""
        error = context.get("exception")
        if error is None or shortage_of(error) is None:
            tell_failure(loop, context)
            return
        self._require_shortage(error)
        self.engine.residents.must_reconcile = True

    def _listen(self) -> None:
        """Look for work when another process says that there is some, and for the ends of runs that this
        engine's callers wait for while others drive them."""
        while not self._closing.is_set() and self.engine.failure is None:
            elsewhere = self.engine.watchers.elsewhere
            try:
                rang = self.store.wait(LISTEN_SECONDS, changes=elsewhere > 0)
            except (StoreError, MemoryError, OSError):  # the poll goes on
                rang = self._closing.wait(LISTEN_SECONDS)
            if rang:
                self._tell(self.engine.claimer.soon)
                self._closing.wait(LISTEN_PAUSE * elsewhere)

    def _tell(self, function: Callable[..., Any], *args: Any) -> None:
        try:
            self.call(function, *args)
        except EngineStopped:  # nobody is left to be told
            pass

    def describe(self, info: str) -> None:
        """Say something else of this engine in its row, soon."""
        self._info, self._news = info, True

    def _blocked(self, by: str) -> None:
        self.describe(msgspec.structs.replace(read_engine_info(self._info), blocked=by).written())

    @property
    def is_condemned(self) -> bool:
        """Whether it was taken for dead and has stopped; this process may start another engine."""
        return self.engine.failure is not None and self.engine.ownership.condemned

    def _checkpoint(self) -> None:
        try:
            self.store.checkpoint()
        except StoreError as error:
            log.warning("checkpoint: %s", error)

    # -- from other threads ---------------------------------------------------------------------------

    def call(self, function: Callable[..., Any], *args: Any) -> None:
        """Run it on the engine's thread, soon. Raises EngineStopped when the engine is gone."""
        if self.engine.failure is not None:
            raise stopped_by(self.engine.failure)
        self._calls.append((function, args))
        if not self._woken:
            self._woken = True
            try:
                self._loop.call_soon_threadsafe(self._serve_calls)
            except RuntimeError:
                self._woken = False
                raise EngineStopped("the engine is closed") from None

    def _serve_calls(self) -> None:
        self._woken = False  # before looking, so that a call made meanwhile wakes again
        while self._calls:
            function, args = self._calls.popleft()
            try:
                function(*args)
            except Exception as error:  # ours: nobody who waits for an answer may wait for ever
                log.exception("a call from another thread failed")
                self.engine.lifecycle.fail(error)

    def listen(self) -> None:
        """Hear what tasks print although somebody, such as a test runner, has replaced the streams since."""
        if self.options.log_lines:
            capture.stand_in()

    def is_own_thread(self) -> bool:
        """Whether the caller runs on the engine's thread, where waiting for it would never end."""
        return threading.current_thread() is self._thread

    def close(self) -> None:
        """Clean shutdown: claim nothing more, let tasks end within the grace time, hand back the rest."""
        if self._closing.is_set():
            return
        done = threading.Event()
        try:
            self._loop.call_soon_threadsafe(self.engine.stop, done.set)
            done.wait(self.options.grace + 5.0)
        except RuntimeError:
            pass  # its loop has ended already
        self._closing.set()
        self._process_watch.wake()
        self._heart.join(timeout=5.0)
        if self._copying is not None:
            self._copying.join(timeout=5.0)
        has_row = not self._retire()
        self._end_loop()
        if not self._heart.is_alive():
            self._process_watch.close()  # not before the loop has ended, whose last commit may still call
        self._writer.close()
        self._reader.close()
        self._threads.close()
        if self.options.log_lines:
            capture.end()
        self._processes.close()
        self._console.close()
        if self._locks is not None:
            self._locks.free(leave_file=has_row)

    def forget(self) -> None:
        """In a forked child: let go of what was inherited without touching what the parent still uses."""
        self._processes.forget()
        if self._locks is not None:
            self._locks.forget()
        self._process_watch.close()

    def _retire(self) -> bool:
        """Say goodbye to the store; whether our row is gone."""
        if self.engine.failure is not None:
            return self.engine.ownership.condemned
        try:
            self.store.retire(self.id)
        except PodiumError as error:
            log.warning("saying goodbye to the store: %s", error)
            return False
        return True
