"""A recorded call in a line for people, such as `city='Oslo', days=7`: short, and without secrets."""

# Values of any type pass through here, which strict checking calls unknown.
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownMemberType=false

from __future__ import annotations

from typing import Any

import msgspec

from ..redaction import HIDDEN, is_secret, redacted
from .preview import preview

_READ_MAX = 256 * 1024  # bytes of arguments that are read for a line
_CALLED_MAX = 300  # characters kept with a failure
_BY_POSITION = "*"  # is no argument, see `podium.functions`
_NESTED_MAX = 4  # levels in which names are looked at


def preview_call(args: bytes, width: int = 80) -> str:
    """Encoded arguments as a call writes them, in at most `width` characters; never raises."""
    if len(args) > _READ_MAX:
        return f"<{len(args):,} bytes of arguments>"
    try:
        tree: Any = msgspec.json.decode(args)
    except msgspec.DecodeError:
        return preview(args, width)
    if type(tree) is not dict or any(name.startswith("!") for name in tree):
        return _value(tree, width)
    parts = [
        f"{name}={HIDDEN if is_secret(name) else _value(value, width)}"
        for name, value in tree.items()
        if name != _BY_POSITION
    ]
    text = "".join(char if char.isprintable() else "?" for char in ", ".join(parts))
    return text if len(text) <= width else text[: max(0, width - 1)] + "…"


def called(label: str, args: bytes, item: int | None = None) -> str:
    """What a step was called with, for its failure; "" where it was called with nothing.

    `item`: its place in a map, counted from 0.
    """
    if args == b"{}" and item is None:
        return ""
    place = "" if item is None else f", item {item} of the map"
    return f"{label}({preview_call(args, _CALLED_MAX)}){place}"


def _value(tree: Any, width: int) -> str:
    return redacted(preview(msgspec.json.encode(_masked(tree, 0)), width))


def _masked(tree: Any, depth: int) -> Any:
    if depth > _NESTED_MAX:
        return tree
    if type(tree) is dict:
        return {
            name: HIDDEN if is_secret(name) and type(value) is str else _masked(value, depth + 1)
            for name, value in tree.items()
        }
    if type(tree) is list:
        return [_masked(value, depth + 1) for value in tree]
    return tree
