"""Before an attempt at a cached task begins: is there a result on record that stands for its call?"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from itertools import starmap
from typing import NamedTuple

from ..codec import sizes_in
from ..errors import PodiumError
from ..executors import Attempt, Ended
from ..functions import Cache, Function
from ..model import CachedResult, cached_name
from ..store import Store
from .context import Context

log = logging.getLogger("podium")

TOLD_MAX = 1000  # warnings that are not said again


class _Look(NamedTuple):
    """What was found for a call: its key, the result on record, and why that could not be read."""

    key: str
    found: CachedResult | None
    problem: Exception | None = None


class CacheLookup:
    """Looks on the reader's thread. `begin` gets attempts whose body is to be called, `ended` the others."""

    ended: Callable[[Ended], None]

    def __init__(self, context: Context, begin: Callable[[Attempt], None]) -> None:
        self._env, self._store, self._reader = context.env, context.store, context.reader
        self._begin = begin
        self._looking: set[Attempt] = set()
        self._told: set[str] = set()

    def is_looking(self, attempt: Attempt) -> bool:
        """Whether an attempt waits for the answer."""
        return attempt in self._looking

    def look(self, attempt: Attempt, cache: Cache) -> None:
        """Begin the attempt, or end it with the result that there is."""
        self._looking.add(attempt)
        reads = not cache.refreshes and attempt.number == 1
        job = partial(_look, self._store, attempt.function, attempt.args, reads)
        self._reader.do(job, partial(self._looked, attempt, cache))

    def _looked(
        self, attempt: Attempt, cache: Cache, look: _Look | None, error: BaseException | None
    ) -> None:
        self._looking.discard(attempt)
        if attempt.cancelled:
            return
        if look is None:  # computing it anew is never wrong
            self._warn(f"{attempt.function.label}: no key for its cache: {_said(error)}")
            self._begin(attempt)
            return
        attempt.cached, found = cached_name(look.key), look.found
        if look.problem is not None:
            self._warn(f"{attempt.function.label}: its cache cannot be read: {_said(look.problem)}")
        if found is None or self._env.now() - found.at > cache.seconds:
            self._begin(attempt)
        else:
            attempt.cached = found.name
            self.ended(Ended(attempt, found.payload))

    def _warn(self, text: str) -> None:
        """Once: the calls of a map have one and the same problem."""
        if text not in self._told:
            if len(self._told) >= TOLD_MAX:
                self._told.clear()
            self._told.add(text)
            log.warning("%s", text)


def _look(store: Store, function: Function, args: bytes, reads: bool) -> _Look:
    """On the reader's thread: the key is computed there, too, for it looks at all that the code reads."""
    key = function.cache_key(args)
    try:
        found = store.cached(key) if reads else None
        if found is not None and not all(starmap(store.depot.is_whole, sizes_in(found.payload).items())):
            found = None  # its values are gone, as in a store whose file alone was moved, or damaged
        return _Look(key, found)
    except Exception as error:
        return _Look(key, None, error)


def _said(error: BaseException | None) -> str:
    if isinstance(error, PodiumError):
        return f"{error.message}; {error.fix}" if error.fix else error.message
    return f"{type(error).__name__}: {error}"
