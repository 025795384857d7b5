"""What a caller may say about a call, checked where it is said, whatever surface it comes from."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from ..checks import check_seconds
from ..errors import UsageError
from ..inspect import has_key

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")
_RULE = "letters, digits and ._:- are allowed, 128 at most, a letter or digit first"


class StartOptions(msgspec.Struct, frozen=True):
    """What `options(...)` and `podium run` may say about a call. Raises UsageError where it cannot be."""

    id: str | None = None
    delay: float | None = None  # seconds
    tags: tuple[str, ...] = ()
    outlive: bool = False  # in a workflow: the run goes on when the one that started it ends

    def __post_init__(self) -> None:
        id: Any = self.id  # as given, which nobody has looked at yet
        if id is not None and not (isinstance(id, str) and _ID.fullmatch(id)):
            shown = f"{id[:40]}… ({len(id):,} characters)" if isinstance(id, str) and len(id) > 140 else id
            raise UsageError(f"id={shown!r} cannot be the id of a run", fix=_RULE)
        if self.id is not None and has_key(self.id):
            key = self.id.partition(":")[0]
            raise UsageError(
                f"id={self.id!r} cannot be the id of a run: `podium runs` reads {key}: as a filter",
                fix=f"another word before the colon, or no colon: {self.id.replace(':', '-', 1)}",
            )
        if self.delay is not None:
            check_seconds("options", "delay", self.delay)

        if type(self.outlive) is not bool:
            raise UsageError(f"options(outlive={self.outlive!r}): True or False is needed")

    def with_id(self, id: str | None) -> StartOptions:
        """The same options for the run with this id. Raises UsageError where it cannot be one."""
        if id is None:  # no id in `options`; here one was to be given
            raise UsageError("id= gave None for an item", fix=f"give every item an id: {_RULE}")
        # `structs.replace` may not check.
        return StartOptions(id=id, delay=self.delay, tags=self.tags, outlive=self.outlive)


def is_tag(text: str) -> bool:
    """Whether it is one word: tags are kept as words with blanks between them."""
    return len(text.split()) == 1


def checked_tags(tags: Any) -> tuple[str, ...]:
    """The words of `options(tags=...)`. Raises UsageError where they are none."""
    if isinstance(tags, str):  # which is a list of letters, too
        raise UsageError(f"options(tags={tags!r}): a list of words is needed", fix=f"tags=[{tags!r}]")
    words: tuple[Any, ...] = tuple(tags) if hasattr(tags, "__iter__") else (None,)
    if not all(isinstance(word, str) and is_tag(word) for word in words):
        raise UsageError(
            f"options(tags={tags!r}): a list of words is needed, none of them empty or with blanks"
        )
    return words
