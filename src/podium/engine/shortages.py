"""Threads, memory or descriptors that the system did not give: said once, and tried again."""

from __future__ import annotations

import logging

from ..shortage import shortage_of

log = logging.getLogger("podium")


class ShortageLog:
    """Tells a shortage from a fault. Any thread."""

    def __init__(self) -> None:
        self._is_told = False

    def require(self, error: BaseException) -> None:
        """What failed for want of threads or memory is tried again; anything else is raised."""
        lack = shortage_of(error)
        if lack is None:
            raise error
        if not self._is_told:
            self._is_told = True
            log.warning("%s: %s", lack.message, lack.fix)
