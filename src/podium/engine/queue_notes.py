"""Puts on record what this program declares of the queues that it starts runs in, before a run lies there."""

from __future__ import annotations

from collections.abc import Iterable

from ..model import NewRun, Outcome, QueueChange, Verdict, Write
from ..queues import queues


class QueueNotes:
    """What of it one engine, or one client, has put on record. A worker's word goes before it."""

    def __init__(self) -> None:
        self._noted: set[str] = set()

    def of(self, new_runs: Iterable[NewRun]) -> tuple[QueueChange, ...]:
        """What goes with the Write that starts these."""
        wanted = {new.queue: new.at for new in new_runs if new.queue and new.queue not in self._noted}
        if not wanted:  # as most runs are of no queue
            return ()
        return tuple(
            QueueChange(name, at, declared=queues[name].limits, if_new=True, by=queues[name].place)
            for name, at in wanted.items()
            if name in queues
        )

    def committed(self, write: Write, verdict: Verdict) -> None:
        """It is on record."""
        if write.queues and verdict.outcome is Outcome.DONE:
            self._noted.update(change.name for change in write.queues)
