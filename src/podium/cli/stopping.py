"""Ctrl-C and SIGTERM while a run is followed: the first one asks to stop, the second leaves at once."""

from __future__ import annotations

import os
import shlex
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType

from .. import changes, process
from ..client import Echo
from ..opening import store_flag
from ..store import shown_url
from .terminal import safe

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
SIGNALS = changes.declare(
    "SIGINT, SIGTERM",
    when=changes.COMMAND,
    why="the first one asks to stop, a second one stops at once",
    until="the command ends; not in forked processes",
    install=process.handle,
)
HINT = "stopping: running tasks get a moment; Ctrl-C again leaves at once"


class Stopping:
    """While it is entered, a signal only sets a flag, so that it never hits at a bad moment.

    From before the run is started, because the first turn of a body may take long, and what it comes to then
    is worth telling.
    """

    def __init__(self, driven: bool = True, says: bool = True) -> None:
        self.by = 0  # the signal that asked to stop
        self.wake = threading.Event()  # for threads; whoever waits for it looks at `by` now and then
        self.says = says and driven  # what the first one does; a live view says it itself
        self.restore: Callable[[], None] = _nothing  # the terminal
        self.again = shown_url(shlex.join(["podium", *sys.argv[1:]]))  # the command that goes on with it
        self._driven = driven
        self._echo = Echo()

    @property
    def code(self) -> int:
        """What a shell is told of a process that a signal has ended."""
        return 128 + self.by

    @property
    def way_on(self) -> str:
        """How to go on with what this command began."""
        return f"go on{'' if self._driven else ' watching'}: {safe(self.again)}"

    def by_id(self, verb: str, run: str, url: str) -> None:
        """Go on with that very run: what @last means changes, and a retry again would be another one."""
        self.again = f"podium {verb} {_word(run)}{store_flag(url)}"

    def __enter__(self) -> Stopping:
        for number in _SIGNALS:
            SIGNALS.install(number, self._asked)
        return self

    def __exit__(self, *_: object) -> None:
        for number in _SIGNALS:
            process.let_go(number)

    def _asked(self, number: int, _: FrameType | None) -> None:
        if self._echo.hears(number):
            return
        again, self.by = bool(self.by), number
        if again:
            self.restore()
            _write("left at once" + (": what was running is cut off" if self._driven else ""))
            _write(self.way_on)
            os._exit(self.code)
        if self.says:
            _write(HINT)
        # `wake` is not set: its lock may be held by the very thread that the signal interrupts.


def _nothing() -> None:
    pass


def _write(line: str) -> None:
    """Past the streams: the signal may have come in the middle of a write to one."""
    try:
        os.write(2, f"{line}\n".encode(errors="backslashreplace"))
    except OSError:  # nobody reads it
        pass


def _word(run: str) -> str:
    """An id for a shell, to which the ~ in that of a retry means nothing."""
    bare = run.replace("~", "")
    return run if shlex.quote(bare) == bare else shlex.quote(run)
