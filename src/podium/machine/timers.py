"""The timers of a run: what is due when, by the run's own time."""

from __future__ import annotations

import heapq
from typing import Any

from ..model import DEADLINE
from .branch import Handle, Timer
from .refused import BareLoop
from .scope import Scope


class TimedLoop(BareLoop):
    """A loop with a clock, which stands still but for what `now` is set to, and timers."""

    def __init__(self, run: str, now: float) -> None:
        super().__init__(run)
        self.now = now
        self.discarded = False
        self.timers: list[Timer] | tuple[()] = ()  # a heap, the first due first; some may be cancelled
        self._timers: dict[str, Timer] = {}

    def time(self) -> float:
        return self.now

    def current_scope(self) -> Scope:
        """The scope of the running branch."""
        raise NotImplementedError

    def call_later(self, delay: float, callback: Any, *args: Any, context: Any = None) -> Any:
        return self.call_at(self.now + delay, callback, *args, context=context)

    def call_at(self, when: float, callback: Any, *args: Any, context: Any = None) -> Any:
        return self.open_timer(self.current_scope().identify("timer"), when, callback, *args, context=context)

    def open_timer(self, identity: str, when: float, callback: Any, *args: Any, context: Any = None) -> Timer:
        """A timer whose firing the history names so."""
        if self.discarded:
            self.refuse()
        if when != when:  # a heap with a NaN in it is in no order; asyncio.sleep looks itself since 3.13
            raise ValueError("Invalid delay: NaN (not a number)")
        timer = Timer(when, identity, self.number(), callback, args, context, self._timers)
        if not self.timers:
            self.timers = []
        heapq.heappush(self.timers, timer)
        return timer

    def next_timer(self) -> Timer | None:
        """The timer that is due first, or None."""
        heap = self.timers
        while heap:
            if not heap[0].dropped:
                return heap[0]
            heapq.heappop(heap)
        return None

    def take_timer(self, identity: str) -> Handle | None:
        """That timer's callback, which is to be called now; None if there is no such timer."""
        timer = self._timers.pop(identity, None)
        if timer is None:
            return None
        timer.dropped = True
        return Handle(timer.callback, timer.args, timer.context)

    def jump(self, at: float, timeout: float | None) -> None:
        """The past up to here is another run's: its timers move by the gap, its timeout begins anew.

        So a retry, however late, has the time that its body had left.
        """
        gap = max(at - self.now, 0.0)
        self.now += gap
        for timer in self.timers:
            whole = timer.identity == DEADLINE and timeout is not None
            timer.due = self.now + (timeout or 0.0) if whole else timer.due + gap
        if self.timers:
            heapq.heapify(self.timers)

    def drop_timers(self) -> None:
        """None of them fires any more."""
        self.timers = ()
        self._timers.clear()
