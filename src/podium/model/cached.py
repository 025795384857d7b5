"""Results on record that may stand for equal calls (`@task(cache=...)`): how an entry of history says so."""

from __future__ import annotations

import msgspec

CACHED = "cache:"  # begins the name of such a result


class CachedResult(msgspec.Struct, frozen=True):
    """A result on record that may stand for an equal call, and where it comes from."""

    key: str  # of the call, see `Function.cache_key`
    at: float  # when it was computed
    run: str  # where
    seq: int
    payload: bytes = b""

    @property
    def name(self) -> str:
        """The `Entry.name` of a result that was taken from there."""
        return f"{CACHED}{self.key} {self.at!r} {self.seq} {self.run}"


def cached_name(key: str) -> str:
    """The `Entry.name` of a result that was computed, and may stand for calls with this key."""
    return f"{CACHED}{key}"


def taken_from(name: str) -> CachedResult | None:
    """Where a result was taken from, by its `Entry.name`; None where it was computed."""
    parts = name.removeprefix(CACHED).split(" ", 3)
    if not name.startswith(CACHED) or len(parts) != 4:
        return None
    return CachedResult(parts[0], float(parts[1]), parts[3], int(parts[2]))
