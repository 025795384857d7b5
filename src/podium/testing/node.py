"""A simulated process: one engine, its threads as lanes, its clocks, its own handle on the store.

A process that dies does so without a word: its lanes are closed, its handle is dead, nothing that was
under way goes on. Its machines are discarded afterwards, only so that nothing is left to the collector.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from ..engine import Engine
from ..engine.ownership import BEATS, NoLocks, Ownership
from ..errors import InternalError, PodiumError, StoreError
from ..executors import Attempt, Ended
from ..model import Beat, EngineRow, Write
from .executor import Invocation, VirtualExecutor, run_at_once
from .monitor import Monitor
from .scheduler import Killed, Lane
from .stage import Stage
from .store import FaultyStore
from .task_loop import run_body
from .virtual import VirtualEnv, VirtualLane, VirtualReactor

BEAT_SECONDS = 0.5  # as EngineHost's heartbeat thread looks around


class OneHost:
    """The locks of processes that share a host: of the dead they are free at once. A user's world has them,
    so that a run is taken over in seconds, whatever the lease; the others try what a lease is for."""

    def __init__(self, dead: set[str]) -> None:
        self._dead = dead

    def is_free(self, engine: Beat | EngineRow) -> bool:
        """Whether its process is gone."""
        return engine.id in self._dead

    def remove(self, engine: Beat | EngineRow) -> None:
        """Its row is gone."""


class Process:
    """One boot: a fresh engine id, a fresh memory. `slot` is the place in the world that it fills."""

    def __init__(
        self,
        stage: Stage,
        monitor: Monitor,
        slot: int,
        number: int,
        died: Callable[[Process], None],
        invoked: Callable[[Process, Attempt], Invocation],
    ) -> None:
        """`died` is called when it is gone, however; `invoked` for each body that begins."""
        self._stage, self._monitor, self.slot = stage, monitor, slot
        self._died, self._invoked = died, invoked
        self.name = f"p{slot}.{number}"
        self.alive = True
        self.was_away = False  # frozen or paused at least once: it may be a zombie
        self.back_at = 0.0  # when it last went on after that
        self.stopping = False
        chance, scheduler = stage.chance, stage.scheduler
        lanes = ("loop", "writer", "reader", "heart", "threads")
        self._main, self._writing, self._reading, self._heart, self._threads = (
            Lane(f"{self.name}/{lane}") for lane in lanes
        )
        skew = chance.uniform(-1.0, 1.0) * stage.weather.skew_seconds
        self.env = VirtualEnv(scheduler, chance, skew)
        self.reactor = VirtualReactor(scheduler, self._main)
        self.store = FaultyStore(stage.open_store(), self, stage, monitor)
        self.engine: Engine | None = None
        self._beat_due = 0.0

    @property
    def lanes(self) -> tuple[Lane, ...]:
        return self._main, self._writing, self._reading, self._heart, self._threads

    # -- life -----------------------------------------------------------------------------------------

    def boot(self) -> None:
        """Begin: on the main lane, because every store call may kill."""
        self.reactor.call_soon(self._boot)

    def _boot(self) -> None:
        stage = self._stage
        id, options = self.env.new_id(), stage.options
        try:
            self.store.announce(EngineRow(id, 0, "host", 1, self.env.now()))
        except StoreError:
            self._died(self)  # opening the store failed: the script ends, and is started again
            return
        locks = OneHost(stage.dead) if stage.is_users else NoLocks()
        ownership = Ownership(self.store, id, self.env, locks, options.lease)
        ownership.beat()
        ownership.observe()
        writer, reader = (
            VirtualLane(stage.scheduler, stage.chance, lane, self.reactor)
            for lane in (self._writing, self._reading)
        )
        self.engine = engine = Engine(
            id, self.store, stage.functions, self.env, self.reactor, writer, reader, ownership, options
        )
        if stage.is_far:
            engine.committer.halved_writes = 2  # few runs are here at a time
        residents, executors = engine.residents, engine.dispatcher.executors
        executors["loop"] = self._executor(self._main, residents.ended_here)
        executors["threads"] = self._executor(self._threads, residents.ended)
        executors["processes"] = executors["threads"]
        engine.begin()
        self._beat_due = self.env.monotonic() + options.lease / BEATS
        self._look_seconds = options.lease / BEATS if stage.is_users else BEAT_SECONDS
        stage.scheduler.later(self._look_seconds, self._heart, self._beat)

    def _executor(self, lane: Lane, ended: Callable[[Ended], None]) -> VirtualExecutor:
        stage = self._stage
        finish = run_body if stage.is_users else run_at_once
        invoked = partial(self._invoked, self)

        def told(how: Ended) -> None:
            self._monitor.ended(how)
            ended(how)

        return VirtualExecutor(stage.scheduler, stage.chance, lane, invoked, told, finish)

    def _beat(self) -> None:
        """What `EngineHost` does in its heartbeat thread, but for its looks between renewals."""
        engine, lease, now = self.engine, self._stage.options.lease, self.env.monotonic()
        assert engine is not None
        if (failure := engine.failure) is not None:
            # An error of ours ends an engine as a damaged store does; restarts would hide it.
            is_ours = isinstance(failure, InternalError) or not isinstance(failure, PodiumError)
            self._monitor.check(
                "P7 nothing fails where nobody looks", not is_ours, f"{failure!r} ended an engine"
            )
            self._died(self)
            return
        if now >= self._beat_due and now - engine.ticked <= lease:
            self._beat_due = now + lease / BEATS
            if not engine.ownership.beat():
                self.reactor.call_soon(engine.condemned)
            elif engine.ownership.observe():
                self.reactor.call_soon(engine.claimer.soon)
        self._stage.scheduler.later(self._look_seconds, self._heart, self._beat)

    def check_alive(self) -> None:
        """Raise Killed in what a dead process still does while it is unwound."""
        if not self.alive:
            raise Killed

    def readable(self, descriptor: int) -> None:
        """Something has come for it."""
        self.reactor.readable(descriptor)

    def kill(self) -> None:
        """Die here and now, in the middle of what is being done. Raises Killed."""
        self._died(self)
        raise Killed

    def end(self) -> None:
        """Be dead: no lane moves, no call arrives."""
        self.alive = False
        if self.engine is not None:
            self._stage.dead.add(self.engine.id)
        for lane in self.lanes:
            self._stage.scheduler.close(lane)

    def bury(self) -> None:
        """Close what a dead process left in our memory, which a real death would have done."""
        if self.engine is not None:
            for owned in list(self.engine.owned.values()):
                owned.machine.discard()
            self.engine.owned.clear()
        self.store.close()

    @property
    def works(self) -> bool:
        """Whether its engine goes on for good."""
        failed = self.engine is not None and self.engine.failure is not None
        return self.alive and not self.stopping and not failed

    # -- standing still -------------------------------------------------------------------------------

    def pause(self) -> None:
        """Stand still in the middle of a store call, while everybody else goes on."""
        stage = self._stage
        if stage.depth >= 2:  # each pause is a call inside a call of Python's
            return
        seconds = stage.chance.choice((0.5, 1.5, 3.0)) * stage.options.lease
        self.freeze()
        stage.depth += 1
        try:
            stage.scheduler.run(stage.scheduler.time + seconds)
        finally:
            stage.depth -= 1
            self.thaw()
        self.check_alive()

    def freeze(self) -> None:
        """SIGSTOP."""
        self.was_away = True
        for lane in self.lanes:
            self._stage.scheduler.freeze(lane)

    def thaw(self) -> None:
        """SIGCONT."""
        self.back_at = self._stage.scheduler.time
        for lane in self.lanes:
            self._stage.scheduler.thaw(lane)

    # -- a clean end ----------------------------------------------------------------------------------

    def stop(self) -> None:
        """SIGTERM: as `EngineHost.close` does it."""
        if self.engine is not None and not self.stopping:
            self.stopping = True
            self.reactor.call_soon(self.engine.stop, self._stopped)
            patience = self._stage.options.grace + 5.0
            self._stage.scheduler.later(patience, self._main, self._stopped)

    def _stopped(self) -> None:
        engine = self.engine
        assert engine is not None
        if engine.failure is None:
            try:
                if self.store.retire(engine.id):
                    self._stage.mark("handed back by retiring")  # what did not get so far in the grace time
            except StoreError:
                pass  # its runs are found when its heartbeat stays away
        self._died(self)

    # -- what clients in this process ask for ---------------------------------------------------------

    def ask(self, act: Callable[[Engine], Any]) -> None:
        """Let a caller's thread ask the engine for something; one that has failed does not answer."""

        def on_main() -> None:
            if self.engine is None:
                self._stage.scheduler.later(0.1, self._main, on_main)  # it is being opened
            elif self.engine.failure is None:
                act(self.engine)

        self.reactor.call_soon(on_main)

    def refused(self, write: Write) -> None:
        """A fence kept this process from writing."""
        self._stage.mark("fence refused a write")
        if self.was_away:
            self._stage.mark("zombie write refused")
        self._stage.scheduler.note("refused", write.fence)
