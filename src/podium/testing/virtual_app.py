"""An app for tests: its store is in memory, and its clock jumps over every wait that a test waits for."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from ..checks import seconds_of
from ..client import App, Notice
from ..declare import Durable
from ..env import RealEnv
from ..errors import PodiumError
from ..model import SCHEDULE, UNFINISHED, Query, State
from ..options import Options
from .stubs import Stub, stubbed

_LOOK_SECONDS = 0.002  # between looks whether all that could happen has happened
_MANY = 10_000
_NEVER = float("inf")
_numbers = itertools.count(1)


class JumpingClock(RealEnv):
    """The time of day, and how far it was set ahead. What is monotonic stays real: leases and time limits."""

    def __init__(self) -> None:
        super().__init__()
        self._ahead = 0.0

    def now(self) -> float:
        return super().now() + self._ahead

    def jump(self, to: float) -> None:
        """Set it ahead to then; it never goes back."""
        self._ahead += max(0.0, to - self.now())


class VirtualApp(App):
    """A store in memory and a clock of its own.

    While a test waits for a run (`run.result()`, `await run`, a call), and nothing is left to do before the
    next timer, the clock jumps there: sleeps, timeouts and backoffs take no time. `advance` lets time pass
    with all that happens meanwhile, what schedules start too, which else sleep as if nobody had been there.
    Otherwise time passes as it does. A task that waits by itself waits for real; stub it.
    """

    def __init__(self) -> None:
        self._clock = JumpingClock()
        super().__init__(
            f"sqlite:///:memory:?test-{next(_numbers)}",
            env=self._clock,
            options=Options(evict_always=True, poll=0.05, grace=1.0),
        )
        self._notices: list[tuple[str, Notice]] = []
        self.profile.kept_notices = self._notices
        self._stubs = ExitStack()
        self._over = threading.Event()
        self._target: float | None = None  # where `advance` goes
        self._arrived = threading.Event()

    def __enter__(self) -> VirtualApp:
        super().__enter__()
        self._ticking = self._clock.spawn(self._tick, name="podium-clock")
        return self

    def __exit__(self, *about: object) -> None:
        self._over.set()
        self._ticking.join()
        self._stubs.close()
        super().__exit__(*about)

    @property
    def alerts(self) -> list[tuple[str, Notice]]:
        """What people would have been told so far: channel and notice. A URL is its host and a digest.

        >>> [(channel, notice.kind) for channel, notice in podium_app.alerts]
        [('ops', 'failed')]
        """
        return list(self._notices)

    def stub(self, task: Durable[..., Any, Any], fn: Callable[..., Any] | None = None, **what: Any) -> Stub:
        """As `podium.testing.stubbed`, until the test ends: `returns=`, `raises=` or a function."""
        return self._stubs.enter_context(stubbed(task, fn, **what))

    def advance(self, span: float | str) -> None:
        """Let so much time pass, in seconds or as "14d", with all that happens meanwhile; blocks."""
        self._arrived.clear()
        self._target = self._clock.now() + seconds_of("advance", "span", span)
        self._arrived.wait()

    # -- the clock's thread ---------------------------------------------------------------------------

    def _tick(self) -> None:
        while not self._over.wait(_LOOK_SECONDS):
            try:
                self._look()
            except PodiumError:  # the store is busy, or closes
                continue

    def _look(self) -> None:
        target = self._target
        if target is None and not self.host.engine.watchers.watched:
            return
        now = self._clock.now()
        due = self._next_due(now, with_schedules=target is not None)
        if due is None or due <= now:
            return  # something is still to be done now
        if target is not None and due >= target:
            self._clock.jump(target)
            self._target = None
            self._arrived.set()
        elif due < _NEVER:
            self._clock.jump(due)
            self.host.call(self.host.engine.claimer.soon)

    def _next_due(self, now: float, with_schedules: bool) -> float | None:
        """When the next run that waits is due; None while one is driven."""
        due = _NEVER
        for row in self.find(Query(states=UNFINISHED - {State.PARKED}, limit=_MANY)):
            if row.state is State.RUNNING:
                return None
            if row.due is not None and (with_schedules or row.function != SCHEDULE or row.due <= now):
                due = min(due, row.due)
        return due
