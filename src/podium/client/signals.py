"""SIGTERM is answered as Ctrl-C is: the process unwinds, its apps hand their runs back, a second one kills.

Python's default for SIGTERM is death on the spot. Then nothing is lost either, but running tasks get no
grace, and their attempts count as lost with their process.
"""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType

from ..env import RealEnv

ECHO_SECONDS = 0.1  # less than any person needs for a second press


class Echo:
    """Tells a second signal that is meant from the same one that came twice.

    `timeout` of coreutils sends its signal to the process and then to the whole group, and wrappers pass a
    Ctrl-C on to whom the terminal has sent it already.
    """

    def __init__(self) -> None:
        self._env = RealEnv()
        self._meant, self._at = 0, 0.0

    def hears(self, number: int) -> bool:
        """Whether this signal is but the last one again; if not, it is noted."""
        now = self._env.monotonic()
        if number == self._meant and now - self._at < ECHO_SECONDS:
            return True
        self._meant, self._at = number, now
        return False


def unwind_on_sigterm() -> None:
    """From now on SIGTERM raises SystemExit in the main thread, once.

    Only where nobody has said what it does, and from the main thread; else it stays as it is.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _Unwind(os.getpid()))


class _Unwind:
    def __init__(self, process: int) -> None:
        self._process = process
        self._unwinds = False
        self._echo = Echo()

    def __call__(self, number: int, _frame: FrameType | None) -> None:
        if os.getpid() != self._process:  # a forked child has inherited this; it has nothing to hand back
            kill_by(number)
        if self._echo.hears(number):
            return
        if self._unwinds:
            kill_by(number)
        self._unwinds = True
        raise SystemExit(128 + number)


def kill_by(number: int) -> None:
    """End this process as if nobody had said what this signal does."""
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
