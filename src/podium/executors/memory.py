"""How much memory a process has, and a cap on it.

Two keepers of one cap: a limit in the process itself, so that the allocation that goes too far raises
MemoryError in the task's own code; and a look from outside, for memory that the limit does not see.
"""

from __future__ import annotations

import os
import re
from collections.abc import Generator
from contextlib import contextmanager

from .. import changes

try:
    import resource
except ImportError:  # no such limits on this system
    resource = None

GROWTH_MAX = 256 * 1024 * 1024  # bytes; a process that keeps so much more and more is replaced
LEVEL_SECONDS = 0.5  # between two looks at that


def resident(process: int) -> int | None:
    """Bytes that a process has in memory; None where the system does not say."""
    try:
        with open(f"/proc/{process}/statm", "rb") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return None


def _limit(soft: int, hard: int) -> None:
    assert resource is not None  # `capped` has looked
    resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


_CAP = changes.declare(
    "RLIMIT_DATA",
    when="a task with `memory=` begins in a process of its own",
    why="what it allocates beyond that raises MemoryError, in it alone",
    until="the task ends",
    install=_limit,
)


@contextmanager
def capped(cap: int | None) -> Generator[None, None, None]:
    """Meanwhile an allocation of this process above the cap (bytes) raises MemoryError."""
    if cap is None or resource is None:
        yield
        return
    # RLIMIT_DATA, not RLIMIT_AS: address space that a library merely reserves is no memory.
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    try:
        limit = cap + _untouched()
        _CAP.install(limit if hard < 0 else min(limit, hard), hard)
    except (OSError, ValueError):  # not on this system: the look from outside has to do
        yield
        return
    try:
        yield
    finally:
        _CAP.install(soft, hard)


def _untouched() -> int:
    """Bytes that were allocated before but never written to: they are in the limit's sum, not in memory."""
    try:
        with open("/proc/self/status", encoding="ascii") as file:
            found = dict(re.findall(r"^(VmData|RssAnon):\s+(\d+) kB", file.read(), re.MULTILINE))
        return max(0, int(found["VmData"]) - int(found["RssAnon"])) * 1024
    except (OSError, KeyError):
        return 0


class Growth:
    """Whether a process keeps more and more. What a task's module and its first call keep, a model say, is
    kept on purpose. Looked at once in a while: a look costs as much as a small task."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._due = 0.0
        self._level = 0  # bytes resident after the last task that it ran for the first time

    def is_much(self, is_first: bool, now: float) -> bool:
        """Look, after an attempt; `is_first` at its task."""
        if is_first:
            self._level, self._due = resident(self._pid) or 0, now + LEVEL_SECONDS
        elif now >= self._due:
            self._due = now + LEVEL_SECONDS
            return (resident(self._pid) or 0) - self._level > GROWTH_MAX
        return False
