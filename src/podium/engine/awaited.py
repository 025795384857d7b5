"""Runs that tasks of this engine wait for. They are claimed whatever the room in memory: what is there may
end only after them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from ..executors import Attempt
from .owned import OwnedRun

_RUNS_TOLD, _TARGETS_TOLD = 100, 10  # in the engine's row


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

    def told(self) -> dict[str, tuple[str, ...]]:
        """By run whose tasks all wait for others: these; of a few runs. Any thread."""
        waiting: dict[str, set[str]] = {}
        awaited = dict(self._awaited)
        for attempt, counts in awaited.items():
            waiting.setdefault(attempt.run, set()).update(list(counts))
        some: dict[str, tuple[str, ...]] = {}
        for run, targets in waiting.items():
            owned = self._owned.get(run)
            if owned is not None and all(each in awaited for each in list(owned.attempts.running.values())):
                some[run] = tuple(sorted(targets)[:_TARGETS_TOLD])
            if len(some) == _RUNS_TOLD:
                break
        return some

    def needed(self) -> list[str]:
        """Those that are not in memory here."""
        wanted = {run for counts in self._awaited.values() for run in counts} | self.attended
        return [run for run in wanted if run not in self._owned]
