"""Stand-ins for what could not be recorded of an exception: an HTTP response, a connection, an open file.

A stand-in has the text of the original and, of what speaks HTTP, what handlers ask for: status, reason, URL,
method, headers, and a text that was read already. Whatever else is asked of it is a `NotRecorded` that says
so. Headers that carry credentials are not written.
"""

# Values of any type pass through here, which strict checking calls unknown.
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownMemberType=false

from __future__ import annotations

import collections.abc
from collections.abc import Callable, Iterator
from typing import Any

from ..errors import NotRecorded
from ..redaction import is_secret
from .names import name_of
from .type_names import derives_from
from .untag import Reader, Untag
from .walk import Tree, Walk

# What exceptions of HTTP clients and their requests, responses and URLs are asked for.
_KEPT = (
    "status", "status_code", "code", "reason", "reason_phrase", "message", "url", "real_url", "method",
    "headers", "request", "request_info", "history", "http_version", "host", "port", "path", "text",
)  # fmt: skip
_NESTED = 3  # a response's request's URL
_HEADERS_MAX = 200

_BULKY = (str, bytes, bytearray, list, tuple, dict, set, frozenset)  # whose repr may be as large as they are


class Omitted:
    """What an exception held and its record does not: `str` and `repr` as they were, and some attributes."""

    __slots__ = ("__dict__", "_podium")

    def __init__(self, type: str, text: str, shown: str, attributes: dict[str, Any]) -> None:
        self._podium = (type, text, shown)
        vars(self).update(attributes)

    def __getattr__(self, name: str) -> Any:
        if name in ("_podium", "_items"):  # not yet filled, as `copy` and `pickle` make it
            raise AttributeError(name)
        raise self._refusal(f".{name}")

    def _refusal(self, what: str) -> NotRecorded:
        kept, kind = ", ".join(vars(self)) or "its text alone", self._podium[0].rpartition(":")[2]
        return NotRecorded(
            f"{kind}{what} was not recorded with the exception (recorded: {kept})",
            fix="catch the exception inside the task and return, or raise with, what you need of it",
        )

    def __getitem__(self, key: Any) -> Any:
        raise self._refusal(f"[{key!r}]")

    def __iter__(self) -> Iterator[Any]:
        raise self._refusal("'s items")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise self._refusal("(...)")

    def __str__(self) -> str:
        return self._podium[1]

    def __repr__(self) -> str:
        return self._podium[2]


class OmittedHeaders(Omitted, collections.abc.Mapping[str, Any]):
    """A mapping that could not be recorded as itself, of which the items are there; case does not matter."""

    __slots__ = ("_items",)

    def __init__(self, type: str, text: str, shown: str, items: list[tuple[str, Any]]) -> None:
        super().__init__(type, text, shown, {})
        self._items = items

    def __getitem__(self, key: Any) -> Any:
        wanted = key.lower() if isinstance(key, str) else key
        for name, value in self._items:
            if name.lower() == wanted:
                return value
        raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        return iter(dict(self._items))

    def __len__(self) -> int:
        return len(dict(self._items))

    def get_all(self, key: str) -> list[Any]:
        """Every value of a header that stands more than once."""
        return [value for name, value in self._items if name.lower() == key.lower()]


Write = Callable[[Any, int], Tree]  # a value that may be omitted, in so many levels of stand-ins


def omit(value: Any, write: Write, say: Callable[[Any, Callable[[Any], str]], str], level: int = 0) -> Tree:
    """The tree of a stand-in for a value that cannot be recorded. `say` makes bounded texts of it."""
    kind = type(value)
    tree: dict[str, Tree] = {"!omitted": name_of(kind)}
    if kind in _BULKY:
        tree["repr"] = f"<{kind.__name__} of {len(value):,}>"
        return tree
    tree["str"], tree["repr"] = say(value, str), say(value, repr)
    if tree["str"] == tree["repr"]:
        del tree["str"]
    if (items := _items(value)) is not None:
        tree["items"] = [[key, write(item, _NESTED)] for key, item in items]
    elif level < _NESTED:
        kept = {name: write(item, level + 1) for name, item in _attributes(value)}
        if kept:
            tree["attributes"] = kept
    return tree


def _items(value: Any) -> list[tuple[str, Any]] | None:
    """Of headers and the like, those whose keys are words."""
    if not isinstance(value, collections.abc.Mapping) and not derives_from(
        type(value), "email.message.Message"
    ):
        return None
    try:
        items: list[tuple[Any, Any]] = list(value.items())[:_HEADERS_MAX]
    except Exception:  # a mapping of the user's, which may do anything
        return None
    if not all(isinstance(key, str) for key, _ in items):
        return None
    return [
        (str.__str__(key), "(not recorded)" if is_secret(key) else item)
        for key, item in items
        if key.isprintable() and key.isascii()
    ]


def _attributes(value: Any) -> Iterator[tuple[str, Any]]:
    own: Any = getattr(value, "__dict__", {})
    for name in _KEPT:
        if name == "text" and not isinstance(own.get("_content"), bytes):
            continue  # asking an answer for its text would read it
        if name not in own and not _is_attribute(_on_class(type(value), name)):
            continue
        try:
            yield name, getattr(value, name)
        except Exception:  # a property that raises, as httpx's `request` does where there is none
            continue


def _on_class(cls: type, name: str) -> Any:
    return next((vars(base)[name] for base in cls.__mro__ if name in vars(base)), None)


def _is_attribute(thing: Any) -> bool:
    """A property, a slot, a field of a C type, a library's own cached property; but no method."""
    return hasattr(type(thing), "__get__") and not callable(thing) and not isinstance(thing, classmethod)


def write_omitted(value: Omitted, walk: Walk, depth: int) -> Tree:
    """A stand-in that travels on, with the exception or by itself."""
    kind, text, shown = value._podium  # pyright: ignore[reportPrivateUsage]  # its name must be no user's
    tree: dict[str, Tree] = {"!omitted": kind, "str": text, "repr": shown}
    if isinstance(value, OmittedHeaders):
        tree["items"] = walk.tree([list(item) for item in value._items], depth + 1)  # pyright: ignore[reportPrivateUsage]  # as above
    elif kept := vars(value):
        tree["attributes"] = {name: walk.tree(item, depth + 1) for name, item in kept.items()}
    walk.spend(len(text) + len(shown))
    walk.has_members = True
    return tree


def _read_omitted(kind: Any, rest: dict[str, Any], untag: Untag) -> Omitted:
    shown = rest.get("repr", "")
    text = rest.get("str", shown)
    if not all(isinstance(part, str) for part in (kind, text, shown)):
        raise TypeError("text is needed")
    if "items" in rest:
        pairs = [(str(key), untag.read(item)) for key, item in rest["items"]]
        return OmittedHeaders(kind, text, shown, pairs)
    return Omitted(kind, text, shown, untag.members(rest.get("attributes", {})))


READERS: dict[str, Reader] = {"!omitted": _read_omitted}
WRITERS = {Omitted: write_omitted, OmittedHeaders: write_omitted}
