"""What a process has started, and what that has started in turn, sessions of its own or not. Linux only."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_CHILD_SUBREAPER = 36


def adopt_orphans() -> None:
    """What a child of this process leaves behind becomes its own child, and not init's: it can be found."""
    if sys.platform == "linux":
        try:
            ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        except (OSError, AttributeError):
            pass  # then demons get away, as elsewhere


def kill_kin(process: int) -> None:
    """Kill all descendants of a process that lives and is about to be killed."""
    for pid in _descendants(process):
        try:
            os.kill(pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass


def _descendants(process: int) -> list[int]:
    found = [process]
    for parent in found:  # grows meanwhile
        try:
            for thread in os.listdir(f"/proc/{parent}/task"):
                with open(f"/proc/{parent}/task/{thread}/children", encoding="ascii") as file:
                    found += map(int, file.read().split())
        except OSError:
            pass  # it has ended, or there is no /proc
    return found[1:]
