"""From a value to a tree that JSON can carry: plain data as it is, everything else tagged.

The hot path of every step. Writers are found by exact type, so a subclass of a builtin is never flattened
into it unnoticed. A walk is optimistic (`plain`): it takes strings and integers as they come. When the
written bytes show that one of them needs a tag, the same value is walked again carefully. The way to an
offender is collected only when there is one, while the refusal climbs out.
"""

# Values of any type pass through here, which strict checking calls unknown.
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownMemberType=false, reportUnknownLambdaType=false

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from math import isfinite
from typing import Any

import msgspec

from ..depot import Depot
from .refusals import Refusal, label, refuse_kind

MAX_PAYLOAD = 32 * 1024 * 1024
# Reading takes three Python frames a level: what was written must be readable on a stack already half full.
MAX_DEPTH = 150

Tree = Any  # what msgspec writes without help: None, bool, int, finite float, str, list, dict with str keys
Writer = Callable[[Any, "Walk", int], Tree]

AS_IS = "!as_is"  # marks what its annotation did not fit when it was written

LEAVES = frozenset({type(None), bool, int})
CAREFUL_LEAVES = frozenset({type(None), bool})

# Both tables are filled by `tables`, once, at import: writers by exact type; and the finder of a writer
# for classes that users make, which answers None for a class that cannot be stored.
WRITERS: dict[type, Writer] = {}
CLASS_WRITERS: list[Callable[[type], Writer | None]] = []

sorted_json = msgspec.json.Encoder(order="deterministic").encode


# Bounded: classes made at run time must stay collectable in a process that lives for months.
@lru_cache(maxsize=4096)
def writer_of(kind: type) -> Writer:
    """The writer for a class that is not in the table; one that refuses where there is none."""
    for find in CLASS_WRITERS:
        if (writer := find(kind)) is not None:
            return writer
    return _refuse


def _refuse(value: Any, walk: Walk, depth: int) -> Tree:
    raise refuse_kind(type(value))


class Walk:
    """One optimistic pass over one value. `room` counts down the bytes that the tree needs at the least.

    `canonical`: for a digest. Equal values then have equal trees, but for the order of keys in objects.
    """

    __slots__ = ("ambiguous", "annotation", "canonical", "depot", "found", "has_members", "kept", "room")

    plain = True
    leaves = LEAVES

    def __init__(
        self,
        canonical: bool,
        room: int,
        annotation: Any = Any,
        depot: Depot | None = None,
        kept: dict[int, Tree] | None = None,
    ) -> None:
        self.canonical = canonical
        self.room = room
        self.annotation = annotation  # classes that it mentions are found by it, whatever their names
        self.has_members = False  # an object whose keys may stand in another order is in the tree
        self.found: set[type] | None = None  # classes whose names were seen to lead back to them
        self.ambiguous = False  # a canonical walk may give another tree
        self.depot = depot  # where values are put that are kept by reference
        self.kept = {} if kept is None else kept  # trees of those that were put there, by identity

    def tree(self, value: Any, depth: int) -> Tree:
        """Any value as a tree; raises Refusal."""
        kind: Any = type(value)
        return value if kind in self.leaves else (WRITERS.get(kind) or writer_of(kind))(value, self, depth)

    def spend(self, size: int) -> None:
        """Take `size` bytes from the room that is left, so that sheer number is refused before it hurts."""
        self.room = room = self.room - size
        if room < 0:
            raise Refusal(Refusal.LARGE, "", "")


class CarefulWalk(Walk):
    """A pass that looks at every string and integer."""

    __slots__ = ()

    plain = False
    leaves = CAREFUL_LEAVES


def too_deep() -> Refusal:
    """For the container that is one level too far down."""
    return Refusal(
        Refusal.DEEP, f"is nested deeper than {MAX_DEPTH} levels", "store it flat, with ids as links"
    )


