"""What happens to processes between their calls: crashes, freezes, clean stops, clocks, locks, outages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack

from ..store.sqlite.connection import connect_memory
from ..store.sqlite.statements import transaction
from .faults import Trouble
from .node import Process
from .stage import Stage


class Chaos:
    """One trouble after the other, until the weather calms down."""

    def __init__(self, stage: Stage, running: Mapping[int, Process], died: Callable[[Process], None]) -> None:
        """`running`: by slot; `died` is called for one that crashes."""
        self._stage, self._running, self._died = stage, running, died
        self._over = False
        self._lock = ExitStack()
        self.locked = False  # a stranger holds the store's write lock
        self._frozen: list[Process] = []

    def begin(self) -> None:
        """Arm the first trouble."""
        if self._stage.weather.troubles:
            self._wait()

    def end(self) -> None:
        """Undo what can be undone."""
        self._over = True
        self._unlock()
        self._stage.outage = False
        for process in list(self._frozen):
            self._thaw(process)

    def _wait(self) -> None:
        seconds = self._stage.chance.uniform(0.0, 2.0) * self._stage.weather.trouble_seconds
        self._stage.scheduler.later(seconds, self._stage.lane, self._strike)

    def _strike(self) -> None:
        if self._over:
            return
        chance, troubles = self._stage.chance, self._stage.weather.troubles
        (trouble,) = chance.choices(list(troubles), list(troubles.values()))
        running = self._running
        if trouble is Trouble.LOCK:
            self._take_lock(chance.uniform(0.01, 4.0))
        elif trouble is Trouble.OUTAGE:
            self._cut(chance.choice((0.5, 5.0, 2.5 * self._stage.options.lease)))
        elif running:
            self._hit(trouble, running[chance.choice(sorted(running))])
        self._wait()

    def _hit(self, trouble: Trouble, process: Process) -> None:
        stage, chance = self._stage, self._stage.chance
        stage.suffer(trouble)
        if trouble is Trouble.CRASH:
            self._died(process)
        elif trouble is Trouble.STOP:
            process.stop()
        elif trouble is Trouble.JUMP:
            process.env.jump(chance.choice((-3600.0, 0.5, 30.0, 300.0)))
        else:
            process.freeze()
            self._frozen.append(process)
            seconds = chance.choice((0.2, 0.8, 1.2, 3.0)) * stage.options.lease
            stage.scheduler.later(seconds, stage.lane, self._thaw, process)

    def _thaw(self, process: Process) -> None:
        if process in self._frozen:
            self._frozen.remove(process)
            process.thaw()

    def _take_lock(self, seconds: float) -> None:
        if not self.locked:
            self._stage.suffer(Trouble.LOCK)
            connection = connect_memory(self._stage.memory_name, patience=0)
            self._lock.callback(connection.close)
            self._lock.enter_context(transaction(connection))
            self.locked = True
            self._stage.scheduler.later(seconds, self._stage.lane, self._unlock)

    def _unlock(self) -> None:
        self.locked = False
        self._lock.close()

    def _cut(self, seconds: float) -> None:
        if not self._stage.outage:
            self._stage.suffer(Trouble.OUTAGE)
            self._stage.outage = True
            self._stage.scheduler.later(seconds, self._stage.lane, self._mend)

    def _mend(self) -> None:
        self._stage.outage = False
