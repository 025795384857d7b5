"""Where in the user's code a declaration stands."""

from __future__ import annotations

import inspect
import sys
from types import CodeType, FrameType


def declaring_frame() -> FrameType:
    """The innermost frame that is not ours: that of the decorator."""
    frame = sys._getframe(1)  # pyright: ignore[reportPrivateUsage]  # documented all the same
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("podium."):
        frame = frame.f_back
    return frame


def declaring_code() -> CodeType | None:
    """The code of the module, or of the notebook's cell, whose execution declares something now.

    Another code object is another execution: a reload, an edited cell.
    """
    frame: FrameType | None = declaring_frame()
    while frame is not None:
        if not frame.f_code.co_flags & inspect.CO_OPTIMIZED and frame.f_locals is frame.f_globals:
            return frame.f_code
        frame = frame.f_back
    return None
