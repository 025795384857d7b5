"""What gathers writes for the committer: a run in memory, or whoever has one thing to write."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from ..model import Verdict, Write


class Source(Protocol):
    """Something that gathers a write until it is taken."""

    def take_write(self) -> Write | None:
        """What to commit now; None if there is nothing (any more)."""
        ...

    def committed(self, write: Write, verdict: Verdict) -> None:
        """The write is durable, or refused; called on the driving thread."""
        ...


class OneWrite:
    """A source of one write about no run in memory. `wanted` is asked right before the commit."""

    def __init__(
        self, write: Write, then: Callable[[Verdict], None], wanted: Callable[[], bool] = lambda: True
    ) -> None:
        self._write, self._then, self._wanted = write, then, wanted

    def take_write(self) -> Write | None:
        return self._write if self._wanted() else None

    def committed(self, write: Write, verdict: Verdict) -> None:
        self._then(verdict)