def write_items(values: Iterable[Any], walk: Walk, depth: int) -> list[Tree]:
    """The items of a list, in order; also the body of tuples, sets and deques."""
    if depth > MAX_DEPTH:
        raise too_deep()
    leaves, plain, size = walk.leaves, walk.plain, 0
    out: list[Tree] = []
    add = out.append
    try:
        for value in values:
            kind: Any = type(value)
            if kind is str and plain:
                size += len(value)
                add(value)
            elif kind in leaves or (kind is float and isfinite(value)):
                add(value)
            else:
                add((WRITERS.get(kind) or writer_of(kind))(value, walk, depth + 1))
    except Refusal as refusal:
        refusal.climb(values, f"[{len(out)}]")
        raise
    walk.spend(size + 2 * len(out))
    return out


def write_dict(value: dict[Any, Any], walk: Walk, depth: int) -> Tree:
    """A JSON object when the keys allow it, else pairs."""
    if depth > MAX_DEPTH:
        raise too_deep()
    leaves, plain, size = walk.leaves, walk.plain, 0
    out: dict[str, Tree] = {}
    key: Any = None
    try:
        for key, item in value.items():
            # Most keys stand behind "!" in the alphabet, which is cheaper to ask than what they begin with.
            if type(key) is not str or (key < '"' and key[:1] == "!"):
                break
            if not plain and type(walk.tree(key, depth)) is not str:
                break
            kind: Any = type(item)
            if kind is str and plain:
                size += len(item)
                out[key] = item
            elif kind in leaves or (kind is float and isfinite(item)):
                out[key] = item
            else:
                out[key] = (WRITERS.get(kind) or writer_of(kind))(item, walk, depth + 1)
        else:
            walk.spend(size + 5 * len(out))
            if len(out) > 1:
                walk.has_members = True
            return out
    except Refusal as refusal:
        refusal.climb(value, f"[{label(key)}]")
        raise
    return {"!dict": write_pairs(value, walk, depth)}


def write_pairs(value: Mapping[Any, Any], walk: Walk, depth: int) -> list[list[Tree]]:
    """Keys and values of any mapping as pairs; sorted by key for a digest."""
    if depth > MAX_DEPTH:
        raise too_deep()
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
    walk.spend(6 * len(out))
    if len(out) > 1 and type(value) is not OrderedDict:
        if walk.canonical:
            out.sort(key=lambda pair: sorted_json(pair[0]))
        walk.ambiguous = True
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


class Fields:
    """What is stored of a class with fields: their names, and what their annotations say they hold."""

    __slots__ = ("hints", "matches", "names")

    def __init__(
        self, names: tuple[str, ...], hints: Mapping[str, Any], matches: Callable[[Any, Any], bool]
    ) -> None:
        self.names = names
        self.hints = tuple((name, hints.get(name, Any)) for name in names)
        self.matches = matches


def write_fields(tag: str, name: str, fields: Fields, value: Any, walk: Walk, depth: int) -> dict[str, Tree]:
    """An object of a class with fields: dataclass, named tuple, struct, model. Unset ones are left out.

    Fields that hold something else than their annotation says are listed under "!as_is", as they then must
    not be held against the annotation when they are read.
    """
    if depth > MAX_DEPTH:
        raise too_deep()
    leaves = walk.leaves
    out: dict[str, Tree] = {tag: name}
    as_is: list[str] = []
    field = ""
    try:
        for field, hint in fields.hints:
            item = getattr(value, field, msgspec.UNSET)
            kind: Any = type(item)
            if kind in leaves:
                out[field] = item
            elif item is msgspec.UNSET:
                continue
            else:
                out[field] = (WRITERS.get(kind) or writer_of(kind))(item, walk, depth + 1)
            if kind is not hint and hint is not Any and not fields.matches(item, hint):
                as_is.append(field)
    except Refusal as refusal:
        refusal.climb(value, f".{field}")
        raise
    walk.spend(8 * len(out))
    walk.has_members = True
    if as_is:
        walk.ambiguous = True
        if not walk.canonical:
            out[AS_IS] = as_is
    return out
