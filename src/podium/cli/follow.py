"""Following a run to its end: draw, wait, draw; and stop cleanly when asked to."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from importlib import import_module
from typing import Protocol

from ..client import App
from ..engine import End
from ..env import RealEnv
from ..errors import ResourceShortage
from ..inspect import OutsideWait, history, outside_waits, runs_waited_for
from ..model import Entry, State
from . import drawing, formatting, terminal
from .lookup import there
from .stopping import HINT, Stopping
from .terminal import tell
from .view import View, waiting_for

DRAW_SECONDS = 0.1
SUMMARY_SECONDS = 30.0
LOOK_SECONDS = 0.5  # how often a run that another process drives is looked at in the store


def _unreadable(after: int, until: int) -> tuple[Entry, ...]:
    """The history of a store that is about to close."""
    return ()


class Surface(Protocol):
    """Where a view goes."""

    def update(self, view: View, now: float) -> None: ...

    def close(self, view: View, now: float) -> None: ...

    def restore(self) -> None: ...


class QuietSurface:
    """Nothing is shown."""

    def update(self, view: View, now: float) -> None: ...

    def close(self, view: View, now: float) -> None: ...

    def restore(self) -> None: ...


class PlainSurface:
    """A line per change, a summary now and then: for pipes, logs and CI."""

    def __init__(self, now: float) -> None:
        self._next = now + SUMMARY_SECONDS

    def update(self, view: View, now: float) -> None:
        while view.news:
            tell(view.news.popleft())
        if now >= self._next:
            self._next = now + SUMMARY_SECONDS
            for counts in view.progress.functions.values():
                counted = drawing.summary(view, counts, now)
                odd = next(iter(counts.retrying.values()), None)
                wait = " · {} after {}".format(*drawing.next_try(odd, now)) if odd else ""
                label = formatting.label(counts.function)
                tell(f"{view.run} {formatting.clock(now - view.began)} {label}: {counted}{wait}")
            for each in view.awaited:
                tell(waiting_for(each))

    def close(self, view: View, now: float) -> None:
        self.update(view, now)

    def restore(self) -> None: ...


def surface(quiet: bool, now: float) -> Surface:
    """The best that stderr can show."""
    if quiet:
        return QuietSurface()
    # Late, because Rich costs more than the rest of the command line together.
    return import_module("podium.cli.live").LiveSurface() if terminal.is_live() else PlainSurface(now)


class Follower:
    """Follows one run until it is final or parked, until it is to stop, or for so many seconds."""

    def __init__(self, app: App, view: View, screen: Surface, stop: Stopping) -> None:
        self._app, self._view, self._screen, self._stop = app, view, screen, stop
        self._shows = not isinstance(screen, QuietSurface)
        self._env = RealEnv()
        self._looked = self._asked = 0.0
        view.outside, view.below = self._outside, self._below

    def follow(self, seconds: float | None = None) -> End | None:
        """How the run came out; None if it was left before that."""
        end = self._app.wait(self._view.run)
        end.add_done_callback(lambda _: self._stop.wake.set())
        until = None if seconds is None else self._env.monotonic() + seconds
        while not end.done() and not self._stop.by:
            if until is not None and self._env.monotonic() >= until:
                break
            self._draw()
            # Woken by the end only: a step a millisecond must not be a redraw a millisecond.
            self._stop.wake.wait(DRAW_SECONDS)
        self._draw()
        if not end.done():
            return self._leave(end)
        if not self._view.here:
            self._look(at_once=True)  # the last of what another process did
        return self._ended(end)

    def _ended(self, end: Future[End]) -> End:
        came = end.result()
        self._view.awaited = ()
        self._view.state = came.state
        self._screen.close(self._view, self._env.now())
        return came

    def _leave(self, end: Future[End]) -> End | None:
        """Let running tasks end within the grace time and hand the run back, drawing meanwhile."""
        self._view.stopping = True
        if self._app.has_engine:
            self._view.hint = HINT
        try:
            closing = self._env.spawn(self._app.close, name="podium-close")
        except ResourceShortage:  # then nothing is drawn meanwhile
            self._app.close()
        else:
            while closing.is_alive():
                self._draw(recall=False)
                closing.join(DRAW_SECONDS)
        self._draw(recall=False)
        if end.done() and end.exception() is None:
            return self._ended(end)
        if self._view.here:
            self._view.state = State.WAITING
        self._screen.close(self._view, self._env.now())
        return None

    # -- drawing --------------------------------------------------------------------------------------

    def _draw(self, recall: bool = True) -> None:
        self._view.fold(self._recorded if recall else _unreadable)
        if recall and not self._view.here:
            self._look()
        if recall and self._shows and self._env.monotonic() - self._asked >= LOOK_SECONDS:
            self._view.waits_for(self._outside())
        self._screen.update(self._view, self._env.now())

    def _look(self, at_once: bool = False) -> None:
        """Somebody else drives it, or nobody: see what the store says."""
        now = self._env.monotonic()
        if not at_once and now - self._looked < LOOK_SECONDS:
            return
        is_news, self._looked = self._looked > 0.0, now  # what is there at the first look is none
        row = self._app.load(self._view.run)
        self._view.recall(self._recorded(max(row.base, self._view.progress.seq), row.entries), is_news)
        self._view.moved(row.state, row.due)
        self._view.ended = row.ended

    def _outside(self) -> list[OutsideWait]:
        """What the run waits for from outside, by the store."""
        self._asked = self._env.monotonic()
        found = outside_waits(self._app, self._app.load(self._view.run)) if self._shows else []
        return [each._replace(command=there(each.command, self._app.url)) for each in found]

    def _below(self) -> str:
        """The runs that it waits for, by the store."""
        return runs_waited_for(self._app, self._app.load(self._view.run)) if self._shows else ""

    def _recorded(self, after: int, until: int) -> Iterator[Entry]:
        return history.entries(self._app.store, self._view.run, after, until)
