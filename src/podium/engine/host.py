"""The engine at home in a real process: its threads and its asyncio loop, put together, started and closed.

Callers live in other threads and only wait. They come in through `call`, which runs a function on the
engine's thread. What each of the threads does stands in a file of its own; `docs/design.md` lists them.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..env import Env
from ..executors import ExecutorFactory
from ..functions import Function
from ..machine import end_idle_workers
from ..options import Options, Others
from ..process import drive, drive_loop, signals_heard
from ..shortage import lacks_descriptors, shortage_of
from ..store import Store
from .call_queue import CallQueue
from .checkpoints import Checkpoints
from .doorbell import Doorbell
from .engine import Engine
from .events import Observer
from .full_slots import FullSlotsDetector
from .heartbeat import Heartbeat, Watches
from .lane import ThreadLane
from .left_tasks import end_tasks, tell_failure
from .loop_stall import LoopStallDetector
from .ownership import Ownership
from .process_watch import ProcessWatch
from .registration import Registration
from .shortages import ShortageLog
from .task_executors import TaskExecutors
from .task_output import TaskOutput

LOOP_DESCRIPTORS = 3  # files that an event loop opens
JOIN_SECONDS = 5.0  # for each thread at the end


class EngineHost:
    """One engine in one thread. Starting raises what opening the store raises.

    `home`: the app that it is of, for what its tasks ask of Podium.
    """

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
        executors: Mapping[str, ExecutorFactory] | None = None,
        home: object = None,
    ) -> None:
        self.env, self.store, self.options = env, store, options
        self._registration = Registration(store, env, locks_directory, info)
        self._shortages = ShortageLog()
        self._checkpoints = Checkpoints(store, env)
        self._closing = threading.Event()
        self._ended = threading.Event()
        drive()
        with contextlib.ExitStack() as undo:  # what fails halfway leaves nothing behind
            self._registration.announce()
            undo.callback(self._registration.withdraw)
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
            self._compose(functions, observers, others, project_of)
            self._give_executors(url, executors or {}, home, undo)
            self._start(undo)
            undo.pop_all()

    def _compose(
        self,
        functions: Mapping[str, Function],
        observers: list[Observer] | None,
        others: Others,
        project_of: Callable[[Function], str],
    ) -> None:
        """Put the engine together; nothing runs yet."""
        ownership = Ownership(
            self.store, self.id, self.env, self._registration.proof_of_life, self.options.lease
        )
        ownership.beat()
        ownership.observe()  # what the last process on this host left behind is free before we start
        self.engine = Engine(
            self.id, self.store, functions, self.env, self._loop, self._writer, self._reader, ownership,
            self.options, observers, others, project_of,
        )  # fmt: skip
        self.engine.committer.upkeep = self._process_watch.wake
        self.engine.residents.interruption.hears(signals_heard)
        self._calls = CallQueue(self._loop, self.engine.lifecycle)

    def _give_executors(
        self, url: str, given: Mapping[str, ExecutorFactory], home: object, undo: contextlib.ExitStack
    ) -> None:
        self._output = TaskOutput(self.env, self.engine.events, is_kept=bool(self.options.log_lines))
        undo.callback(self._output.close)
        self._executors = TaskExecutors(
            self.env,
            self._loop,
            self.engine.residents,
            self.options,
            self._output,
            self._broken,
            url,
            self.store.depot,
        )
        undo.callback(self._executors.close)
        self._executors.add(given)
        self.engine.dispatcher.executors.update(self._executors.by_name)
        self.engine.dispatcher.share(self._executors.resources, home)

    def _start(self, undo: contextlib.ExitStack) -> None:
        """Start the threads. Raises ResourceShortage."""
        engine, executors = self.engine, self._executors
        self._thread = self.env.spawn(self._run, name="podium-engine")
        undo.callback(self._end_loop)
        stall = LoopStallDetector(
            executors.on_loop, engine.turn_watch, self._thread.ident or 0, self._blocked
        )
        full = FullSlotsDetector(
            thread_slots=executors.threads, loop_slots=executors.on_loop, process_slots=executors.processes
        )
        watches = Watches(self._process_watch, stall, full, self._checkpoints, self._shortages)
        heartbeat = Heartbeat(self.env, engine, self._registration, self._calls, watches, self._closing)
        self._heart = self.env.spawn(heartbeat.run, name="podium-heartbeat")
        undo.callback(self._heart.join)
        undo.callback(self._process_watch.wake)
        undo.callback(self._closing.set)
        doorbell = Doorbell(
            self.store, engine.lifecycle, engine.claimer, engine.watchers, self._calls, self._closing
        )
        self.env.spawn(doorbell.run, name="podium-doorbell")

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        drive_loop()
        self._loop.call_soon(self.engine.begin)
        try:
            self._loop.run_forever()
        finally:
            self._loop.run_until_complete(self._executors.resources.close_async())
            end_tasks(self._loop, self._executors.on_loop)
            self._loop.close()
            end_idle_workers()
            self.engine.lifecycle.end()
            self._calls.serve()  # what came too late is answered too; what comes now meets a closed loop
            self._ended.set()

    def _end_loop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._ended.wait(JOIN_SECONDS)

    # -- what its parts tell --------------------------------------------------------------------------

    def _loop_failed(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """A callback failed halfway: what it did not come to is found by the next look at the store."""
        error = context.get("exception")
        if error is None or shortage_of(error) is None:
            tell_failure(loop, context)
            return
        self._shortages.require(error)
        self.engine.residents.must_reconcile = True

    def _broken(self, error: BaseException) -> None:
        self._calls.tell(self.engine.lifecycle.fail, error)

    def _blocked(self, by: str) -> None:
        self._registration.change(blocked=by)

    # -- from other threads ---------------------------------------------------------------------------

    @property
    def id(self) -> str:
        """The engine's id: fresh per boot."""
        return self._registration.row.id

    @property
    def is_exhausted(self) -> bool:
        """Whether so many threads are lost to tasks that cannot be stopped that this process should go."""
        return self._executors.is_exhausted

    @property
    def is_condemned(self) -> bool:
        """Whether it was taken for dead and has stopped; this process may start another engine."""
        return self.engine.failure is not None and self.engine.ownership.condemned

    def is_own_thread(self) -> bool:
        """Whether the caller runs on the engine's thread, where waiting for it would never end."""
        return threading.current_thread() is self._thread

    def call(self, function: Callable[..., Any], *args: Any) -> None:
        """Run it on the engine's thread, soon. Raises EngineStopped when the engine is gone."""
        self._calls.call(function, *args)

    def describe(self, info: str) -> None:
        """Say something else of this engine in its row, soon."""
        self._registration.describe(info)

    def listen(self) -> None:
        """Hear what tasks print although somebody, such as a test runner, has replaced the streams since."""
        self._output.stand_in()

    # -- the end --------------------------------------------------------------------------------------

    def close(self) -> None:
        """Clean shutdown: claim nothing more, let tasks end within the grace time, hand back the rest."""
        if self._closing.is_set():
            return
        self._registration.change(state="draining")
        done = threading.Event()
        try:
            self._loop.call_soon_threadsafe(self.engine.stop, done.set)
            done.wait(self.options.grace + JOIN_SECONDS)
        except RuntimeError:
            pass  # its loop has ended already
        self._closing.set()
        self._process_watch.wake()
        self._heart.join(JOIN_SECONDS)
        self._checkpoints.join(JOIN_SECONDS)
        has_row = not self._retire()
        self._end_loop()
        if not self._heart.is_alive():
            self._process_watch.close()  # not before the loop has ended, whose last commit may still call
        self._writer.close()
        self._reader.close()
        self._executors.close()
        self._output.close()
        self._registration.free_lock(leave_file=has_row)

    def _retire(self) -> bool:
        """Say goodbye to the store; whether our row is gone."""
        if self.engine.failure is not None:
            return self.engine.ownership.condemned
        return self._registration.retire()

    def forget(self) -> None:
        """In a forked child: let go of what was inherited without touching what the parent still uses."""
        self._executors.forget()
        self._registration.forget()
        self._process_watch.close()
