"""From a value to a tree that JSON can carry: plain data as it is, everything else tagged.

The hot path of every step. Writers are found by exact type, so a subclass of a builtin is never flattened
into it unnoticed. A walk is optimistic (`plain`): it takes strings and integers as they come. When the
written bytes show that one of them needs a tag, the same value is walked again carefully. The way to an
offender is collected only when there is one, while the refusal climbs out.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from math import isfinite
from typing import Any

import msgspec

from .refusals import Refusal, label, refuse

MAX_PAYLOAD = 32 * 1024 * 1024
MAX_DEPTH = 200

Tree = Any  # what msgspec writes without help: None, bool, int, finite float, str, list, dict with str keys
Writer = Callable[[Any, "Walk", int], Tree]

LEAVES = frozenset({type(None), bool, int})
CAREFUL_LEAVES = frozenset({type(None), bool})

# Both tables are filled by `tables`, once, at import: writers by exact type; and the finder of a writer
# for classes that users make, which answers None for a class that cannot be stored.
WRITERS: dict[type, Writer] = {}
CLASS_WRITERS: list[Callable[[type], Writer | None]] = []

sorted_json = msgspec.json.Encoder(order="deterministic").encode


# Bounded: classes made at run time must stay collectable in a process that lives for months.
@lru_cache(maxsize=4096)
def writer_of(kind: type) -> Writer | None:
    """The writer for a class that is not in the table."""
    for find in CLASS_WRITERS:
        if (writer := find(kind)) is not None:
            return writer
    return None


class Walk:
    """One pass over one value. `room` counts down the bytes that the tree will need at the least."""

    __slots__ = ("in_failure", "leaves", "plain", "room", "sort")

    def __init__(self, plain: bool, sort: bool, room: int) -> None:
        self.plain = plain
        self.sort = sort
        self.room = room
        self.leaves = LEAVES if plain else CAREFUL_LEAVES
        self.in_failure = False  # exceptions in the arguments of exceptions are not followed

    def tree(self, value: Any, depth: int) -> Tree:
        """Any value as a tree; raises Refusal."""
        kind: type = type(value)
        if kind in self.leaves:
            return value
        writer = WRITERS.get(kind) or writer_of(kind)
        if writer is None:
            raise refuse(value)
        return writer(value, self, depth)

    def enter(self, depth: int) -> None:
        """Every container asks here, so that neither depth nor sheer number can hurt."""
        if depth > MAX_DEPTH:
            raise Refusal(
                Refusal.DEEP, f"is nested deeper than {MAX_DEPTH} levels", "store it flat, with ids as links"
            )
        if self.room < 0:
            raise Refusal(Refusal.LARGE, "", "")

    def spend(self, size: int) -> None:
        """Take `size` bytes from the room that is left."""
        self.room -= size
        if self.room < 0:
            raise Refusal(Refusal.LARGE, "", "")


def write_items(values: Iterable[Any], walk: Walk, depth: int) -> list[Tree]:
    """The items of a list, in order; also the body of tuples, sets and deques."""
    walk.enter(depth)
    leaves, plain, size = walk.leaves, walk.plain, 0
    out: list[Tree] = []
    add = out.append
    try:
        for value in values:
            kind: type = type(value)
            if kind is str and plain:
                size += len(value)
                add(value)
            elif kind in leaves or (kind is float and isfinite(value)):
                add(value)
            else:
                add(walk.tree(value, depth + 1))
    except Refusal as refusal:
        refusal.climb(values, f"[{len(out)}]")
        raise
    walk.room -= size + 2 * len(out)
    return out


def write_dict(value: dict[Any, Any], walk: Walk, depth: int) -> Tree:
    """A JSON object when the keys allow it, else pairs."""
    walk.enter(depth)
    leaves, plain, size = walk.leaves, walk.plain, 0
    out: dict[str, Tree] = {}
    key: Any = None
    try:
        for key, item in value.items():
            if type(key) is not str or key[:1] == "!" or not (plain or type(walk.tree(key, depth)) is str):
                break
            size += len(key)
            kind: type = type(item)
            if kind is str and plain:
                size += len(item)
                out[key] = item
            elif kind in leaves or (kind is float and isfinite(item)):
                out[key] = item
            else:
                out[key] = walk.tree(item, depth + 1)
        else:
            walk.room -= size + 5 * len(out)
            return out
    except Refusal as refusal:
        refusal.climb(value, f"[{label(key)}]")
        raise
    return {"!dict": write_pairs(value, walk, depth)}


def write_pairs(value: Mapping[Any, Any], walk: Walk, depth: int) -> list[list[Tree]]:
    """Keys and values of any mapping as pairs; sorted by key where the bytes feed a digest."""
    walk.enter(depth)
    out: list[list[Tree]] = []
    key: Any = None
    segment = ""
    try:
        for key, item in value.items():
            segment = f"[key {label(key)}]"
            pair = [walk.tree(key, depth + 1)]
            segment = f"[{label(key)}]"
            pair.append(walk.tree(item, depth + 1))
            out.append(pair)
    except Refusal as refusal:
        refusal.climb(value, segment)
        raise
    walk.room -= 6 * len(out)
    if walk.sort and type(value) is not OrderedDict:
        out.sort(key=lambda pair: sorted_json(pair[0]))
    return out


def write_set(values: Iterable[Any], walk: Walk, depth: int) -> list[Tree]:
    """Items in an order that depends on nothing but the items."""
    out: list[Tree] = []
    try:
        out = write_items(values, walk, depth)
    except Refusal as refusal:
        refusal.rename("{...}")
        raise
    kinds = set(map(type, out))
    out.sort(key=None if kinds == {str} or kinds == {int} else sorted_json)
    return out


def write_fields(
    tag: str, name: str, fields: tuple[str, ...], value: Any, walk: Walk, depth: int
) -> dict[str, Tree]:
    """An object of a class with fields: dataclass, named tuple, struct. Unset ones are left out."""
    walk.enter(depth)
    leaves = walk.leaves
    out: dict[str, Tree] = {tag: name}
    field = ""
    try:
        for field in fields:
            item = getattr(value, field, msgspec.UNSET)
            if type(item) in leaves:
                out[field] = item
            elif item is not msgspec.UNSET:
                out[field] = walk.tree(item, depth + 1)
    except Refusal as refusal:
        refusal.climb(value, f".{field}")
        raise
    walk.room -= 8 * len(out)
    return out
