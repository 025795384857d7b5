"""SIGTERM and Ctrl-C of what runs until it is told to stop."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType

from .. import process
from ..client import Echo
from .stopping import SIGNALS


class Stop:
    """Whether a signal has asked to stop, or the parent process, where one is named, is gone; a second signal
    ends the process.

    No Event: the lock of one may be held by the very thread that the signal interrupts.
    """

    def __init__(self, parent: int | None = None) -> None:
        self.asked = False
        self._parent = parent
        self._echo = Echo()
        for number in (signal.SIGTERM, signal.SIGINT):
            SIGNALS.install(number, self._on_signal)

    def within(self, seconds: float) -> bool:
        """Whether a signal has asked, after so many seconds if none had before."""
        if not self.asked:
            threading.Event().wait(seconds)
        if self._parent is not None and os.getppid() != self._parent:
            self.asked = True
        return self.asked

    def _on_signal(self, number: int, _: FrameType | None) -> None:
        if self._echo.hears(number):
            return
        if self.asked:
            process.kill_by(number)
        self.asked = True
