"""Leaks on purpose: bodies of a dropped run that will not end.

A coroutine or greenlet that will not end must not be left to the collector, which would resume it once
more, outside of any turn, where its tasks are plain calls that act. One reference too many keeps the
collector away from it for the life of the process.
"""

from __future__ import annotations

import contextlib
import ctypes
import sys
from collections.abc import Generator
from typing import Any

from .. import changes
from .current import turning


def _set_hook(hook: Any) -> None:
    sys.unraisablehook = hook


_HOOK = changes.declare(
    "sys.unraisablehook",
    when="a run in memory is dropped",
    why="what its bodies raise while they are closed is meant to fail, and not reported",
    until="it is dropped, microseconds later",
    install=_set_hook,
)


@contextlib.contextmanager
def silenced() -> Generator[None]:
    """No report of errors in the finalizers of bodies that this thread drops: they are meant to fail."""
    before = sys.unraisablehook

    def hook(unraisable: Any) -> None:
        machine = turning.machine
        if machine is None or not machine.loop.discarded:
            before(unraisable)

    _HOOK.install(hook)
    try:
        yield
    finally:
        _HOOK.install(before)


def leak_forever(body: object) -> None:
    """Never let this object be collected."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(body))
