"""Finding the user's line: the innermost frame that is neither ours nor the standard library's."""

from __future__ import annotations

import inspect
import os
import sys
from types import FrameType
from typing import Any

from ..lines import STANDARD, STORES, is_user_file, line_of

_INSTALLED = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")


def _is_own(filename: str) -> bool:
    """Whether it is the user's own code, as far as its place can tell: neither standard nor installed."""
    return is_user_file(filename) and not (
        filename.startswith(STANDARD) or any(folder in filename for folder in _INSTALLED)
    )


_shown: set[str] = set()  # files that were found worth showing: asked for at every call


def caller(above: int = 2) -> tuple[str, int]:
    """(file, line) of the innermost user frame, for remembering now and spelling out only if needed.

    `above`: how many frames, this one counted, are ours for sure.
    """
    # Documented, and at every call quicker than inspect.currentframe() and two steps out.
    frame: FrameType | None = sys._getframe(above)  # pyright: ignore[reportPrivateUsage]
    while frame is not None:
        file = frame.f_code.co_filename
        if file in _shown:
            return file, frame.f_lineno
        if is_user_file(file):
            _shown.add(file)
            continue
        frame = frame.f_back
    return "?", 0


def own_caller() -> str:
    """ "file:line" of the innermost frame of the user's own code; "" where all is installed code."""
    frame: FrameType | None = sys._getframe(2)  # pyright: ignore[reportPrivateUsage]  # as in `caller`
    while frame is not None:
        if _is_own(frame.f_code.co_filename):
            return line_of(frame.f_code.co_filename, frame.f_lineno)
        frame = frame.f_back
    return ""


def outermost_caller(ours: str) -> str:
    """The same of the outermost such frame that a module of ours, `ours`, has called: where a workflow's
    body, or a branch of it, stands."""
    frame: FrameType | None = sys._getframe(2)  # pyright: ignore[reportPrivateUsage]  # as in `caller`
    line = ""
    while frame is not None and frame.f_globals.get("__name__") != ours:
        if _is_own(frame.f_code.co_filename):
            line = line_of(frame.f_code.co_filename, frame.f_lineno)
        frame = frame.f_back
    return line


def waits_at(coroutine: Any) -> str:
    """ "file:line" of the user's own code where a suspended coroutine waits; "" where there is none."""
    line = ""
    while coroutine is not None:
        frame: FrameType | None = getattr(coroutine, "cr_frame", None)
        if frame is not None and _is_own(frame.f_code.co_filename):
            line = line_of(frame.f_code.co_filename, frame.f_lineno)
        coroutine = getattr(coroutine, "cr_await", None)
    return line


def user_frame(frame: FrameType | None = None) -> FrameType | None:
    """The innermost frame of the user's own code, from `frame` (default: the caller's) outwards.

    Where all is installed code, the innermost that is not ours: a workflow may come in a package.
    """
    here = frame if frame is not None else inspect.currentframe()
    nearest: FrameType | None = None
    while here is not None and not _is_own(here.f_code.co_filename):
        if nearest is None and is_user_file(here.f_code.co_filename):
            nearest = here
        here = here.f_back
    return here or nearest


def user_line(frame: FrameType | None = None) -> str:
    """ "file:line" of the innermost user frame, the file relative to the working directory if below it."""
    found = user_frame(frame if frame is not None else inspect.currentframe())
    return line_of(found.f_code.co_filename, found.f_lineno) if found else "?"


def raised_at(error: BaseException) -> str:
    """ "file:line" of the innermost user frame that an exception has passed; "" where it has passed none."""
    found, line = error.__traceback__, ""
    while found is not None:
        if _is_own(found.tb_frame.f_code.co_filename):
            line = line_of(found.tb_frame.f_code.co_filename, found.tb_lineno)
        found = found.tb_next
    return line


def foreign_line(frame: FrameType | None) -> str:
    """The same, if anything on this stack is neither ours nor the standard library's, else ""."""
    here = frame
    while here is not None:
        name = here.f_code.co_filename
        if is_user_file(name) and (not name.startswith(STANDARD) or any(map(name.__contains__, _INSTALLED))):
            return user_line(frame)
        here = here.f_back
    return ""


def waits_for_store(frame: FrameType | None) -> bool:
    """Whether what keeps this stack is a look at the store, or a word to it, not the code that called for
    it."""
    here = frame
    while here is not None and not _is_own(here.f_code.co_filename):
        if here.f_code.co_filename.startswith(STORES):
            return True
        here = here.f_back
    return False


def where_defined(fn: Any) -> tuple[str, int]:
    """(file, line) of a function's definition; ("?", 0) where it has no code of Python's."""
    code = getattr(inspect.unwrap(fn), "__code__", None)
    return (code.co_filename, code.co_firstlineno) if code else ("?", 0)
