"""A simulated process: one engine, its threads as lanes, its clocks, its own handle on the store.

A process that dies does so without a word: its lanes are closed, its handle is dead, nothing that was
under way goes on. Its machines are discarded afterwards, only so that nothing is left to the collector.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..engine import Engine
from ..engine.ownership import BEATS, NoLocks, Ownership
from ..errors import StoreError
from ..model import EngineRow, Write
from .executor import VirtualExecutor
from .scheduler import Killed, Lane
from .store import FaultyStore
from .virtual import VirtualEnv, VirtualLane, VirtualReactor

if TYPE_CHECKING:
    from .world import World

BEAT_SECONDS = 0.5  # as EngineHost's heartbeat thread looks around


class Process:
    """One boot: a fresh engine id, a fresh memory. `slot` is the place in the world that it fills."""

    def __init__(self, world: World, slot: int, number: int) -> None:
        self.world, self.slot = world, slot
        self.name = f"p{slot}.{number}"
        self.alive = True
        self.was_away = False  # frozen or paused at least once: it may be a zombie
        self.stopping = False
        chance, scheduler = world.chance, world.scheduler
        lanes = ("loop", "writer", "reader", "heart", "threads")
        self._main, self._writing, self._reading, self._heart, self._threads = (
            Lane(f"{self.name}/{lane}") for lane in lanes
        )
        skew = chance.uniform(-1.0, 1.0) * world.weather.skew_seconds
        self.env = VirtualEnv(scheduler, chance, skew)
        self.reactor = VirtualReactor(scheduler, self._main)
        self.store = FaultyStore(world.open_store(), self)
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
        world = self.world
        id, options = self.env.new_id(), world.options
        try:
            self.store.announce(EngineRow(id, 0, "host", 1, self.env.now()))
        except StoreError:
            world.died(self)  # opening the store failed: the script ends, and is started again
            return
        ownership = Ownership(self.store, id, self.env, NoLocks(), options.lease)
        ownership.beat()
        ownership.observe()
        writer, reader = (
            VirtualLane(world.scheduler, world.chance, lane, self.reactor)
            for lane in (self._writing, self._reading)
        )
        self.engine = engine = Engine(
            id, self.store, world.functions, self.env, self.reactor, writer, reader, ownership, options
        )
        residents, executors = engine.residents, engine.dispatcher.executors
        executors["loop"] = VirtualExecutor(self, self._main, world.chance, residents.ended_here)
        executors["threads"] = VirtualExecutor(self, self._threads, world.chance, residents.ended)
        engine.begin()
        self._beat_due = self.env.monotonic() + options.lease / BEATS
        world.scheduler.later(BEAT_SECONDS, self._heart, self._beat)

    def _beat(self) -> None:
        """What `EngineHost` does in its heartbeat thread, but for its looks between renewals."""
        engine, lease, now = self.engine, self.world.options.lease, self.env.monotonic()
        assert engine is not None
        if engine.failure is not None:
            self.world.died(self)
            return
        if now >= self._beat_due and now - engine.ticked <= lease:
            self._beat_due = now + lease / BEATS
            if not engine.ownership.beat():
                self.reactor.call_soon(engine.condemned)
            elif engine.ownership.observe():
                self.reactor.call_soon(engine.claimer.soon)
        self.world.scheduler.later(BEAT_SECONDS, self._heart, self._beat)

    def check_alive(self) -> None:
        """Raise Killed in what a dead process still does while it is unwound."""
        if not self.alive:
            raise Killed

    def kill(self) -> None:
        """Die here and now, in the middle of what is being done. Raises Killed."""
        self.world.died(self)
        raise Killed

    def end(self) -> None:
        """Be dead: no lane moves, no call arrives."""
        self.alive = False
        for lane in self.lanes:
            self.world.scheduler.close(lane)

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
        world = self.world
        if world.depth >= 2:  # each pause is a call inside a call of Python's
            return
        seconds = world.chance.choice((0.5, 1.5, 3.0)) * world.options.lease
        self.freeze()
        world.depth += 1
        try:
            world.scheduler.run(world.scheduler.time + seconds)
        finally:
            world.depth -= 1
            self.thaw()
        self.check_alive()

    def freeze(self) -> None:
        """SIGSTOP."""
        self.was_away = True
        for lane in self.lanes:
            self.world.scheduler.freeze(lane)

    def thaw(self) -> None:
        """SIGCONT."""
        for lane in self.lanes:
            self.world.scheduler.thaw(lane)

    # -- a clean end ----------------------------------------------------------------------------------

    def stop(self) -> None:
        """SIGTERM: as `EngineHost.close` does it."""
        if self.engine is not None and not self.stopping:
            self.stopping = True
            self.reactor.call_soon(self.engine.stop, self._stopped)
            patience = self.world.options.grace + 5.0
            self.world.scheduler.later(patience, self._main, self._stopped)

    def _stopped(self) -> None:
        engine = self.engine
        assert engine is not None
        if engine.failure is None:
            try:
                if self.store.retire(engine.id):
                    self.world.mark("handed back by retiring")  # what did not get so far in the grace time
            except StoreError:
                pass  # its runs are found when its heartbeat stays away
        self.world.died(self)

    # -- what clients in this process ask for ---------------------------------------------------------

    def ask(self, act: Callable[[Engine], Any]) -> None:
        """Let a caller's thread ask the engine for something; one that has failed does not answer."""

        def on_main() -> None:
            if self.engine is None:
                self.world.scheduler.later(0.1, self._main, on_main)  # it is being opened
            elif self.engine.failure is None:
                act(self.engine)

        self.reactor.call_soon(on_main)

    def refused(self, write: Write) -> None:
        """A fence kept this process from writing."""
        self.world.mark("fence refused a write")
        if self.was_away:
            self.world.mark("zombie write refused")
        self.world.scheduler.note("refused", write.fence)
