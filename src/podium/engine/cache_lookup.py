"""Before an attempt at a cached task begins: is there a result on record that stands for its call?"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial

from ..errors import PodiumError
from ..executors import Attempt, Ended
from ..functions import Cache
from ..model import CachedResult, cached_name
from .context import Context

log = logging.getLogger("podium")


class CacheLookup:
    """Looks on the reader's thread. `begin` gets attempts whose body is to be called, `ended` the others."""

    ended: Callable[[Ended], None]

    def __init__(self, context: Context, begin: Callable[[Attempt], None]) -> None:
        self._env, self._store, self._reader = context.env, context.store, context.reader
        self._begin = begin
        self._looking: set[Attempt] = set()

    def is_looking(self, attempt: Attempt) -> bool:
        """Whether an attempt waits for the answer."""
        return attempt in self._looking

    def look(self, attempt: Attempt, cache: Cache) -> None:
        """Begin the attempt, or end it with the result that there is."""
        try:
            key = attempt.function.cache_key(attempt.args)
        except PodiumError as error:  # the body's call will say what is wrong, if anything is
            log.warning("%s: no key for its cache: %s", attempt.function.label, error.message)
            self._begin(attempt)
            return
        attempt.cached = cached_name(key)
        if cache.refreshes or attempt.number > 1:
            self._begin(attempt)
            return
        self._looking.add(attempt)
        self._reader.do(partial(self._store.cached, key), partial(self._found, attempt, cache))

    def _found(
        self, attempt: Attempt, cache: Cache, found: CachedResult | None, error: BaseException | None
    ) -> None:
        self._looking.discard(attempt)
        if attempt.cancelled:
            return
        if error is not None:  # computing it anew is never wrong
            log.warning("%s: its cache cannot be read: %s", attempt.function.label, error)
        if found is None or self._env.now() - found.at > cache.seconds:
            self._begin(attempt)
        else:
            attempt.cached = found.name
            self.ended(Ended(attempt, found.payload))
