"""Whether a test session is under way, and the store that it has of its own."""

from __future__ import annotations

import atexit
import functools
import shutil
import sys
import tempfile
from types import FrameType

from .. import changes
from ..process import frames

_TEST_RUNNERS = ("_pytest.", "unittest.")


def in_test() -> bool:
    """Whether a test session is under way in this process, whatever thread asks."""
    if not any(runner.rstrip(".") in sys.modules for runner in _TEST_RUNNERS):
        return False
    return any(map(_is_of_test_runner, frames()))


def _is_of_test_runner(frame: FrameType | None) -> bool:
    while frame is not None:
        if str(frame.f_globals.get("__name__", "")).startswith(_TEST_RUNNERS):
            return True
        frame = frame.f_back
    return False


@functools.cache
def store_of_tests() -> str:
    """The store of this test session: in a temporary folder, which goes with the process."""
    folder = tempfile.mkdtemp(prefix="podium-test-")
    _AT_EXIT.install(shutil.rmtree, folder, ignore_errors=True)
    return f"sqlite:///{folder}/podium.db"


_AT_EXIT = changes.declare(
    "atexit.register (tests)",
    when="a test uses the default store",
    why="the store of a test session goes with its process",
    until=changes.NEVER,
    install=atexit.register,
)
