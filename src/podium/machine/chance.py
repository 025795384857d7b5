"""Chance that is the same in every replay: ids and draws of a body, by where they are asked for."""

from __future__ import annotations

import random
import uuid
from hashlib import blake2b

from .scope import Scope


class Chance:
    """What a run draws. `lineage` names the run and what it was retried or forked from, see `lineage_of`."""

    def __init__(self, lineage: str) -> None:
        self._lineage = lineage

    def uuid4(self, scope: Scope) -> uuid.UUID:
        """A version 4 UUID."""
        bits = bytearray(self._bytes(scope.identify("uuid4")))
        bits[6] = bits[6] & 0x0F | 0x40
        bits[8] = bits[8] & 0x3F | 0x80
        return uuid.UUID(bytes=bytes(bits))

    def random(self, scope: Scope) -> random.Random:
        """A generator, seeded by run and place."""
        return random.Random(self._bytes(scope.identify("random")))

    def _bytes(self, identity: str) -> bytes:
        return blake2b(f"{self._lineage}/{identity}".encode(), digest_size=16).digest()
