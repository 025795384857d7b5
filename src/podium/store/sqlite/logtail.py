"""Whether what this handle committed last still stands in the log: a check after the fact.

Locks that were lost (see `locks`) let another process write over it, and nothing in SQLite would notice. So
each commit remembers the header of its last frame, which names its log by a salt and all before it by a
checksum, and the next one looks whether it is still there. Two reads of 24 bytes: about a microsecond each.
"""

from __future__ import annotations

import os
from pathlib import Path

from ...errors import StoreFatal
from . import protection
from .files import WAL

_HEADER, _FRAME_HEADER = 32, 24  # bytes: of the log, of each frame in it
_LOG_SALT, _FRAME_SALT = slice(16, 24), slice(8, 16)


class LogTail:
    """Reads the log of an open store. Closing its descriptor drops no lock: SQLite takes none on a log."""

    def __init__(self, file: Path, page_size: int) -> None:
        self._name = f"{file}{WAL}"
        with protection.allowed():
            self._descriptor = os.open(self._name, os.O_RDONLY | os.O_CLOEXEC)
        self._frame_size = _FRAME_HEADER + page_size
        self._place = 0
        self._last = b""

    def check(self) -> None:
        """Raises StoreFatal when the last commit of this handle was written over in its own log."""
        if not self._last or os.pread(self._descriptor, _FRAME_HEADER, self._place) == self._last:
            return
        if (
            os.pread(self._descriptor, _HEADER, 0)[_LOG_SALT] == self._last[_FRAME_SALT]
        ):  # else the log was begun anew since
            error = StoreFatal(
                f"{self._name}: another process has written over what this one had committed",
                fix="stop every process on the store (docs/files.md: what may touch it), then  podium doctor",
            )
            error.unknown = True
            raise error

    def remember(self, pages: int) -> None:
        """The log has so many frames since this handle's last commit."""
        self._place = _HEADER + (pages - 1) * self._frame_size
        self._last = os.pread(self._descriptor, _FRAME_HEADER, self._place)

    def close(self) -> None:
        os.close(self._descriptor)
