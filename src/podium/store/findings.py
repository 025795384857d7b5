"""What a look at a store comes to, and at who holds it; what a copy of it came to."""

from __future__ import annotations

from typing import NamedTuple

import msgspec


class LockHolder(NamedTuple):
    """The process that holds a store's write lock. As text "process 4711 (sqlite3 podium.db)"."""

    pid: int
    command: str  # "" where that cannot be known

    def __str__(self) -> str:
        return f"process {self.pid} ({self.command})" if self.command else f"process {self.pid}"


class Finding(msgspec.Struct, frozen=True):
    """What a look at one aspect of a store found, and what to do where it is not well."""

    name: str  # "free space"
    is_well: bool
    text: str  # "12.35 GB"
    fix: str = ""


class Copied(msgspec.Struct, frozen=True):
    """What a backup came to."""

    file: str
    bytes: int
    runs: int
