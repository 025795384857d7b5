"""A recorded call in a line for people, such as `city='Oslo', days=7`: short, and without secrets."""

# Values of any type pass through here, which strict checking calls unknown.
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownMemberType=false

from __future__ import annotations

from typing import Any

import msgspec

from .preview import preview, preview_named

_READ_MAX = 256 * 1024  # bytes of arguments that are read for a line
_CALLED_MAX = 300  # characters kept with a failure
_BY_POSITION = "*"  # is no argument, see `podium.functions`


def preview_call(args: bytes, width: int = 80) -> str:
    """Encoded arguments as a call writes them, in at most `width` characters; never raises."""
    if len(args) > _READ_MAX:
        return f"<{len(args):,} bytes of arguments>"
    try:
        tree: Any = msgspec.json.decode(args)
    except msgspec.DecodeError:
        return preview(args, width)
    if type(tree) is not dict or any(name.startswith("!") for name in tree):
        return preview(args, width)
    return preview_named([pair for pair in tree.items() if pair[0] != _BY_POSITION], width)


def called(label: str, args: bytes, item: int | None = None) -> str:
    """What a step was called with, for its failure; "" where it was called with nothing.

    `item`: its place in a map, counted from 0.
    """
    if args == b"{}" and item is None:
        return ""
    place = "" if item is None else f", item {item} of the map"
    return f"{label}({preview_call(args, _CALLED_MAX)}){place}"
