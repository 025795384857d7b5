"""What a task's process has started, and what that has in turn, sessions of its own or not. Linux only.

All of them inherit its environment, and with it a mark. Rejected: a process that adopts orphans
(PR_SET_CHILD_SUBREAPER) finds the same, but has to reap strangers, and a task's `os.wait` hears of them.
"""

from __future__ import annotations

import os
import signal

MARK = "TASK_OF_PODIUM"
_ROUNDS = 5  # of looking: one that is being killed may start another


def kill_descendants(mark: str) -> None:
    """Kill every process that was started with this mark in its environment."""
    wanted, killed = f"{MARK}={mark}".encode(), set[int]()
    for _ in range(_ROUNDS):
        found = [pid for pid in _processes() if pid not in killed and wanted in _environment(pid)]
        if not found:
            return
        for pid in found:
            killed.add(pid)
            try:
                os.kill(pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                pass


def _processes() -> list[int]:
    try:
        return [int(name) for name in os.listdir("/proc") if name.isdigit()]
    except OSError:
        return []


def _environment(pid: int) -> list[bytes]:
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return file.read().split(b"\0")
    except OSError:  # it has ended, or is another user's
        return []
