"""What a store needs now and then, whoever does it: old messages that were taken are forgotten."""

from __future__ import annotations

from .context import Context

FIRST_SECONDS = 600.0  # after the start: most scripts end before
EVERY_SECONDS = 3600.0
BATCH = 1000  # messages in one commit


class Upkeep:
    """One engine's share; on a shared store that of any engine will do."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._due = context.env.monotonic() + FIRST_SECONDS

    def poll(self) -> None:
        """Forget some if it is time, in line with the commits."""
        context = self._context
        now = context.env.monotonic()
        if now >= self._due:
            self._due = now + EVERY_SECONDS
            before = context.env.now() - context.options.messages_kept
            context.committer.ask(lambda: context.store.expire(before, BATCH), self._expired)

    def _expired(self, count: int | None, error: BaseException | None) -> None:
        if error is None and count == BATCH:  # there may be more, which the next poll sees to
            self._due = self._context.env.monotonic()
