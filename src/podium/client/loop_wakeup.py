"""How answers from the engine's thread reach a caller's event loop: many in one wake-up.

`asyncio.wrap_future` wakes the loop once per future, a system call and a fight for the interpreter lock
each; a commit that ends a hundred runs would pay it a hundred times. So the engine's thread wakes a caller
when it is done with what it has at hand, not in the middle of it.
"""

from __future__ import annotations

import asyncio
import weakref
from collections import deque
from functools import partial
from typing import TypeVar

from .told import Promise

T = TypeVar("T")


class LoopQueue:
    """Those in one event loop who are to go on. `post` from any thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = weakref.ref(loop)
        self._arrived: deque[asyncio.Future[None]] = deque()
        self._woken = False

    def post(self, here: asyncio.Future[None], _: object = None) -> None:
        """Have who awaits this go on, soon; dropped if the loop is gone."""
        self._arrived.append(here)
        if self._woken:
            return
        self._woken = True
        loop = asyncio._get_running_loop()  # the documented hook, named as private
        if loop is None:
            self._wake()
        else:
            loop.call_soon(self._wake)

    def _wake(self) -> None:
        loop = self._loop()
        try:
            if loop is not None:
                loop.call_soon_threadsafe(self._open)
        except RuntimeError:  # closed: nobody is waiting there any more
            self._arrived.clear()
            self._woken = False

    def _open(self) -> None:
        self._woken = False  # before looking, so that one that is posted meanwhile wakes again
        while self._arrived:
            here = self._arrived.popleft()
            if not here.done():  # else cancelled meanwhile, or posted twice
                here.set_result(None)


def in_event_loop() -> bool:
    """Whether the caller must not block: it runs in somebody's event loop."""
    return asyncio._get_running_loop() is not None  # the documented hook, named as private


_queues: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, LoopQueue] = weakref.WeakKeyDictionary()


def queue_of(loop: asyncio.AbstractEventLoop) -> LoopQueue:
    """The one of a loop. In that loop."""
    queue = _queues.get(loop)
    if queue is None:
        queue = _queues[loop] = LoopQueue(loop)
    return queue


async def wait_in_loop(future: Promise[T]) -> T:
    """Await what another thread answers. Cancelling the await leaves that alone."""
    if future.done():
        return future.result()
    loop = asyncio.get_running_loop()
    here: asyncio.Future[None] = loop.create_future()
    future.add_done_callback(partial(queue_of(loop).post, here))
    await here
    return future.result()
