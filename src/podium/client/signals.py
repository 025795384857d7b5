"""SIGTERM is answered as Ctrl-C is: the process unwinds, its apps hand their runs back, a second one kills.

Python's default for SIGTERM is death on the spot. Then nothing is lost either, but running tasks get no
grace, and their attempts count as lost with their process.
"""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType


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

    def __call__(self, number: int, _frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        if os.getpid() != self._process:  # a forked child has inherited this; it has nothing to hand back
            os.kill(os.getpid(), number)
        raise SystemExit(128 + number)
