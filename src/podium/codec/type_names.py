"""Types as people write them, for errors and helps."""

from __future__ import annotations

import re
import types
import typing
from typing import Any


def type_name(annotation: Any) -> str:
    """Without the modules that its names come from: "list[Order] | None"."""
    if annotation is type(None):
        return "None"
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return " | ".join(map(type_name, typing.get_args(annotation)))
    if isinstance(annotation, type) and typing.get_origin(annotation) is None:
        return annotation.__name__
    return without_modules(repr(annotation))


def without_modules(text: str) -> str:
    """What is written of types, with the last part of each dotted name."""
    return re.sub(r"\b(?:[A-Za-z_]\w*\.)+(?=[A-Za-z_])", "", text)


def derives_from(kind: type, name: str) -> bool:
    """Whether a class is, or derives from, the one with this name, "module.Class": who has a value of it has
    its module loaded, and nobody else needs to."""
    return any(f"{base.__module__}.{base.__qualname__}" == name for base in kind.__mro__)
