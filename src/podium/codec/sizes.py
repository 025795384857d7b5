"""Where most of a value that is too large lies."""

# Values of any type pass through here, which strict checking calls unknown.
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownMemberType=false

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from .refusals import label

_LEVELS = 160  # a little more than can be stored


def largest_part(value: Any) -> tuple[str, int]:
    """The path to the part that takes more than half of what it is in, as far down as there is one; bytes."""
    sizes: dict[int, int] = {}
    size, path = _size(value, sizes, 0), ""
    for _ in range(_LEVELS):
        parts = [(_size(part, sizes, 0), segment, part) for segment, part in _parts(value)]
        largest = max(parts, key=lambda part: part[0], default=None)
        if largest is None or largest[0] <= size // 2:
            break
        size, segment, value = largest
        path += segment
    return path, size


def _size(value: Any, sizes: dict[int, int], level: int) -> int:
    """About as many bytes as it takes; each object is counted once, so that a cycle ends."""
    if isinstance(value, str):
        return len(value) + 2
    if isinstance(value, (bytes, bytearray)):
        return len(value) * 4 // 3
    if level > _LEVELS or (parts := _parts(value)) == []:
        return 8
    if id(value) not in sizes:
        sizes[id(value)] = 0
        sizes[id(value)] = sum(_size(part, sizes, level + 1) for _, part in parts) + 2 * len(parts)
    return sizes[id(value)]


def _parts(value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, Mapping):
        return [(f"[{label(key)}]", item) for key, item in value.items()]
    if isinstance(value, tuple) and (fields := getattr(value, "_fields", None)):
        return [(f".{name}", getattr(value, name, None)) for name in fields]
    if isinstance(value, (set, frozenset)):
        return [("{...}", item) for item in value]
    if isinstance(value, Collection) and not isinstance(value, (str, bytes, bytearray)):
        return [(f"[{number}]", item) for number, item in enumerate(value)]
    kinds = ("__dataclass_fields__", "__struct_fields__", "__pydantic_fields__")
    names = next((getattr(type(value), kind) for kind in kinds if hasattr(type(value), kind)), ())
    return [(f".{name}", getattr(value, name, None)) for name in names]
