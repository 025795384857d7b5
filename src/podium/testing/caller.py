"""The process whose calls meet the weather, and its depot, whose disk has none of the other faults."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from ..depot import Depot, Kept, Sink
from ..store import Store
from .faults import Fault
from .monitor import Watched
from .stage import Stage

_OF_A_PROCESS = (Fault.KILL_BEFORE, Fault.KILL_AFTER, Fault.PAUSE_BEFORE, Fault.PAUSE_AFTER)


class Caller(Watched, Protocol):
    """The process whose handle it is."""

    def check_alive(self) -> None:
        """Raise Killed in what a dead process still does while it is unwound."""
        ...

    def kill(self) -> None:
        """Die here and now. Raises Killed."""
        ...

    def pause(self) -> None:
        """Stand still in the middle of a store call, while everybody else goes on."""
        ...

    def readable(self, descriptor: int) -> None:
        """Something has come for it."""
        ...


def begin_call(process: Caller, stage: Stage, fault: Fault | None) -> None:
    """A call meets its fault, if any, which may be that its process dies or stands still before it."""
    if fault is not None:
        stage.suffer(fault)
    if fault is Fault.KILL_BEFORE:
        process.kill()
    elif fault is Fault.PAUSE_BEFORE:
        process.pause()


def end_call(process: Caller, fault: Fault | None) -> None:
    """Or after it."""
    if fault is Fault.KILL_AFTER:
        process.kill()
    elif fault is Fault.PAUSE_AFTER:
        process.pause()


class FaultyDepot(Depot):
    """The depot of a process that may die, or stand still, before and after it has put a value there. The
    other faults of the weather are not a disk's."""

    def __init__(self, inner: Store, process: Caller, stage: Stage) -> None:
        self._inner, self._process, self._stage = inner, process, stage
        self._sound = {}

    @property
    def folder(self) -> Path:  # pyright: ignore[reportIncompatibleVariableOverride]  # only read
        return self._inner.depot.folder

    def put(self, write: Callable[[Sink], object]) -> Kept:
        process, stage = self._process, self._stage
        process.check_alive()
        fault = stage.next_fault("put")
        if fault not in _OF_A_PROCESS:
            fault = None
        begin_call(process, stage, fault)
        kept = super().put(write)
        end_call(process, fault)
        return kept
