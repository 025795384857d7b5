"""Runs tasks in processes of their own, which can be killed, capped and may crash.

Not concurrent.futures.ProcessPoolExecutor: one crash breaks that whole pool, nothing of it can be killed for
one task's sake, and it speaks pickle. Here a process belongs to one attempt at a time, and what becomes of
it is that attempt's outcome. One thread does it all: it owns the children (`pool.py`), so that there are no
locks; other threads leave it orders.
"""

from __future__ import annotations

import contextlib
import logging
import selectors
import socket
import threading
from collections import deque
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

from ..depot import Depot
from ..env import Env
from .attempt import Attempt, Ended
from .output import Said
from .slots import SlotLoad

if TYPE_CHECKING:
    from .pool import Pool

log = logging.getLogger("podium")

CLOSE_SECONDS = 3.0  # for all to end: more than a child gets before it is killed


class ProcessExecutor:
    """At most `slots` tasks at once (0: one per core), the rest in line. Starts nothing until asked to."""

    def __init__(
        self,
        env: Env,
        ended: Callable[[Ended], None],
        said: Said,
        logged: Callable[[Attempt, logging.LogRecord], None],
        failed: Callable[[BaseException], None],
        slots: int,
        store: str,
        depot: Depot,
    ) -> None:
        """`said` gets each line that a task prints, `logged` its log records, `failed` what breaks this
        executor; all in its thread, so none of them may wait. `store`: its URL, for what tasks ask of
        it; `depot`: its values.
        """
        self._env, self._ended, self._said, self._logged, self._failed = env, ended, said, logged, failed
        self._slots, self._store, self._depot = slots, store, depot
        self._orders: deque[tuple[Callable[..., None], tuple[Any, ...]]] = deque()
        self._woken = False
        self._pool: Pool | None = None
        self._bell: socket.socket | None = None
        self._thread: threading.Thread | None = None

    def submit(self, attempt: Attempt) -> None:
        """Run the attempt now or when a slot is free. Engine thread only."""
        pool = self._pool or self._open()
        self._order(pool.take, attempt)

    @property
    def load(self) -> SlotLoad:
        """Any thread."""
        return SlotLoad(self._slots, 0, 0, False) if self._pool is None else self._pool.load

    def cancel(self, attempt: Attempt) -> None:
        """Stop the body, by force if need be; its outcome is dropped. Engine thread only."""
        attempt.cancelled = True
        if self._pool is not None:
            self._order(self._pool.cancel, attempt)

    def close(self) -> None:
        """End every process: the idle at once, the others after a moment to clean up."""
        if self._pool is not None and self._thread is not None and self._bell is not None:
            self._order(self._pool.close)
            self._thread.join(CLOSE_SECONDS)
            self._bell.close()
            self._bell = None

    def forget(self) -> None:
        """In a forked process of ours: let go of the descriptors, or it would keep the children alive."""
        if self._pool is not None and self._bell is not None:
            self._pool.forget()
            self._bell.close()

    def _open(self) -> Pool:
        """Raises ResourceShortage and OSError."""
        module = import_module(".pool", __package__)  # only now: most programs start without it, and quicker
        with contextlib.ExitStack() as undo:
            selector = undo.enter_context(selectors.DefaultSelector())
            bell, other = socket.socketpair()
            undo.callback(bell.close)
            undo.callback(other.close)
            selector.register(bell, selectors.EVENT_READ, lambda: bell.recv(4096))
            pool: Pool = module.Pool(
                self._env,
                selector,
                self._ended,
                self._said,
                self._slots,
                self._store,
                self._depot,
                self._logged,
                self._order,
            )
            self._thread = self._env.spawn(self._serve, pool, selector, bell, name="podium-processes")
            undo.pop_all()
        self._pool, self._bell = pool, other
        return pool

    def _order(self, act: Callable[..., None], *args: Any) -> None:
        self._orders.append((act, args))
        if not self._woken and self._bell is not None:
            self._woken = True
            try:
                self._bell.send(b"\0")
            except OSError:  # the pool has failed, and the engine is about to hear of it
                pass

    def _serve(self, pool: Pool, selector: selectors.BaseSelector, bell: socket.socket) -> None:
        try:
            while not pool.is_over:
                for key, _ in selector.select(pool.patience()):
                    key.data()
                self._woken = False  # before looking, so that an order given meanwhile wakes again
                while self._orders:
                    act, args = self._orders.popleft()
                    act(*args)
                pool.tick()
        except Exception as error:  # ours: nobody may wait for ever for a pool that is gone
            log.exception("the pool of processes for tasks failed")
            pool.abandon()
            self._failed(error)
        selector.close()
        bell.close()
