"""From a tree back to the value. Data decides nothing here but which reader is asked.

Readers run on bytes nobody vouches for: whatever they raise becomes an `Unreadable`, and no reader imports,
evaluates or calls what the data names.
"""

# Values of any type pass through here, which strict checking calls unknown.
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownMemberType=false, reportUnknownLambdaType=false

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..depot import Depot
from .names import Names
from .refusals import label

Tree = Any
# A reader gets the tag's payload, the object's other members, and the Untag to read inner trees with.
Reader = Callable[[Any, dict[str, Any], "Untag"], Any]

READERS: dict[str, Reader] = {}  # filled by `tables`, once, at import

_ATOMS = frozenset({type(None), bool, int, float, str})


class Unreadable(Exception):
    """A tree that means nothing here; collects the way to it while it climbs out."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text
        self.segments: list[str] = []  # innermost first

    def path(self) -> str:
        """From the outermost container inwards."""
        return "".join(reversed(self.segments[-12:]))


class Missing(Unreadable):
    """A tree whose value is not where it was kept."""


class Untag:
    """One pass over one tree; `names` finds the classes that the data mentions, `depot` has the values that
    are kept by reference: without it a `Ref` stands for each."""

    __slots__ = ("depot", "names")

    def __init__(self, names: Names, depot: Depot | None = None) -> None:
        self.names = names
        self.depot = depot

    def read(self, tree: Tree) -> Any:
        """The value of a tree. Takes the tree apart; raises Unreadable."""
        kind: type = type(tree)
        if kind is list:
            return self.items(tree)
        if kind is not dict or not tree:
            return tree
        tag = next(iter(tree))
        if tag[:1] != "!":
            return self.members(tree, '["', '"]')
        reader = READERS.get(tag)
        if reader is None:
            raise Unreadable(f"has the tag {label(tag)}, which this version of Podium does not know")
        try:
            return reader(tree.pop(tag), tree, self)
        except (Unreadable, RecursionError, MemoryError):
            raise
        except Exception as error:  # any malformed payload; see the module's head
            raise Unreadable(f"is no {tag[1:]} ({type(error).__name__}: {error})") from None

    def items(self, trees: Any) -> list[Any]:
        """The values of a JSON array."""
        if type(trees) is not list:
            raise TypeError("an array is needed")
        out: list[Any] = []
        add = out.append
        try:
            for tree in trees:
                add(tree if type(tree) in _ATOMS else self.read(tree))
        except Unreadable as unreadable:
            unreadable.segments.append(f"[{len(out)}]")
            raise
        return out

    def members(self, trees: dict[str, Tree], before: str = ".", after: str = "") -> dict[str, Any]:
        """The values of a JSON object, by key."""
        out: dict[str, Any] = {}
        key = ""
        try:
            for key, tree in trees.items():
                out[key] = tree if type(tree) in _ATOMS else self.read(tree)
        except Unreadable as unreadable:
            unreadable.segments.append(f"{before}{key}{after}")
            raise
        return out

    def pairs(self, trees: Any) -> dict[Any, Any]:
        """The values of an array of pairs, by key."""
        if type(trees) is not list:
            raise TypeError("an array of pairs is needed")
        out: dict[Any, Any] = {}
        segment = ""
        try:
            for key, tree in trees:
                segment = "[key]"
                read = self.read(key)
                segment = f"[{label(read)}]"
                out[read] = self.read(tree)
        except Unreadable as unreadable:
            unreadable.segments.append(segment)
            raise
        if len(out) != len(trees):
            raise ValueError("a key stands twice")
        return out
