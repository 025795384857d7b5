"""Care with runs that have lost an owner: one of their steps may be what killed it.

From then on each attempt is on record before it begins (a START entry), so that losses are counted. The
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
from typing import TYPE_CHECKING

from ..executors import Attempt
from ..machine import Step
from .attempts import FORGIVEN
from .reactor import Reactor

if TYPE_CHECKING:
    from .owned import OwnedRun

COMPANY = 64  # attempts at once that a run begins with
LOST_IN_COMPANY = 2  # attempts lost, after which a step runs alone
ALONE_SECONDS = 10.0  # after which the next one may begin beside it: a task may run for hours


class Suspects:
    """The steps in one engine that run alone, in line."""

    def __init__(self, reactor: Reactor) -> None:
        self._reactor = reactor
        self._line: list[tuple[int, int, Callable[[], Attempt | None]]] = []
        self._order = itertools.count()
        self._turn: Attempt | None = None

    def ask(self, losses: int, begin: Callable[[], Attempt | None]) -> None:
        """Have `begin` called when it is its turn; it gives the attempt, None if nobody wants it any more."""
        heapq.heappush(self._line, (losses, next(self._order), begin))
        self._next()

    def ended(self, attempt: Attempt) -> None:
        """The attempt ended, was cancelled or has taken long enough."""
        if attempt is self._turn:
            self._turn = None
            self._next()

    def _next(self) -> None:
        while self._turn is None and self._line:
            _, _, begin = heapq.heappop(self._line)
            self._turn = begin()
            if self._turn is not None:
                self._reactor.call_later(ALONE_SECONDS, self.ended, self._turn)


class Caution:
    """What one run that has lost an owner may begin now."""

    def __init__(self, owned: OwnedRun) -> None:
        self._owned = owned
        self._line: OrderedDict[str, Step] = OrderedDict()  # taken from its front in no time, unlike a dict
        self._room = COMPANY

    def begin(self, step: Step) -> None:
        """Begin an attempt at a step as soon as it may."""
        tries = self._owned.attempts.tries.get(step.id)
        if tries is not None and tries.lost >= LOST_IN_COMPANY:
            self._owned.engine.suspects.ask(tries.lost_alone, lambda: self._begin(step, alone=True))
        else:
            self._line[step.id] = step
            self._admit()

    def ended(self, attempt: Attempt) -> None:
        """An attempt ended or was cancelled: there is room for others."""
        self._room += 1
        self._owned.engine.suspects.ended(attempt)
        self._admit()

    def give_back(self) -> None:
        """The run is handed back in order: what is under way is given up, not lost with its process."""
        for attempt in self._owned.attempts.running.values():
            self._owned.note_start(FORGIVEN, attempt.step, attempt=attempt.number)

    def _admit(self) -> None:
        while self._line and len(self._owned.attempts.running) < self._room:
            self._begin(self._line.popitem(last=False)[1], alone=False)

    def _begin(self, step: Step, alone: bool) -> Attempt | None:
        owned = self._owned
        if owned.deaf or not owned.machine.is_open(step) or step.id in owned.attempts.running:
            return None
        return owned.begin_on_record(step, alone)
