"""How a dropped run's bodies are laid to rest: unheard, and for good.

A coroutine or greenlet that will not end must not be left to the collector, which would resume it once
more, outside of any turn, where its tasks are plain calls that act. So it is buried: one reference too
many keeps the collector away for the life of the process. That leaks, and is meant to.
"""

from __future__ import annotations

import contextlib
import ctypes
import sys
from collections.abc import Generator
from typing import Any

from .current import turning


@contextlib.contextmanager
def unheard() -> Generator[None]:
    """What goes wrong in the finalizers of bodies that this thread drops is meant to, and not reported."""
    before = sys.unraisablehook

    def hook(unraisable: Any) -> None:
        machine = turning.machine
        if machine is None or not machine.loop.discarded:
            before(unraisable)

    sys.unraisablehook = hook
    try:
        yield
    finally:
        sys.unraisablehook = before


def bury(body: object) -> None:
    """Never let this object be collected."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(body))
