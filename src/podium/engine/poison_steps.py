"""Poison steps: a run that has lost an owner may have a step that kills the process which runs it.

From then on each attempt is on record before it begins (START, START_ALONE), so that losses are counted. The
innocent must not be counted along with the culprit, nor parked for a few deploys in bad moments:

- Such a run begins few attempts at once, and one more for each that ends. A fan-out of ten thousand would
  otherwise put ten thousand attempts on record, and its next owner's death would count against all of them.
- A step that was lost twice runs alone: one such step at a time in an engine, for a while at least. Only
  losses alone park a run. Three of them, because another culprit, new in the engine, may have caused the
  first two before it runs alone itself; and those that were lost alone before go last, so that random kills
  hardly hit the same innocent step three times.
"""

from __future__ import annotations

import heapq
import itertools
from collections import OrderedDict
from collections.abc import Callable

from ..executors import Attempt
from ..executors.protocol import Reactor
from ..machine import Step
from .attempts import Attempts

COMPANY = 64  # attempts at once that a run begins with
LOST_IN_COMPANY = 2  # attempts lost, after which a step runs alone
ALONE_SECONDS = 10.0  # after which the next one may begin beside it: a task may run for hours


class Quarantine:
    """The steps in one engine that run alone, in line."""

    def __init__(self, reactor: Reactor) -> None:
        self._reactor = reactor
        self._line: list[tuple[int, int, Callable[[], Attempt | None]]] = []
        self._order = itertools.count()
        self._alone: Attempt | None = None

    def enter(self, losses: int, begin: Callable[[], Attempt | None]) -> None:
        """Have `begin` called when it is its turn; it gives the attempt, None if that is not wanted."""
        heapq.heappush(self._line, (losses, next(self._order), begin))
        self._next()

    def ended(self, attempt: Attempt) -> None:
        """The attempt ended, was cancelled or has taken long enough."""
        if attempt is self._alone:
            self._alone = None
            self._next()

    def _next(self) -> None:
        while self._alone is None and self._line:
            _, _, begin = heapq.heappop(self._line)
            self._alone = begin()
            if self._alone is not None:
                self._reactor.call_later(ALONE_SECONDS, self.ended, self._alone)


class PoisonGuard:
    """Which attempts of one run that has lost an owner may begin now. `begin` is told whether alone."""

    def __init__(
        self, attempts: Attempts, quarantine: Quarantine, begin: Callable[[Step, bool], Attempt | None]
    ) -> None:
        self._attempts, self._quarantine, self._begin = attempts, quarantine, begin
        self._line: OrderedDict[str, Step] = OrderedDict()  # taken from its front in no time, unlike a dict
        self._room = COMPANY

    def begin(self, step: Step) -> None:
        """Begin an attempt at a step as soon as it may."""
        tries = self._attempts.tries.get(step.id)
        if tries is not None and tries.lost >= LOST_IN_COMPANY:
            self._quarantine.enter(tries.lost_alone, lambda: self._begin(step, True))
        else:
            self._line[step.id] = step
            self._admit()

    def ended(self, attempt: Attempt) -> None:
        """An attempt ended or was cancelled: there is room for others."""
        self._room += 1
        self._quarantine.ended(attempt)
        self._admit()

    def _admit(self) -> None:
        while self._line and len(self._attempts.running) < self._room:
            self._begin(self._line.popitem(last=False)[1], False)
