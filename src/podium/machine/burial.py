"""The last resort against a body that will not end: keep it from ever running again.

A coroutine or greenlet that is still alive after its run was dropped must not be left to the collector,
which would resume it once more, outside of any turn, where its tasks are plain calls that act. One
reference too many keeps the collector away for the life of the process. It leaks, and is meant to.
"""

from __future__ import annotations

import ctypes


def bury(body: object) -> None:
    """Never let this object be collected."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(body))
