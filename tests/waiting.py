"""Waiting for what announces itself to nobody: a file, another process, what another thread commits."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import psutil

SECONDS = 30.0  # a test that waits so long has failed
LONGEST_PAUSE = 0.025  # s; a look may cost a statement or a file, so looks come less often as the wait grows
T = TypeVar("T")


def until(condition: Callable[[], T], what: str | Callable[[], object] = "", seconds: float = SECONDS) -> T:
    """Look again and again: the first true value of `condition`, or AssertionError that `what` did not come.

    `what` may be a callable, which is asked at the end how things stand.
    """
    deadline, pause = time.monotonic() + seconds, 0.001
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(
                f"did not come in {seconds:g} s: {what() if callable(what) else what or condition}"
            )
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)
    return found


def is_alive(pid: int) -> bool:
    """Whether a process goes on. One that is gone is dead, also when it goes between two looks at it."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def until_stopped(pid: int) -> None:
    """Wait until a process stands still after SIGSTOP, which `os.kill` does not wait for."""
    until(lambda: psutil.Process(pid).status() == psutil.STATUS_STOPPED, f"the stop of {pid}")
