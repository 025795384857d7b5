"""A process without an engine starts runs, or waits for them: it says once if nothing drives these."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from .. import late
from ..errors import PodiumError
from ..inspect import has_function, living, offered
from ..inspect.undriven import undriven
from ..model import EngineRow
from ..opening import store_flag
from ..process import parents_store
from ..store import Store
from .open_store import OpenStore
from .profile import Profile

if TYPE_CHECKING:
    from ..inspect import whereabouts
else:
    whereabouts = late.module(globals(), "..inspect.whereabouts")


class UndrivenNotice:
    """Said once for each app."""

    def __init__(
        self, profile: Profile, store: Callable[[], Store], is_alive: Callable[[EngineRow], bool | None]
    ) -> None:
        """`is_alive`: whether an engine's process lives; None where that is not known."""
        self._profile, self._store, self._is_alive = profile, store, is_alive
        self._has_looked = False

    def tell(self, run: str) -> None:
        """A run was started, or is waited for."""
        if not self._has_looked:
            self._has_looked = True
            with contextlib.suppress(PodiumError):  # the store is in trouble: nothing would be certain
                self._look(run)

    def _look(self, run: str) -> None:
        profile = self._profile
        view = OpenStore(profile, self._store(), self._is_alive)
        row, engines = view.store.load(run), living(view)
        if row is None or (parents_store() and any(has_function(engine, row) for engine in engines)):
            return  # of an isolated task: the engine that drives it also drives what it waits for
        if undriven([row], engines):
            way = whereabouts.way_on(view, row, offered(engines))
            what = f"podium: run {run} waits, and nothing drives it: a worker of {row.function}"
            profile.tell(f"{what} does, or {way.command}{store_flag(profile.url)}")
