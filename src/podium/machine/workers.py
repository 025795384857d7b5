"""Worker greenlets: the branches of workflows run in them, whichever run they are of."""

from __future__ import annotations

import threading

from greenlet import getcurrent, greenlet

from .parts import RunLoop

_IDLE_MAX = 8


class _Workers(threading.local):
    """Those without work, kept per thread: making one costs thirty times a switch to it."""

    def __init__(self) -> None:
        self.idle: list[greenlet] = []


workers = _Workers()


def new_worker() -> greenlet:
    """One more for this thread; whoever switches to it gives it the loop to serve."""
    worker = greenlet(_serve)
    worker.switch()
    return worker


def end_idle_workers() -> None:
    """Before a thread that drove runs ends: greenlets that it leaves behind, nobody can ever free."""
    while workers.idle:
        worker = workers.idle.pop()
        worker.parent = getcurrent()
        worker.throw()


def _serve() -> None:
    """Body of a worker: serve one loop's queue after another.

    Each comes by a switch: as an argument of this function it would be kept for as long as the worker lives.
    """
    idle = workers.idle
    parent = getcurrent().parent
    assert parent is not None
    loop: RunLoop = parent.switch()
    while True:
        loop.work()
        if len(idle) >= _IDLE_MAX:
            return
        idle.append(getcurrent())
        hub = loop.hub
        del loop  # idle, it would keep a run that has ended
        loop = hub.switch()
