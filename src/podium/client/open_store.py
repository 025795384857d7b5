"""`OpenStore`: the store of an app, to look at, also while the app closes."""

from __future__ import annotations

from collections.abc import Callable

from ..executors import parents_store
from ..inspect import has_function, living, offered, undriven, way_on
from ..model import EngineRow
from ..store import Store
from .location import store_flag
from .profile import Profile


class OpenStore:
    """A `StoreView`."""

    def __init__(self, profile: Profile, store: Store, is_alive: Callable[[EngineRow], bool | None]) -> None:
        self.store, self.url = store, profile.url
        self.env, self.options = profile.env, profile.options
        self._is_alive = is_alive

    def is_alive(self, engine: EngineRow) -> bool | None:
        """Whether an engine's process lives; None where only its lease can tell."""
        return self._is_alive(engine)


def tell_undriven(profile: Profile, view: OpenStore, run: str) -> None:
    """Say that nobody is there to drive a run that a process without an engine has started, or waits for."""
    row, engines = view.store.load(run), living(view)
    if row is None or (parents_store() and any(has_function(engine, row) for engine in engines)):
        return  # of an isolated task: the engine that drives it also drives what it waits for
    if undriven([row], engines):
        way = way_on(view, row, offered(engines))
        what = f"podium: run {run} waits, and nothing drives it: a worker of {row.function}"
        profile.tell(f"{what} does, or {way.command}{store_flag(profile.url)}")
