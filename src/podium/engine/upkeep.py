"""What a store needs now and then, whoever does it: what is old enough is forgotten, and values that nothing
names are removed."""

from __future__ import annotations

import logging

from ..depot import UNNAMED_SECONDS
from .context import Context

log = logging.getLogger("podium")

FIRST_SECONDS = 600.0  # after the start: most scripts end before
EVERY_SECONDS = 3600.0
BATCH = 1000  # messages, or points of series, in one commit


class Upkeep:
    """One engine's share; on a shared store that of any engine will do."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._due = context.env.monotonic() + FIRST_SECONDS

    def poll(self) -> None:
        """Forget some if it is time, in line with the commits."""
        now = self._context.env.monotonic()
        if now >= self._due:
            self._due = now + EVERY_SECONDS
            self._context.committer.ask(self._forget, self._forgot)
            unnamed = self._context.env.now() - UNNAMED_SECONDS
            self._context.reader.do(lambda: self._context.store.sweep(unnamed), _swept)

    def _forget(self) -> bool:
        """Whether there may be more."""
        store, options, now = self._context.store, self._context.options, self._context.env.now()
        messages = store.expire(now - options.messages_kept, BATCH)
        points = store.forget_measures(now - options.measures_kept, BATCH)
        return BATCH in (messages, points)

    def _forgot(self, is_more: bool | None, error: BaseException | None) -> None:
        if error is None and is_more:  # the next poll sees to it
            self._due = self._context.env.monotonic()


def _swept(_: tuple[int, int] | None, error: BaseException | None) -> None:
    if error is not None:  # the next one will
        log.info("values that nothing names could not be removed: %s", error)
