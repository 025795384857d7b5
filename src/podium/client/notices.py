"""Notices to the person at the terminal."""

from __future__ import annotations

import os
import sys


def tell(text: str) -> None:
    """One line; `PODIUM_QUIET=1` keeps it back."""
    if os.environ.get("PODIUM_QUIET") != "1":
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()
