"""Which signals a run that only waits receives, as data: what `podium why` says of it.

No other row tells: a signal that is received is on record when it has come. It stands where the reason of a
parked run does, put there by the Write with which the run leaves memory.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

import msgspec

from ..machine import OutsideStep, ReceiveStep

_KEPT = 10  # of a run that receives many


class Expected(msgspec.Struct, frozen=True):
    """A signal that is received, and until when, UTC seconds."""

    signal: str
    due: float | None = None


def write_expected(outside: Iterable[OutsideStep]) -> bytes:
    """The payload of a waiting run; b"" where it receives no signal."""
    receiving = (step for step in outside if isinstance(step, ReceiveStep))
    kept = [
        Expected(step.target, None if step.timer is None else step.timer.due)
        for step in islice(receiving, _KEPT)
    ]
    return msgspec.json.encode(kept) if kept else b""


def read_expected(payload: bytes) -> list[Expected]:
    """The way back; none of a run that Podium 0.1 let wait."""
    return msgspec.json.decode(payload, type=list[Expected]) if payload else []
