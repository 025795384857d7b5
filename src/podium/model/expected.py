"""A signal that a run which only waits receives, as data: what `podium why` says of it.

No other row tells: a signal that is received is on record when it has come. It stands where the reason of a
parked run does, put there by the Write with which the run leaves memory (`engine.expecting`).
"""

from __future__ import annotations

import msgspec


class Expected(msgspec.Struct, frozen=True):
    """A signal that is received, and until when, UTC seconds."""

    signal: str
    due: float | None = None


def read_expected(payload: bytes) -> list[Expected]:
    """What a waiting run receives; none of a run that Podium 0.1 let wait, nor of one that was parked as its
    parent asked it to stop: there stands the reason still."""
    return msgspec.json.decode(payload, type=list[Expected]) if payload[:1] == b"[" else []
