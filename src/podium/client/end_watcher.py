"""Watching for the ends of runs in a process without an engine: one thread for all, after each change."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from typing import Any

from ..engine import End, seen
from ..env import Env
from ..errors import EngineStopped, ResourceShortage, RunNotFound, StoreUnavailable
from ..store import Store

LOOK_SECONDS = 0.5  # how often to look unasked
LOOK_PAUSE = 0.002  # s for each run looked at: who commits all the time must not keep us busy
BATCH = 200  # runs looked at in one go, those longest unlooked at first

CLOSED = "this app was closed; the run goes on where somebody drives it"

Then = Callable[[End | BaseException], None]


def settle(future: Future[Any]) -> Callable[[Any], None]:
    """What completes a future with a value or, given an exception, with that."""

    def settle(answer: Any) -> None:
        try:
            if isinstance(answer, BaseException):
                future.set_exception(answer)
            else:
                future.set_result(answer)
        except InvalidStateError:  # cancelled meanwhile, or its start failed for the caller, who was told so
            pass

    return settle


class EndWatcher:
    """Callbacks by run. Each is called once: with the run's end, or with the error that keeps it from us."""

    def __init__(self, env: Env, store: Callable[[], Store]) -> None:
        self._env, self._store = env, store
        self._lock = threading.Lock()
        self._then: dict[str, list[tuple[Then, float | None]]] = {}
        self._serving = False
        self._closed = threading.Event()

    def add(self, run: str, then: Then, created: float | None = None) -> None:
        """Have `then` called, on some thread, when the run is final, parked or gone."""
        with self._lock:
            self._then.setdefault(run, []).append((then, created))
            begins, self._serving = not self._serving, True
        if begins:
            self._begin()
        elif self._closed.is_set():
            self._fail(EngineStopped(CLOSED))
        else:
            # The thread may be asleep, and what has ended already makes no change that wakes it. Without a
            # store it looks itself, when that is back.
            with suppress(StoreUnavailable):
                self._look([run])

    def remove(self, run: str, then: Then) -> None:
        """Have it called no more."""
        with self._lock:
            left = [one for one in self._then.pop(run, ()) if one[0] is not then]
            if left:
                self._then[run] = left

    def _begin(self) -> None:
        try:
            self._env.spawn(self._serve, name="podium-wait")
        except ResourceShortage as lack:
            self._serving = False
            self._fail(lack)

    def close(self) -> None:
        """Tell everybody who waits that this app was closed."""
        self._closed.set()
        self._fail(EngineStopped(CLOSED))

    def _serve(self) -> None:
        while not self._closed.is_set():
            try:
                chosen = self._chosen()
                self._look(chosen)
                with self._lock:
                    if not self._then:
                        self._serving = False
                        return
                if self._store().wait(LOOK_SECONDS, changes=True):
                    self._closed.wait(LOOK_PAUSE * len(chosen))  # looking must not be all that we do
            except StoreUnavailable:
                self._closed.wait(LOOK_SECONDS)
            except Exception as error:  # ours too: this thread is the only one that tells them
                self._fail(error)
        self._fail(EngineStopped(CLOSED))  # whoever came meanwhile

    def _chosen(self) -> list[str]:
        with self._lock:
            chosen = list(self._then)[:BATCH]
            for run in chosen:
                self._then[run] = self._then.pop(run)
        return chosen

    def _look(self, runs: Sequence[str]) -> None:
        rows = self._store().statuses(runs)
        told: list[tuple[Then, End | RunNotFound]] = []
        with self._lock:
            for run in runs:
                row, waiting = rows.get(run), self._then.pop(run, [])
                for then, created in waiting:
                    came = seen(run, row, created)
                    if came is not None:
                        told.append((then, came))
                    elif row is not None:
                        self._then.setdefault(run, []).append((then, row.created))
        for then, came in told:
            then(came)

    def _fail(self, error: BaseException) -> None:
        with self._lock:
            waiting, self._then = self._then, {}
        for thens in waiting.values():
            for then, _ in thens:
                then(error)
