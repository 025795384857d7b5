"""What else waits: an app says once which runs nothing drives, and the command that does."""

from __future__ import annotations

import difflib
import threading
from collections.abc import Callable, Collection, Sequence

from ..errors import ResourceShortage, StoreError
from ..inspect.undriven import undriven
from ..model import EngineRow, Query, RunRow
from ..store import Store
from .location import store_flag
from .profile import Profile

DELAY_SECONDS = 1.0  # after the first start: until then a script has called what it is to go on with
LOOKED_AT = 200


class OthersNotice:
    """Said a moment after the app has begun, or when it closes before that."""

    def __init__(self, profile: Profile, is_alive: Callable[[EngineRow], bool | None]) -> None:
        """`is_alive`: whether an engine's process lives; None where that is not known."""
        self._profile, self._is_alive = profile, is_alive
        self._begun = False
        self._closing = threading.Event()
        self._lock = threading.Lock()

    def begin(self, store: Store, wanted: Callable[[], Collection[str]]) -> None:
        """The app has begun. `wanted` tells which runs this process has started or waits for."""
        if not self._begun:
            self._begun = True
            try:
                self._profile.env.spawn(self._later, store, wanted, name="podium-others")
            except ResourceShortage:  # then it is said when the app closes
                pass

    def _later(self, store: Store, wanted: Callable[[], Collection[str]]) -> None:
        if not self._closing.wait(DELAY_SECONDS):
            with self._lock:
                if not self._closing.is_set():
                    self._closing.set()
                    self._say(store, wanted())

    def close(self, store: Store, wanted: Collection[str]) -> None:
        """The app closes: say it now, if it was not said."""
        with self._lock:
            if self._begun and not self._closing.is_set():
                self._closing.set()
                self._say(store, wanted)

    def _say(self, store: Store, wanted: Collection[str]) -> None:
        try:
            rows = store.find(Query(unowned=True, limit=LOOKED_AT))
            living = [engine for engine in store.engines() if self._is_alive(engine) is not False]
        except StoreError:  # then there is nothing that would be certain
            return
        left = [row for row in undriven(rows, living) if row.id not in wanted]
        known = [row for row in left if row.function in self._profile.functions]
        if known and self._profile.drives == "own":  # else it takes them
            self._profile.tell(self._waiting(known))
        for function in dict.fromkeys(row.function for row in left):
            if function not in self._profile.functions and self._was_ours(function, left):
                self._profile.tell(self._renamed(function, [row for row in left if row.function == function]))

    def _waiting(self, rows: Sequence[RunRow]) -> str:
        flag = store_flag(self._profile.url)
        many = f"{len(rows)}{'+' if len(rows) >= LOOKED_AT else ''} other runs wait, and nothing drives them"
        what = "1 other run waits, and nothing drives it" if len(rows) == 1 else many
        more = "" if len(rows) == 1 else f", podium runs status:open{flag}"
        return f"podium: {what}: podium resume {rows[-1].id}{flag}{more}"

    def _was_ours(self, function: str, rows: Sequence[RunRow]) -> bool:
        """Whether a function that nobody offers has been in this program."""
        starter = self._profile.starter
        modules = {name.partition(":")[0] for name in self._profile.functions}
        return function.partition(":")[0] in modules or any(
            starter and row.starter == starter for row in rows if row.function == function
        )

    def _renamed(self, function: str, rows: Sequence[RunRow]) -> str:
        new = difflib.get_close_matches(function, list(self._profile.functions), 1) or ["NEW"]
        runs = "1 run waits" if len(rows) == 1 else f"{len(rows)} runs wait"
        return (
            f"podium: {runs} for {function}, which is not there any more: bring it back, or: "
            f"podium rename {function} {new[0]}{store_flag(self._profile.url)}"
        )
