"""Which signals a run that only waits receives, written down as it leaves memory."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

import msgspec

from ..machine import OutsideStep, ReceiveStep
from ..model import Expected

_KEPT = 10  # of a run that receives many


def write_expected(outside: Iterable[OutsideStep]) -> bytes:
    """The payload of a waiting run; b"" where it receives no signal."""
    receiving = (step for step in outside if isinstance(step, ReceiveStep))
    kept = [
        Expected(step.target, None if step.timer is None else step.timer.due)
        for step in islice(receiving, _KEPT)
    ]
    return msgspec.json.encode(kept) if kept else b""
