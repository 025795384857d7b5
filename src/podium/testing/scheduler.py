"""Virtual time: one scheduler for every thread of every simulated process.

A lane is one thread: its callbacks run in the order in which they came, as asyncio has it. Between lanes
a seeded generator chooses. Time jumps to the next timer when no lane has anything to do, so an hour of
waiting costs nothing, and the same seed gives the same story to the last step.
"""

from __future__ import annotations

import heapq
import random
from collections import deque
from collections.abc import Callable
from hashlib import blake2b
from typing import Any

Call = tuple[Callable[..., Any], tuple[Any, ...]]


class Killed(SystemExit):
    """Unwinds what a process was doing when it died. A SystemExit, because the engine lets that pass."""


class Lane:
    """One thread of one process."""

    __slots__ = ("name", "ready", "listed", "frozen", "closed")

    def __init__(self, name: str) -> None:
        self.name = name
        self.ready: deque[Call] = deque()
        self.listed = False  # among those that the scheduler chooses from
        self.frozen = 0  # how many freezes are upon it
        self.closed = False  # its process is gone: whatever still comes is dropped


class Timer:
    """A callback that waits for its time."""

    __slots__ = ("lane", "callback", "args", "dropped")

    def __init__(self, lane: Lane, callback: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self.lane, self.callback, self.args = lane, callback, args
        self.dropped = False

    def cancel(self) -> None:
        """Never call it. Harmless after it was called."""
        self.dropped = True


class Scheduler:
    """Who runs next, and what time it is."""

    def __init__(self, chance: random.Random, on_error: Callable[[Lane, BaseException], None]) -> None:
        self.time = 0.0  # virtual seconds since the world began
        self.steps = 0
        self.halted = False  # nothing runs any more: a violation was found
        self._draw = chance.random
        self._on_error = on_error
        self._choices: list[Lane] = []
        self._heap: list[tuple[float, float, int, Timer]] = []
        self._trace = blake2b(digest_size=8)

    @property
    def digest(self) -> str:
        """Of everything that happened so far, in order."""
        return self._trace.hexdigest()

    def note(self, *what: object) -> None:
        """Make something part of the trace."""
        self._trace.update(repr(what).encode())

    # -- what lanes ask for ---------------------------------------------------------------------------

    def post(self, lane: Lane, callback: Callable[..., Any], *args: Any) -> None:
        """Call it soon, after what the lane has in line already."""
        if lane.closed:
            return
        lane.ready.append((callback, args))
        if not lane.listed and not lane.frozen:
            lane.listed = True
            self._choices.append(lane)

    def later(self, delay: float, lane: Lane, callback: Callable[..., Any], *args: Any) -> Timer:
        """Post it after `delay` virtual seconds. Timers of one instant go off in an order drawn by chance."""
        timer = Timer(lane, callback, args)
        heapq.heappush(self._heap, (self.time + max(0.0, delay), self._draw(), self.steps, timer))
        return timer

    def freeze(self, lane: Lane) -> None:
        """Withhold its callbacks until as many thaws as freezes have come."""
        lane.frozen += 1
        if lane.listed:
            lane.listed = False
            self._choices.remove(lane)

    def thaw(self, lane: Lane) -> None:
        """Take one freeze back."""
        lane.frozen -= 1
        if not lane.frozen and lane.ready and not lane.listed and not lane.closed:
            lane.listed = True
            self._choices.append(lane)

    def close(self, lane: Lane) -> None:
        """Drop what it has in line and whatever still comes."""
        lane.closed = True
        lane.ready.clear()
        if lane.listed:
            lane.listed = False
            self._choices.remove(lane)

    # -- running --------------------------------------------------------------------------------------

    def run(self, until: float, done: Callable[[], bool] | None = None) -> None:
        """Run until that time, or until `done()`. May be called from within a callback, to let others
        run while this one is held up."""
        while not self.halted and not (done is not None and done()):
            if self._choices:
                self._step()
            elif not self._advance(until):
                return

    def _step(self) -> None:
        choices = self._choices
        place = int(self._draw() * len(choices))
        lane = choices[place]
        callback, args = lane.ready.popleft()
        if not lane.ready:
            lane.listed = False
            choices[place] = choices[-1]
            choices.pop()
        self.steps += 1
        name = getattr(callback, "__qualname__", "")
        self._trace.update(f"{lane.name} {self.time:.9f} {name}\n".encode())
        try:
            callback(*args)
        except Killed:
            pass  # nested runs: it belongs to the process whose callback this was
        except Exception as error:
            self._on_error(lane, error)

    def _advance(self, until: float) -> bool:
        heap = self._heap
        while heap and (heap[0][3].dropped or heap[0][3].lane.closed):
            heapq.heappop(heap)
        if not heap or heap[0][0] > until:
            self.time = max(self.time, until)
            return False
        self.time = max(self.time, heap[0][0])
        while heap and heap[0][0] <= self.time:
            timer = heapq.heappop(heap)[3]
            if not timer.dropped:
                self.post(timer.lane, timer.callback, *timer.args)
        return True
