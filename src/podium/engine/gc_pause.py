"""Python's cyclic garbage collector is paused while a burst of outcomes or commits is worked off.

A fan-out of ten thousand makes a few hundred thousand objects in one go, all of them alive. Python's cyclic
collector would look at all of them again and again meanwhile, find nothing, and take 40 % of the time.
Meanwhile it is held back; right after, it runs as ever. A burst is bounded by the budget of a turn.
"""

from __future__ import annotations

import gc
from typing import Any

from .. import changes

_PAUSE = changes.declare(
    "gc.disable",
    when="an engine makes many objects at once",
    why="the collector took 40 % of a wide fan-out and found nothing",
    until="they are made: milliseconds, a turn's budget at most; never where you have disabled it",
    install=gc.disable,
)


class gc_paused:  # used as a function, `with gc_paused():`, at every start and every commit
    """Pause the collector, unless it is paused already."""

    __slots__ = ("_pauses",)

    def __enter__(self) -> None:
        self._pauses = gc.isenabled()
        if self._pauses:
            _PAUSE.install()

    def __exit__(self, *_: Any) -> None:
        if self._pauses:
            gc.enable()
