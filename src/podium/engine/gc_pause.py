"""Python's cyclic garbage collector: called less often while an engine is open, and paused in a burst.

A fan-out of ten thousand makes a few hundred thousand objects in one go, all of them alive. Python's cyclic
collector would look at all of them again and again meanwhile, find nothing, and take 40 % of the time.
Meanwhile it is paused; right after, it runs as ever. A burst is bounded by the budget of a turn.

A hundred short runs at once make and drop so many objects that it is called a hundred times a second, every
tenth time for an older generation, and finds nothing either: what Podium makes for a step is in no circle.
So the first generation may be as large as newer programs let it be, ten thousand objects instead of 700.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Generator
from contextlib import contextmanager

from .. import changes

_PAUSE = changes.declare(
    "gc.disable",
    when="an engine makes many objects at once",
    why="the collector took 40 % of a wide fan-out and found nothing",
    until="they are made: milliseconds, a turn's budget at most; never where you have disabled it",
    install=gc.disable,
    undo=gc.enable,
)

YOUNG_OBJECTS = 10_000  # new ones, less those that have gone, before the collector looks at them


def _raise_threshold() -> None:
    """Unless it is 0, by which somebody has switched the collector off, or higher already."""
    young, *older = gc.get_threshold()
    if 0 < young < YOUNG_OBJECTS:
        _before.append(young)
        gc.set_threshold(YOUNG_OBJECTS, *older)


def _put_threshold_back() -> None:
    """Unless somebody has set another one since."""
    young, *older = gc.get_threshold()
    if _before and (before := _before.pop()) and young == YOUNG_OBJECTS:
        gc.set_threshold(before, *older)


_before: list[int] = []  # the threshold that we have raised
_RARER = changes.declare(
    "gc.set_threshold",
    when=changes.ENGINE,
    why="many short runs called the collector a hundred times a second, and it found nothing",
    until="the last engine is closed; never where you have set it higher, or to 0",
    install=_raise_threshold,
    undo=_put_threshold_back,
)


class OpenEngines:
    """Those of this process: the first to open raises the threshold, the last to close puts it back."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = 0

    def enter(self) -> None:
        """An engine opens. Any thread."""
        with self._lock:
            self._count += 1
            if self._count == 1:
                _RARER.install_once()

    def leave(self) -> None:
        """It closes."""
        with self._lock:
            self._count -= 1
            if self._count == 0:
                _RARER.take_back()


open_engines = OpenEngines()


@contextmanager
def gc_paused() -> Generator[None]:
    """Pause the collector, unless it is paused already."""
    if not gc.isenabled():
        yield
        return
    _PAUSE.install()
    try:
        yield
    finally:
        gc.enable()
