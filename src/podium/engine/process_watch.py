"""The other engines' processes on this host: the system tells when one of them ends.

Only a hint to look at once: a process id may be somebody else's by now, and what is dead is decided by the
lock (`hostlock`) or by silence. Where the system has no such notice, the next look comes soon enough.
"""

from __future__ import annotations

import os
import select
from collections.abc import Callable, Iterable

from ..model import Beat


class ProcessWatch:
    """Waits for the first of them to end. `wait` and `watch` belong to one thread, `wake` to any."""

    def __init__(self) -> None:
        self._open: Callable[[int], int] | None = getattr(os, "pidfd_open", None)
        self._ends: dict[int, str] = {}  # descriptors, readable once their process has ended
        self._dead: set[str] = set()  # engines whose process has ended; their rows may be there a while
        self._poll = select.poll()
        self._pipe: tuple[int, ...] = os.pipe()  # what `wake` writes into, `wait` hears
        self._poll.register(self._pipe[0], select.POLLIN)
        self._woken = False

    def watch(self, engines: Iterable[Beat]) -> None:
        """Exactly these from now on."""
        wanted = {row.id: row.pid for row in engines}
        self._dead &= wanted.keys()
        for end, engine in list(self._ends.items()):
            if engine not in wanted:
                self._forget(end)
        for engine in wanted.keys() - self._dead - set(self._ends.values()):
            self._watch(engine, wanted[engine])

    def _watch(self, engine: str, pid: int) -> None:
        try:
            end = self._open(pid) if self._open is not None else None
        except OSError:  # it has ended already, or there are no descriptors left: looks go on all the same
            return
        if end is not None:
            self._ends[end] = engine
            self._poll.register(end, select.POLLIN)

    def _forget(self, end: int) -> str:
        self._poll.unregister(end)
        os.close(end)
        return self._ends.pop(end)

    def wait(self, seconds: float) -> bool:
        """Sleep so long; True, early, when one has ended, False, early, when somebody called `wake`."""
        ready = [end for end, _ in self._poll.poll(seconds * 1000)]
        if self._pipe[0] in ready:
            self._woken = False  # before the one byte is read: a `wake` meanwhile then leaves another
            os.read(self._pipe[0], 1)
        ended = [end for end in ready if end in self._ends]
        self._dead.update([self._forget(end) for end in ended])
        return bool(ended)

    def wake(self) -> None:
        """End this `wait`, or the next one, at once."""
        if self._pipe and not self._woken:
            self._woken = True
            os.write(self._pipe[1], b"x")

    def close(self) -> None:
        """When nobody waits any more, or in a forked child, which inherited the descriptors."""
        for end in (*self._ends, *self._pipe):
            os.close(end)
        self._ends.clear()
        self._pipe = ()
