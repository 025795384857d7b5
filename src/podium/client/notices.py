"""Notices to the person at the terminal."""

from __future__ import annotations

import contextlib
import os
import sys


def tell(text: str) -> None:
    """One line; `PODIUM_QUIET=1` keeps it back. Nobody's work ends because nobody can read it."""
    if os.environ.get("PODIUM_QUIET") == "1" or sys.stderr is None:  # closed before Python began
        return
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()
