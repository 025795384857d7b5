"""Runs that tasks of this engine wait for. They are claimed whatever the room in memory: what is there may
end only after them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from ..executors import Attempt
from .owned import OwnedRun


class AwaitedRuns:
    """Counts who waits for which run. Engine thread only."""

    def __init__(self, owned: Mapping[str, OwnedRun]) -> None:
        self._owned = owned
        self._awaited: dict[Attempt, Counter[str]] = {}
        self.attended: set[str] = set()  # runs that callers in this process attend, who alone may have them

    def change(self, attempt: Attempt, runs: Sequence[str], begins: bool) -> bool:
        """A task begins to wait for these runs, or does no more. Whether some of them are to be claimed."""
        owned = self._owned.get(attempt.run)
        if owned is None or owned.attempts.running.get(attempt.step) is not attempt:
            self._awaited.pop(attempt, None)  # it has ended, and what it has started waits on
            return False
        counts = self._awaited.setdefault(attempt, Counter())
        for run in runs:
            counts[run] += 1 if begins else -1
            if counts[run] == 0:
                del counts[run]
        if not counts:
            del self._awaited[attempt]
        return begins and any(run not in self._owned for run in runs)

    @property
    def waiters(self) -> set[str]:
        """Runs whose tasks wait for others, and have lent their slots."""
        return {attempt.run for attempt in self._awaited}

    def needed(self) -> list[str]:
        """Those that are not in memory here."""
        wanted = {run for counts in self._awaited.values() for run in counts} | self.attended
        return [run for run in wanted if run not in self._owned]
