"""Executors whose slots may be held by tasks that wait for runs, in ways that lend nothing.

A task that waits through Podium lends its slot. One that looks again and again, or waits in a process that it
has started, does not: all of them together may hold every slot that the runs they wait for need.
"""

from __future__ import annotations

from typing import Protocol

from ..executors import SlotLoad

FULL_SECONDS = 5.0


class Loaded(Protocol):
    """An executor that says how busy its slots are."""

    @property
    def load(self) -> SlotLoad: ...


class FullSlotsDetector:
    """Looks at executors, each given by the name of the option that sets its slots. One thread."""

    def __init__(self, **executors: Loaded) -> None:
        self._executors = executors
        self._since: dict[str, tuple[int, float]] = {}  # attempts begun by then, and when that was
        self.full: dict[str, int] = {}

    def changed(self, now: float) -> bool:
        """Look; whether `full` says something else than before: slots by option."""
        before, self.full = self.full, {}
        for option, executor in self._executors.items():
            load = executor.load
            begun, since = self._since.get(option, (-1, now))
            if not load.in_line or not load.holders_started_runs or load.begun != begun:
                self._since[option] = load.begun, now
            elif now - since >= FULL_SECONDS:
                self.full[option] = load.slots
        return self.full != before
