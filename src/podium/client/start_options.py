"""What a caller may say about a call, checked where it is said, whatever surface it comes from."""

from __future__ import annotations

import re
from typing import Any, Literal, get_args

import msgspec

from ..checks import check_seconds, check_shown, check_text
from ..errors import UsageError
from ..inspect import has_key
from ..machine import ChildOptions
from ..queues import check_priority

IfExists = Literal["attach", "reject"]
NO_VALUE: Any = object()  # to a verb that may be given any value, None as well

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")
_RULE = "letters, digits and ._:- are allowed, 128 at most, a letter or digit first"


class StartOptions(msgspec.Struct, frozen=True):
    """What `options(...)` and `podium run` may say about a call. Raises UsageError where it cannot be."""

    id: str | None = None
    delay: float | None = None  # seconds
    tags: tuple[str, ...] = ()
    outlive: bool = False  # in a workflow: the run goes on when the one that started it ends
    unique: str | None = None  # a name that the run holds while it is unfinished
    if_exists: IfExists = "attach"
    queue: str | None = None  # None: the function's; a name that is declared
    key: str | None = None  # the line that it stands in; None: as the queue has it
    priority: int = 0  # of each step it stands in line a minute earlier

    def __post_init__(self) -> None:
        id: Any = self.id  # as given, which nobody has looked at yet
        if id is not None and not isinstance(id, str):
            raise UsageError(
                f"id={repr(id)[:140]} cannot be the id of a run: an id is text, and not {type(id).__name__}",
                fix=f"id={str(id)!r}" if _ID.fullmatch(str(id)) else _RULE,
            )
        if id is not None and not _ID.fullmatch(id):
            shown = f"{id[:40]}… ({len(id):,} characters)" if len(id) > 140 else id
            raise UsageError(f"id={shown!r} cannot be the id of a run", fix=_RULE)
        if self.id is not None and has_key(self.id):
            key = self.id.partition(":")[0]
            raise UsageError(
                f"id={self.id!r} cannot be the id of a run: `podium runs` reads {key}: as a filter",
                fix=f"another word before the colon, or no colon: {self.id.replace(':', '-', 1)}",
            )
        check_shown("options(id=, tags=, unique=)", self.id or "", self.unique or "", *self.tags)
        if self.delay is not None:
            check_seconds("options", "delay", self.delay)

        unique: Any = self.unique
        if unique is not None and not (isinstance(unique, str) and unique.strip()):
            raise UsageError(f"options(unique={unique!r}): text is needed")
        key: Any = self.key
        if key is not None and not isinstance(key, str):
            raise UsageError(f"options(key={key!r}): text is needed", fix=f"key={str(key)!r}")
        if unique is not None:
            check_text("options", "unique", unique)
        if key:
            check_text("options", "key", key)
        for tag in self.tags:
            check_text("options", "tags", tag)
        if self.if_exists not in get_args(IfExists):
            raise UsageError(f'options(if_exists={self.if_exists!r}): "attach" or "reject" is needed')
        check_priority(self.priority)
        if type(self.outlive) is not bool:
            raise UsageError(f"options(outlive={self.outlive!r}): True or False is needed")

    def of_child(self) -> ChildOptions:
        """What they say of a child run. Raises UsageError for what that cannot have."""
        if self.unique is not None or self.if_exists != "attach":
            raise UsageError(
                "options(unique=, if_exists=) in a workflow's body",
                fix="options(id=...), or start it in a task",
            )
        return ChildOptions(self.id, self.delay, self.tags, self.outlive, self.queue, self.key, self.priority)

    def with_id(self, id: str | None) -> StartOptions:
        """The same options for the run with this id. Raises UsageError where it cannot be one."""
        if id is None:  # no id in `options`; here one was to be given
            raise UsageError("id= gave None for an item", fix=f"give every item an id: {_RULE}")
        fields: dict[str, Any] = {**msgspec.structs.asdict(self), "id": id}
        return StartOptions(**fields)  # `structs.replace` may not check


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
