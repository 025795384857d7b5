"""Which runs callers in this process wait for, and how they are told how these came out."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from ..errors import EngineStopped
from ..model import Head, State
from .owned import OwnedRun


class End(msgspec.Struct, frozen=True):
    """How a watched run came out: a final state with its payload, or parked with its reason."""

    state: State
    payload: bytes


Watched = End | BaseException  # what a watcher is told
Watcher = Callable[[Watched], None]


class Watchers:
    """Every watcher is told once: an end, or EngineStopped. Engine thread only, but for `wanted`."""

    def __init__(self, owned: Mapping[str, OwnedRun]) -> None:
        self._owned = owned
        self._watched: dict[str, list[Watcher]] = {}
        self.elsewhere = 0  # watched runs that others drive, at the last look; read by any thread

    def add(self, run: str, watcher: Watcher | None = None) -> None:
        """Have the watcher told; without one the run only counts as wanted."""
        watchers = self._watched.setdefault(run, [])
        if watcher is not None:
            watchers.append(watcher)

    def not_owned(self) -> list[str]:
        """The watched runs that this engine does not have in memory, longest unlooked at first."""
        return [run for run in self._watched if run not in self._owned]

    def take_unowned(self, limit: int) -> list[str]:
        """The first of these, which then go to the end of the line."""
        chosen = self.not_owned()[:limit]
        self.elsewhere = len(chosen)
        for run in chosen:
            self._watched[run] = self._watched.pop(run)
        return chosen

    def wants(self, head: Head) -> bool:
        """Whether somebody in this process started the run or waits for it."""
        return head.ours or head.id in self._watched

    @property
    def wanted(self) -> list[str]:
        """The runs that somebody in this process waits for, then those that it only started. Any thread."""
        started = [run for run, owned in list(self._owned.items()) if owned.head.ours]
        return list(dict.fromkeys([*list(self._watched), *started]))

    def tell(self, run: str, end: Watched) -> None:
        """Tell all who watch the run."""
        for watcher in self._watched.pop(run, ()):
            watcher(end)

    def tell_all(self, error: EngineStopped) -> None:
        """The engine stops: it will tell nothing else."""
        for run in list(self._watched):
            self.tell(run, error)
