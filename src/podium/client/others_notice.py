"""What else waits: an app says once which runs nothing drives, and the command that does."""

from __future__ import annotations

import difflib
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Protocol

from ..env import Env
from ..errors import StoreError
from ..functions import Function
from ..inspect.undriven import undriven
from ..model import EngineRow, Query, RunRow
from ..store import Store
from .location import store_flag
from .process import Drives

DELAY_SECONDS = 1.0  # after the first start: until then a script has called what it is to go on with
LOOKED_AT = 200


class Opening(Protocol):
    """What an app shows here."""

    url: str
    env: Env
    drives: Drives
    starter: str
    functions: Mapping[str, Function]

    def tell(self, _: str, /) -> None: ...

    def is_alive(self, engine: EngineRow) -> bool | None: ...


class OthersNotice:
    """Said a moment after the app has begun, or when it closes before that."""

    def __init__(self, app: Opening) -> None:
        self._app = app
        self._begun = False
        self._closing = threading.Event()
        self._lock = threading.Lock()

    def begin(self, store: Store, wanted: Callable[[], Collection[str]]) -> None:
        """The app has begun. `wanted` tells which runs this process has started or waits for."""
        if not self._begun:
            self._begun = True
            try:
                self._app.env.spawn(self._later, store, wanted, name="podium-others")
            except RuntimeError:  # no thread is to be had: then it is said when the app closes
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
            living = [engine for engine in store.engines() if self._app.is_alive(engine) is not False]
        except StoreError:  # then there is nothing that would be certain
            return
        left = [row for row in undriven(rows, living) if row.id not in wanted]
        known = [row for row in left if row.function in self._app.functions]
        if known and self._app.drives == "own":  # else it takes them
            self._app.tell(self._waiting(known))
        for function in dict.fromkeys(row.function for row in left):
            if function not in self._app.functions and self._was_ours(function, left):
                self._app.tell(self._renamed(function, [row for row in left if row.function == function]))

    def _waiting(self, rows: Sequence[RunRow]) -> str:
        flag = store_flag(self._app.url)
        many = f"{len(rows)}{'+' if len(rows) >= LOOKED_AT else ''} other runs wait, and nothing drives them"
        what = "1 other run waits, and nothing drives it" if len(rows) == 1 else many
        more = "" if len(rows) == 1 else f", podium runs status:open{flag}"
        return f"podium: {what}: podium resume {rows[-1].id}{flag}{more}"

    def _was_ours(self, function: str, rows: Sequence[RunRow]) -> bool:
        """Whether a function that nobody offers has been in this program."""
        modules = {name.partition(":")[0] for name in self._app.functions}
        return function.partition(":")[0] in modules or any(
            self._app.starter and row.starter == self._app.starter for row in rows if row.function == function
        )

    def _renamed(self, function: str, rows: Sequence[RunRow]) -> str:
        new = difflib.get_close_matches(function, list(self._app.functions), 1) or ["NEW"]
        runs = "1 run waits" if len(rows) == 1 else f"{len(rows)} runs wait"
        return (
            f"podium: {runs} for {function}, which is not there any more: bring it back, or: "
            f"podium rename {function} {new[0]}{store_flag(self._app.url)}"
        )
