"""Results of a megabyte for W8: noise, which cannot be packed; no two alike, as those would be kept once."""

from __future__ import annotations

import itertools
import random

MEGABYTE = 1_000_000
_HEAD = 8
_NOISE = random.Random(8).randbytes(MEGABYTE - _HEAD)
_TEXT = random.Random(8).randbytes((MEGABYTE - _HEAD) // 2).hex()
_made = itertools.count()


def megabyte() -> bytes:
    """A new one; next to no time is spent on it."""
    return next(_made).to_bytes(_HEAD, "big") + _NOISE


def megabyte_of_text() -> str:
    """A new one, for an engine that keeps JSON."""
    return f"{next(_made):0{_HEAD}}{_TEXT}"
