"""Python's cyclic garbage collector is paused while a burst of outcomes or commits is worked off.

A fan-out of ten thousand makes a few hundred thousand objects in one go, all of them alive. Python's cyclic
collector would look at all of them again and again meanwhile, find nothing, and take 40 % of the time.
Meanwhile it is held back; right after, it runs as ever. A burst is bounded by the budget of a turn.
"""

from __future__ import annotations

import gc
from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def gc_paused() -> Generator[None]:
    """Pause the collector, unless it is paused already."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
