"""What happens to processes between their calls: crashes, freezes, clean stops, clocks, locks, outages."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from ..store.sqlite.connection import connect_memory
from ..store.sqlite.statements import transaction
from .faults import Trouble

if TYPE_CHECKING:
    from .node import Process
    from .world import World


class Chaos:
    """One trouble after the other, until the weather calms down."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._over = False
        self._lock = ExitStack()
        self.locked = False  # a stranger holds the store's write lock
        self._frozen: list[Process] = []

    def begin(self) -> None:
        """Arm the first trouble."""
        if self._world.weather.troubles:
            self._wait()

    def end(self) -> None:
        """Undo what can be undone."""
        self._over = True
        self._unlock()
        self._world.outage = False
        for process in list(self._frozen):
            self._thaw(process)

    def _wait(self) -> None:
        seconds = self._world.chance.uniform(0.0, 2.0) * self._world.weather.trouble_seconds
        self._world.scheduler.later(seconds, self._world.lane, self._strike)

    def _strike(self) -> None:
        if self._over:
            return
        chance, troubles = self._world.chance, self._world.weather.troubles
        (trouble,) = chance.choices(list(troubles), list(troubles.values()))
        running = self._world.running
        if trouble is Trouble.LOCK:
            self._take_lock(chance.uniform(0.01, 4.0))
        elif trouble is Trouble.OUTAGE:
            self._cut(chance.choice((0.5, 5.0, 2.5 * self._world.options.lease)))
        elif running:
            self._hit(trouble, running[chance.choice(sorted(running))])
        self._wait()

    def _hit(self, trouble: Trouble, process: Process) -> None:
        world, chance = self._world, self._world.chance
        world.suffer(trouble)
        if trouble is Trouble.CRASH:
            world.died(process)
        elif trouble is Trouble.STOP:
            process.stop()
        elif trouble is Trouble.JUMP:
            process.env.jump(chance.choice((-3600.0, 0.5, 30.0, 300.0)))
        else:
            process.freeze()
            self._frozen.append(process)
            seconds = chance.choice((0.2, 0.8, 1.2, 3.0)) * world.options.lease
            world.scheduler.later(seconds, world.lane, self._thaw, process)

    def _thaw(self, process: Process) -> None:
        if process in self._frozen:
            self._frozen.remove(process)
            process.thaw()

    def _take_lock(self, seconds: float) -> None:
        if not self.locked:
            self._world.suffer(Trouble.LOCK)
            connection = connect_memory(self._world.memory_name, patience=0)
            self._lock.callback(connection.close)
            self._lock.enter_context(transaction(connection))
            self.locked = True
            self._world.scheduler.later(seconds, self._world.lane, self._unlock)

    def _unlock(self) -> None:
        self.locked = False
        self._lock.close()

    def _cut(self, seconds: float) -> None:
        if not self._world.outage:
            self._world.suffer(Trouble.OUTAGE)
            self._world.outage = True
            self._world.scheduler.later(seconds, self._world.lane, self._mend)

    def _mend(self) -> None:
        self._world.outage = False
