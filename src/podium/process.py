"""What threads are at, what this process does with signals, and what a fork must not inherit of that.

A forked process has no engine to stop and no run to hand back: what a signal means to us means nothing there.
Its parent counts on the usual meaning (`Process.terminate()`, `with multiprocessing.Pool()`).
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Collection
from types import FrameType
from typing import Any

from . import changes

Handler = Callable[[int, FrameType | None], None]


class _Thread(threading.local):
    drives_loop = False


_thread = _Thread()


def drive_loop() -> None:
    """This thread drives an event loop of ours: whatever it waits for, all tasks there wait for."""
    _thread.drives_loop = True


def drives_loop() -> bool:
    """Whether this thread does."""
    return _thread.drives_loop


_before: dict[int, Any] = {}  # by signal that we handle: what was there before
_ENDING = frozenset({signal.SIGINT, signal.SIGTERM})


class _Forking(threading.local):
    mask: Collection[int] | None = None  # this thread's, before it began to fork


_forking = _Forking()


def frame_of(thread: int) -> FrameType | None:
    """The innermost frame of a thread. Not to be kept: who holds a frame of its own holds in a cycle all that
    its callers hold, until the collector comes."""
    return sys._current_frames().get(thread)  # pyright: ignore[reportPrivateUsage]  # documented all the same


def frames() -> list[FrameType]:
    """The innermost frame of each thread. Not to be kept, as above."""
    return list(sys._current_frames().values())  # pyright: ignore[reportPrivateUsage]  # documented all the same


def handle(number: int, handler: Handler) -> None:
    """Have `handler` called on a signal, in this process and in none that is forked from it. Main thread.

    It is the `install` of a change that the caller declares.
    """
    before = signal.signal(number, handler)
    _before.setdefault(number, before)


def let_go(number: int) -> None:
    """Undo `handle`: what was there before it is there again. Main thread."""
    if number in _before:
        before = _before.pop(number)
        signal.signal(number, signal.SIG_DFL if before is None else before)


def kill_by(number: int) -> None:
    """End this process as if nobody had said what this signal does."""
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


class _Bell:
    """A pipe into which Python writes the number of each signal in the moment that it comes. Whose handler it
    is, and whether the main thread comes to it soon, does not matter; nor is any handler changed."""

    def __init__(self) -> None:
        self._out = self._ring = -1
        self._count = 0
        self._lock = threading.Lock()

    def hang(self) -> None:
        if "trio" in sys.modules:  # it warns of anybody who has been there before it
            return
        if self._ring == -1:
            try:
                self._out, self._ring = os.pipe()
            except OSError:  # we can do without
                return
            os.set_blocking(self._out, False)
            os.set_blocking(self._ring, False)
        self._change(self._ring)

    def count(self) -> int:
        with self._lock:
            try:
                while self._out != -1 and (numbers := os.read(self._out, 4096)):
                    self._count += sum(number in _ENDING for number in numbers)
            except BlockingIOError:
                pass
            return self._count

    def pending(self) -> int:
        """How many have come to this process and wait for a thread that is to take them: on a busy machine
        those who have had the same signal are gone before. Only Linux tells."""
        if self._out == -1:
            return 0
        try:
            with open("/proc/self/status", "rb") as status:
                line = next(line for line in status if line.startswith(b"ShdPnd:"))
        except (OSError, StopIteration):
            return 0
        bits = int(line.split()[1], 16)
        return sum(bits >> number - 1 & 1 for number in _ENDING)

    def take_down(self) -> None:
        """In a forked child, where no lock of a thread that is not there is to be waited for."""
        if self._ring != -1:
            self._change(-1)
            os.close(self._out)
            os.close(self._ring)
        self.__init__()

    def _change(self, ring: int) -> None:
        before = signal.set_wakeup_fd(ring, warn_on_full_buffer=False)
        if before not in (-1, self._ring):  # an event loop's, which handles signals so
            signal.set_wakeup_fd(before, warn_on_full_buffer=False)


_bell = _Bell()


def hear() -> None:
    """Count from now on what `signals_heard` tells. Main thread.

    It is the `install` of a change that the caller declares.
    """
    _bell.hang()


def signals_heard() -> int:
    """How many signals that end a process, if nobody handles them, have come to this one, as far as it hears
    them. Any thread."""
    pending = _bell.pending()  # before those that have come through meanwhile
    return pending + _bell.count()


def _hold_signals() -> None:
    """What arrives at the child before it has let go of our handlers must wait: Python forgets it else."""
    _forking.mask = signal.pthread_sigmask(signal.SIG_BLOCK, _before) if _before else None


def _take_signals() -> None:
    mask, _forking.mask = _forking.mask, None
    if mask is not None:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _in_child() -> None:
    for number in list(_before):
        let_go(number)
    _bell.take_down()
    _take_signals()


changes.at_fork(
    "signals",
    when=changes.DECLARED,
    why="a child inherits none of our signal handlers, so that it can be terminated",
    before=_hold_signals,
    in_parent=_take_signals,
    in_child=_in_child,
)


# -- whose process it is ----------------------------------------------------------------------------

_store = ""  # the URL of the store whose task this process runs; "" in any other process


def run_tasks_of(store: str) -> None:
    """This process runs tasks of an engine on that store. (No environment variable: what a task starts
    would inherit it.)"""
    global _store  # noqa: PLW0603  # the process belongs to one engine for its whole life
    _store = store


_has_driven = _is_of_cluster = False


def drive() -> None:
    """This process has an engine."""
    global _has_driven  # noqa: PLW0603  # whatever becomes of the engine
    _has_driven = True


def run_bodies() -> None:
    """This process is a worker of a cluster: it runs bodies for engines elsewhere. Not where a cluster was
    made inside a process that has an engine."""
    global _is_of_cluster  # noqa: PLW0603  # the first body tells, and it stays one
    _is_of_cluster = not _has_driven


def is_of_cluster() -> bool:
    """Whether this process has run a body as a worker of a cluster."""
    return _is_of_cluster


def parents_store() -> str:
    """The URL of the store whose task this process runs, and whose runs others drive; "" in any other one."""
    return _store
