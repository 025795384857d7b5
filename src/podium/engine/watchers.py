"""Which runs callers in this process wait for, and how they are told how these came out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec

from ..errors import EngineStopped, RunNotFound
from ..model import Head, RunStatus, State
from .owned import OwnedRun


class End(msgspec.Struct, frozen=True, gc=False):
    """How a watched run came out: a final state with its payload, or parked with its reason."""

    state: State
    payload: bytes


Watched = End | BaseException  # what a watcher is told
Watcher = Callable[[Watched], None]


def gone(run: str) -> RunNotFound:
    """What is told of a run that is not there any more, or whose id another run has by now."""
    return RunNotFound(
        f"run {run!r} is not in the store any more: it was deleted, with its outcome",
        fix="podium runs  lists those that are there",
    )


def seen(run: str, row: RunStatus | None, created: float | None) -> End | RunNotFound | None:
    """What a look at the store tells who waits for the run that was created then; None: nothing yet.

    A run that was deleted leaves its id to others, so the id alone does not tell which run is meant.
    """
    if row is None or created not in (None, row.created):
        return gone(run)
    return End(row.state, row.payload) if row.state.is_settled else None


class _Watch:
    """One who watches a run."""

    __slots__ = ("created", "tell")

    def __init__(self, tell: Watcher, created: float | None) -> None:
        # Of the run that is meant; None: of the one that is there at the first look.
        self.tell, self.created = tell, created


# Nearly all runs that are watched are by one alone, who needs no list. None: the run is only wanted.
_Watching = _Watch | list[_Watch] | None


def _all(watching: _Watching) -> Sequence[_Watch]:
    """Those who watch one run, in the order in which they came."""
    if isinstance(watching, _Watch):
        return (watching,)
    return watching or ()


class Watchers:
    """Every watcher is told once: an end, RunNotFound, or EngineStopped. Engine thread only, but `wanted`."""

    def __init__(self, owned: Mapping[str, OwnedRun]) -> None:
        self._owned = owned
        self._watched: dict[str, _Watching] = {}
        self.elsewhere = 0  # watched runs that others drive, at the last look; read by any thread

    def add(self, run: str, watcher: Watcher | None = None, created: float | None = None) -> bool:
        """Have the watcher told; without one the run only counts as wanted. `created`: see `seen`. Whether
        the run was not watched so far."""
        watch = None if watcher is None else _Watch(watcher, created)
        if run not in self._watched:
            self._watched[run] = watch
            return True
        if watch is not None:
            others = self._watched[run]
            if isinstance(others, list):
                others.append(watch)
            else:
                self._watched[run] = watch if others is None else [others, watch]
        return False

    def has(self, run: str) -> bool:
        """Whether somebody in this process asked for the run."""
        return run in self._watched

    def remove(self, run: str, watcher: Watcher) -> None:
        """Have the watcher told nothing more; the run stays wanted."""
        if run in self._watched:
            self._watched[run] = [one for one in _all(self._watched[run]) if one.tell is not watcher] or None

    def forget(self, run: str) -> None:
        """Those who watched the run do no more, and are told nothing."""
        self._watched.pop(run, None)

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
    def watched(self) -> list[str]:
        """The runs that somebody in this process waits for. Any thread."""
        return [run for run, watch in list(self._watched.items()) if watch is not None]

    @property
    def wanted(self) -> list[str]:
        """The runs that somebody in this process waits for, then those that it only started. Any thread."""
        started = [run for run, owned in list(self._owned.items()) if owned.head.ours]
        return list(dict.fromkeys([*list(self._watched), *started]))

    def ended(self, head: Head, end: End) -> None:
        """Tell all who watch a run that has ended here."""
        for watch in _all(self._watched.pop(head.id, None)):
            is_meant = watch.created is None or watch.created == head.created
            watch.tell(end if is_meant else gone(head.id))

    def looked(self, run: str, row: RunStatus | None) -> None:
        """Tell those who watch a run what the store says of it, if it is the end of it."""
        if run not in self._watched:
            return
        told: list[tuple[_Watch, Watched]] = []
        left: list[_Watch] = []
        for watch in _all(self._watched[run]):
            came = seen(run, row, watch.created)
            if came is not None:
                told.append((watch, came))
            else:
                left.append(watch)
                if row is not None:
                    watch.created = row.created
        if row is None or row.state.is_settled or (told and not left):
            del self._watched[run]
        else:
            self._watched[run] = left or None
        for watch, came in told:
            watch.tell(came)

    def tell_all(self, error: EngineStopped) -> None:
        """The engine stops: it will tell nothing else."""
        watched, self._watched = self._watched, {}
        for watching in watched.values():
            for watch in _all(watching):
                watch.tell(error)
