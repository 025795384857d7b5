"""The slots of executors: who may run now, and who lends its place because it only waits for runs."""

from __future__ import annotations

import functools
import threading
import weakref
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from .. import changes
from .attempt import Attempt, current_attempt


def _with_attempt(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def start(self: threading.Thread) -> None:
        attempt = attempt_here()
        if attempt is not None:
            vars(self)[_MARK] = weakref.ref(attempt)
        original(self)

    return start


_MARK = "_podium_attempt"
_THREADS = changes.declare_patch(
    ("threading.Thread.start", threading.Thread, "start", _with_attempt),
    when=changes.DECLARED,
    why="a thread that a task starts is known as its task's, which lends its slot where it waits for runs",
)
_THREADS.install_once()


def attempt_here() -> Attempt | None:
    """The attempt whose body runs here, in a context copied from it, or has started this thread."""
    attempt = current_attempt.get()
    if attempt is None:
        mark = vars(threading.current_thread()).get(_MARK)
        attempt = None if mark is None else mark()
    return attempt


def note_started_run() -> None:
    """Called where a run is started: the task that does so, if one does, may wait for it unseen."""
    attempt = attempt_here()
    if attempt is not None and attempt.slots is not None:
        attempt.slots.started_run(attempt)


class slot_lent:  # a function to those who use it; no generator, because every run that is awaited makes one
    """Around a wait for these runs. A task that waits lends its slot, because tasks of these very runs may be
    in line for one: were all slots held by bodies that wait, none would ever get one. Any thread."""

    __slots__ = ("_attempt", "_awaits", "_runs", "_slots")

    def __init__(self, runs: Iterable[str]) -> None:
        self._attempt = attempt_here()
        self._runs = () if self._attempt is None else tuple(runs)

    def __enter__(self) -> None:
        attempt = self._attempt
        if attempt is not None:
            self._slots, self._awaits = attempt.slots, attempt.services.awaits
            if self._slots is not None:
                self._slots.lend(attempt)
            if self._awaits is not None:
                self._awaits(attempt, self._runs, True)

    def __exit__(self, *_: object) -> None:
        attempt = self._attempt
        if attempt is not None:
            if self._awaits is not None:
                self._awaits(attempt, self._runs, False)
            if self._slots is not None:
                self._slots.restore(attempt)


class SlotLoad(NamedTuple):
    """How busy the slots of an executor are."""

    slots: int
    in_line: int  # attempts that have none
    begun: int  # attempts that ever had one
    holders_started_runs: bool


class LentSlots:
    """The attempts of one executor that wait for runs, each perhaps in several places at once.

    `starters` are those that have started runs, waiting or not.
    """

    def __init__(self) -> None:
        self._waits: dict[Attempt, int] = {}
        self.starters: set[Attempt] = set()

    def begin(self, attempt: Attempt) -> bool:
        """Count one more wait; whether it is the attempt's only one, so that its slot is lent now."""
        self._waits[attempt] = waits = self._waits.get(attempt, 0) + 1
        return waits == 1

    def end(self, attempt: Attempt) -> bool:
        """Count one less; whether the slot is the attempt's own again."""
        waits = self._waits.get(attempt, 0)  # 0: the attempt has ended, and what it started waits on
        if waits > 1:
            self._waits[attempt] = waits - 1
        return waits == 1 and self._waits.pop(attempt, None) is not None

    def drop(self, attempt: Attempt) -> bool:
        """The attempt has ended; whether it had lent its slot."""
        self.starters.discard(attempt)
        return self._waits.pop(attempt, None) is not None

    def __len__(self) -> int:
        return len(self._waits)
