"""Who owns a run, whether that process lives, and what to do where it does not."""

from __future__ import annotations

from pathlib import Path

from ..model import EngineRow, RunRow, State
from ..opening import HostLocks, is_alive
from ..store import Store


def is_left(store: Store, locks: Path | None, row: RunRow) -> bool:
    """Whether a run is held by a process that is certainly dead."""
    return row.state is State.RUNNING and _is_dead(locks, owner_of(store, row))


def free(store: Store, locks: Path | None, row: RunRow, at: float) -> bool:
    """Take a run from an owner that is certainly dead, as the next engine that looks would; whether it was.

    Token + 1: whatever may be left of that owner is refused. What else it held is free as well.
    """
    owner = owner_of(store, row)
    if row.state is not State.RUNNING or not _is_dead(locks, owner):
        return False
    store.release({owner.id: owner.beat} if owner is not None else {}, at)
    if owner is not None and locks is not None:
        HostLocks(locks).remove(owner)
    return True


def owner_of(store: Store, row: RunRow) -> EngineRow | None:
    """The engine that has a run, dead or alive; None where it has no row, or nobody has the run."""
    return next((engine for engine in store.engines() if engine.id == row.owner), None)


def _is_dead(locks: Path | None, owner: EngineRow | None) -> bool:
    """An engine that was condemned, or has said goodbye, has no row any more."""
    return owner is None or is_alive(locks, owner) is False
