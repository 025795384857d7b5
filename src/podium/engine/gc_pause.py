"""Python's cyclic garbage collector is paused while a burst of outcomes or commits is worked off.

A fan-out of ten thousand makes a few hundred thousand objects in one go, all of them alive. Python's cyclic
collector would look at all of them again and again meanwhile, find nothing, and take 40 % of the time.
Meanwhile it is held back; right after, it runs as ever. A burst is bounded by the budget of a turn.
"""

from __future__ import annotations

import gc
from collections.abc import Generator
from contextlib import contextmanager

from .. import changes

_PAUSE = changes.declare(
    "gc.disable",
    when="an engine makes many objects at once",
    why="the collector took 40 % of a wide fan-out and found nothing",
    until="they are made: milliseconds, a turn's budget at most; never where you have disabled it",
    install=gc.disable,
)


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
