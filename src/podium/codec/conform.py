"""Whether a value is what the annotation says, at the price of a glance; plain JSON is converted.

The check looks at the top, and into containers only where the annotation asks for classes that JSON does
not have: those are the places where a command line's data needs converting. A wrong `list[int]` is the
business of type checkers, not worth a look at each of a million items.
"""

# Values of any type pass through here, which strict checking calls unknown.
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownMemberType=false, reportUnknownLambdaType=false

from __future__ import annotations

import collections.abc
import pathlib
import sys
import types
import typing
from collections.abc import Iterable
from functools import lru_cache
from itertools import islice
from typing import Any

import msgspec

from ..errors import DecodeError
from .ref import Ref
from .refusals import shorten
from .type_names import type_name

_PLAIN = (Any, object, None, type(None), bool, int, float, str, list, dict)
_ALIAS: Any = getattr(typing, "TypeAliasType", ())  # of `type Name = …`, from Python 3.12 on
_WIDER: dict[Any, Any] = {float: (float, int), complex: (complex, float, int)}


def conform(value: Any, annotation: Any) -> Any:
    """`value` if it matches, else what plain JSON stands for under this annotation; raises DecodeError."""
    return value if matches(value, annotation) else convert(value, annotation)


def convert(value: Any, annotation: Any) -> Any:
    """What plain JSON stands for under this annotation, looked at completely; raises DecodeError."""
    try:
        return msgspec.convert(value, annotation, str_keys=True, dec_hook=_convert)
    except Exception as error:  # msgspec's and, inside models, the user's own validation
        expected, found = type_name(annotation), shown(value)
        detail = f" ({error})" if isinstance(error, msgspec.ValidationError) else ""
        raise DecodeError(
            f"expected {expected}, found {found}{detail}", fix="the annotation and the data must agree"
        ) from None


def matches(value: Any, annotation: Any) -> bool:
    """Whether a glance at the value refutes the annotation."""
    if annotation is Any or type(value) is annotation or type(value) is Ref:
        return True
    if annotation is None:
        return value is None
    origin = typing.get_origin(annotation)
    if _ALIAS in (type(annotation), type(origin)):
        return matches(value, _meant(annotation, origin))
    if origin is None:
        return _is(value, getattr(annotation, "__supertype__", annotation))  # of a NewType
    if origin is typing.Annotated:
        return matches(value, typing.get_args(annotation)[0])
    if origin is typing.Union or origin is types.UnionType:
        return any(matches(value, choice) for choice in typing.get_args(annotation))
    if origin is typing.Literal:
        return any(value == choice and type(value) is type(choice) for choice in typing.get_args(annotation))
    return _is(value, origin) and _items_match(value, origin, typing.get_args(annotation))


def _meant(annotation: Any, origin: Any) -> Any:
    """What an alias stands for, such as `type Pair[T] = tuple[T, T]` or a `Pair[int]`."""
    alias = annotation if origin is None else origin
    meant, free = alias.__value__, getattr(alias.__value__, "__parameters__", ())
    if origin is None or not free:
        return meant
    given = dict(zip(alias.__type_params__, typing.get_args(annotation), strict=True))
    return meant[tuple(given[parameter] for parameter in free)]


def _is(value: Any, kind: Any) -> bool:
    try:
        return isinstance(value, _WIDER.get(kind, kind))
    except TypeError:
        return True  # a type variable, a protocol, a string: nothing that a glance can refute


def _items_match(value: Any, origin: Any, inner: tuple[Any, ...]) -> bool:
    if not inner or any(typing.get_origin(part) is typing.Unpack for part in inner):
        return True
    if isinstance(value, tuple) and issubclass(origin, tuple):
        if len(inner) == 2 and inner[1] is ...:
            return _all_match(value, inner[0])
        return len(value) == len(inner) and all(map(matches, value, inner))
    if isinstance(value, collections.abc.Mapping) and len(inner) == 2:
        keys, items = inner
        pairs = typing.cast("collections.abc.Mapping[Any, Any]", value)
        return _all_match(pairs, keys) and _all_match(pairs.values(), items)
    if isinstance(value, collections.abc.Collection) and len(inner) == 1:
        items = typing.cast("collections.abc.Collection[Any]", value)
        return _all_match(items, inner[0])
    return True


def _all_match(items: Iterable[Any], annotation: Any) -> bool:
    """Of plain data the first alone is looked at, in sets each, since there any may be the first."""
    if is_plain(annotation) and not isinstance(items, collections.abc.Set):
        return all(matches(item, annotation) for item in islice(items, 1))
    return all(matches(item, annotation) for item in items)


def is_plain(annotation: Any) -> bool:
    """Whether JSON has all of this itself: msgspec then judges a value completely."""
    try:
        return _plain(annotation)
    except TypeError:  # an annotation that cannot be hashed
        return False


@lru_cache(maxsize=1024)
def _plain(annotation: Any) -> bool:
    """Whether JSON has all of this itself, so that looking closer cannot lead to a conversion."""
    if typing.get_origin(annotation) in (list, dict, typing.Union, types.UnionType):
        return all(map(is_plain, typing.get_args(annotation)))
    return any(annotation is plain for plain in _PLAIN)


def _convert(kind: type, value: Any) -> Any:
    """What msgspec cannot convert by itself."""
    if issubclass(kind, pathlib.PurePath) and isinstance(value, str):
        return kind(value)
    model = getattr(sys.modules.get("pydantic"), "BaseModel", None)
    if model is not None and issubclass(kind, model):
        return typing.cast("Any", kind).model_validate(value)
    raise msgspec.ValidationError(f"Expected `{kind.__qualname__}`, got `{type(value).__qualname__}`")


def shown(value: Any) -> str:
    """A value in an error: its type, and what it looks like."""
    try:
        text = repr(value)
    except Exception:  # a user's __repr__ may do anything
        text = ""
    return f"{type(value).__name__} {shorten(text, 60)}"
