"""What a caller may say about a call, checked where it is said, whatever surface it comes from."""

from __future__ import annotations

import re

import msgspec

from ..errors import UsageError
from .terms import has_key

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")
_RULE = "letters, digits and ._:- are allowed, 128 at most, a letter or digit first"


class Call(msgspec.Struct, frozen=True):
    """What `options(...)` and `podium run` may say about a call. Raises UsageError where it cannot be."""

    id: str | None = None
    delay: float | None = None  # seconds
    tags: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.id is not None and not _ID.fullmatch(self.id):
            shown = self.id if len(self.id) <= 140 else f"{self.id[:40]}… ({len(self.id):,} characters)"
            raise UsageError(f"id={shown!r} cannot be the id of a run", fix=_RULE)
        if self.id is not None and has_key(self.id):
            key = self.id.partition(":")[0]
            raise UsageError(
                f"id={self.id!r} cannot be the id of a run: `podium runs` reads {key}: as a filter",
                fix=f"another word before the colon, or no colon: {self.id.replace(':', '-', 1)}",
            )
        if self.delay is not None and not 0 <= self.delay < 1e10:
            raise UsageError(f"options(delay={self.delay!r}): seconds from 0 to 1e10 are needed")
