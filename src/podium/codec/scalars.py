"""numpy's scalars where an annotation says that they are Python's: `-> float` of an `np.float64`."""

# Values of any type pass through here, which strict checking calls unknown.
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownMemberType=false

from __future__ import annotations

import copy
import sys
import types
import typing
from typing import Any

from .conform import matches
from .names import field_hints


def unboxed(value: Any, annotation: Any) -> Any:
    """The value with plain numbers in place of scalars, where the annotation asks for these; else itself.

    Example: `unboxed([np.float64(1.5)], list[float])` is `[1.5]`.
    """
    generic = getattr(sys.modules.get("numpy"), "generic", None)  # numpy is the user's to import
    return value if generic is None or annotation is Any else _unboxed(value, annotation, generic)


def _unboxed(value: Any, annotation: Any, generic: type) -> Any:
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return _unboxed(value, inner[0], generic)
    if isinstance(value, generic):
        plain = value.item()
        return plain if annotation is not Any and matches(plain, annotation) else value
    if origin in (typing.Union, types.UnionType):
        found = (_unboxed(value, member, generic) for member in inner)
        return next((plain for plain in found if plain is not value), value)
    kind = type(value)
    if kind in (list, set, frozenset) and len(inner) == 1:
        return _same(value, kind([_unboxed(item, inner[0], generic) for item in value]))
    if kind is tuple and inner:
        kinds = (inner[0],) * len(value) if inner[-1] is ... else inner
        return _same(value, tuple(_unboxed(i, k, generic) for i, k in zip(value, kinds, strict=False)))
    if kind is dict and len(inner) == 2:
        keys, items = inner
        return _same(
            value, {_unboxed(k, keys, generic): _unboxed(item, items, generic) for k, item in value.items()}
        )
    if kind is annotation and hasattr(kind, "__dataclass_fields__"):
        return _object(value, generic)
    return value


def _same(value: Any, made: Any) -> Any:
    """`made` where anything in it is another object, else `value`."""
    pairs = zip(_flat(value), _flat(made), strict=False)
    return made if len(value) == len(made) and any(one is not other for one, other in pairs) else value


def _flat(value: Any) -> list[Any]:
    return [part for pair in value.items() for part in pair] if isinstance(value, dict) else list(value)


def _object(value: Any, generic: type) -> Any:
    hints = field_hints(type(value))
    made = copy.copy(value)
    changed = False
    for name in type(value).__dataclass_fields__:
        item = getattr(value, name, None)
        plain = _unboxed(item, hints.get(name, Any), generic)
        if plain is not item:
            object.__setattr__(made, name, plain)
            changed = True
    return made if changed else value
