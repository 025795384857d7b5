"""`OpenStore`: the store of an app, to look at, also while the app closes."""

from __future__ import annotations

from collections.abc import Callable

from ..model import EngineRow
from ..store import Store
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
