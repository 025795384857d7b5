"""Who waits for ends without an engine: a store in trouble is waited out, whoever asked first."""

from __future__ import annotations

import threading
from typing import Any, cast

from podium.client.end_watcher import EndWatcher
from podium.env import RealEnv
from podium.errors import EngineStopped, RunNotFound, StoreUnavailable
from podium.store import Store
from tests.waiting import until


class _Troubled:
    """Cannot be asked until it is mended; knows no run, and says so of those that were there."""

    def __init__(self) -> None:
        self.is_mended = threading.Event()
        self.asked = 0

    def statuses(self, runs: list[str]) -> dict[str, Any]:
        self.asked += 1
        if not self.is_mended.is_set():
            raise StoreUnavailable("connection lost")
        return {}

    def wait(self, timeout: float, changes: bool = False) -> bool:
        if not self.is_mended.is_set():
            raise StoreUnavailable("connection lost")
        return self.is_mended.wait(min(timeout, 0.01))


def test_each_waiter_outlives_trouble_of_the_store() -> None:
    store = _Troubled()
    watcher = EndWatcher(RealEnv(), lambda: cast(Store, store))
    told: list[tuple[str, object]] = []
    watcher.add("first", lambda end: told.append(("first", end)), created=1.0)
    until(lambda: store.asked, "the first look")
    watcher.add("second", lambda end: told.append(("second", end)), created=1.0)
    assert told == []
    store.is_mended.set()
    until(lambda: len(told) == 2, "both are told")
    assert {name for name, _ in told} == {"first", "second"}
    assert all(isinstance(end, RunNotFound) for _, end in told)


def test_closing_tells_all_who_wait() -> None:
    watcher = EndWatcher(RealEnv(), lambda: cast(Store, _Troubled()))
    told: list[object] = []
    watcher.add("first", told.append, created=1.0)
    watcher.add("second", told.append, created=1.0)
    watcher.close()
    until(lambda: len(told) == 2, "both are told")
    assert all(isinstance(end, EngineStopped) for end in told)
