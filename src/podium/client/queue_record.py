"""What a program declares of its queues, on record; and which queues its engine serves."""

from __future__ import annotations

from msgspec.structs import replace

from ..engine import Options
from ..errors import StoreError
from ..model import QueueChange, Write
from ..queues import queues
from ..store import Store
from .profile import Profile


def is_worker(profile: Profile) -> bool:
    """Whether its engine is there for others' runs: a worker, or `podium up`."""
    return profile.about is not None and profile.about.kind == "worker"


def keep_queues(store: Store, profile: Profile) -> None:
    """Put the queues of a program on record, as this program declares them. On a shared store what a worker
    has declared goes before what an embedded engine does. What cannot be now (the store is busy) the first
    start in a queue does."""
    if not queues:
        return
    now, if_new = profile.env.now(), bool(store.shared) and not is_worker(profile)
    try:
        there = {row.name: row for row in store.queues()}
        changes = tuple(
            QueueChange(name, now, declared=queue.limits, if_new=if_new, by=queue.place)
            for name, queue in list(queues.items())
            if name not in there or (there[name].declared != queue.limits and not if_new)
        )
        if changes:
            store.commit(None, [Write(queues=changes)])
    except StoreError:
        return


def served_by(store: Store, profile: Profile) -> Options:
    """The options of its engine. On a shared store queues are served by workers, unless it says which."""
    options = profile.options
    if options.queues is None and store.shared and not is_worker(profile):
        return replace(options, queues=("",))
    return options
