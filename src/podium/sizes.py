"""Numbers of bytes as people say them."""

from __future__ import annotations

_UNITS = (("GB", 10**9), ("MB", 10**6), ("kB", 10**3))


def spelled_size(size: int) -> str:
    """ "152 bytes", "512 MB", "1.074 GB": four digits at most, by thousands."""
    for unit, bytes_of in _UNITS:
        if size >= bytes_of:
            return f"{size / bytes_of:.4g} {unit}"
    return f"{size} bytes"
