"""Values as the server takes them: in its binary form, each of the type that its statement names.

psycopg goes by the type of each value: one statement is then as many as its whole numbers have widths and its
columns may be empty. One that is kept under a name has to stay one.
"""

from __future__ import annotations

import functools
import re
import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

_PARAMETER = re.compile(r"%\((\w+)\)b(?:::(\w+)(\[\])?)?")
_NULL = b"\xff\xff\xff\xff"
_length = struct.Struct("!i").pack
_whole, _real = struct.Struct("!q").pack, struct.Struct("!d").pack
_sized_whole, _sized_real = struct.Struct("!iq").pack, struct.Struct("!id").pack
_array_head = struct.Struct("!iiIii").pack


class Bound(NamedTuple):
    """A statement and its values."""

    command: bytes
    values: list[bytes | None]
    types: tuple[int, ...]


def bind(text: str, values: Mapping[str, Any]) -> Bound:
    """Raises AttributeError, OverflowError, TypeError, ValueError for a value that its type cannot hold."""
    command, parameters = _parsed(text)
    found: list[bytes | None] = []
    types: list[int] = []
    try:
        for name, named in parameters:
            value = values[name]
            kind = named or _type_of(value)
            types.append(kind.oid)
            found.append(None if value is None else kind.encode(value))
    except struct.error as error:
        raise ValueError(str(error)) from None
    return Bound(command, found, tuple(types))


class _Type(NamedTuple):
    oid: int
    encode: Callable[[Any], bytes]


@functools.lru_cache(maxsize=512)
def _parsed(text: str) -> tuple[bytes, tuple[tuple[str, _Type | None], ...]]:
    """A statement with its parameters by number; of each its name and the type, where one is named."""
    found: dict[str, _Type | None] = {}

    def number(match: re.Match[str]) -> str:
        name, kind, many = match.groups()
        if found.get(name) is None:
            found[name] = (_ARRAYS if many else _TYPES)[kind] if kind else None
        cast = f"::{kind}{many or ''}" if kind else ""
        return f"${list(found).index(name) + 1}{cast}"

    return _PARAMETER.sub(number, text).encode(), tuple(found.items())


def _type_of(value: Any) -> _Type:
    if value is None:
        return _UNKNOWN
    for kind, found in _BY_CLASS:
        if isinstance(value, kind):
            return found
    raise TypeError(f"no type is named for {type(value).__name__}")


def _octets(value: bytes) -> bytes:
    bytes.__len__(value)  # raises a TypeError for what is no bytes, which the server would cast
    return value


def _number(value: float) -> bytes:
    if value != value:
        raise ValueError("not a number, where a number belongs")
    return _real(value)


def _truth(value: bool) -> bytes:
    return b"\1" if value else b"\0"


def _array(oid: int, items: list[bytes], has_null: bool) -> bytes:
    if not items:
        return struct.pack("!iiI", 0, 0, oid)
    return _array_head(1, has_null, oid, len(items), 1) + b"".join(items)


def _of_sizes(type: _Type, encode: Callable[[Any], bytes], values: Sequence[Any]) -> bytes:
    """An array of values of any size."""
    items = [_NULL if value is None else encode(value) for value in values]
    found = [item if item is _NULL else _length(len(item)) + item for item in items]
    return _array(type.oid, found, None in values)


def _texts(values: Sequence[Any]) -> bytes:
    return _of_sizes(_TEXT, str.encode, values)


def _many_octets(values: Sequence[Any]) -> bytes:
    return _of_sizes(_BYTEA, _octets, values)


def _truths(values: Sequence[Any]) -> bytes:
    return _of_sizes(_BOOL, _truth, values)


def _wholes(values: Sequence[Any]) -> bytes:
    items = [_NULL if value is None else _sized_whole(8, value) for value in values]
    return _array(_INT8.oid, items, None in values)


def _reals(values: Sequence[Any]) -> bytes:
    if any(value != value for value in values):
        raise ValueError("not a number, where a number belongs")
    items = [_NULL if value is None else _sized_real(8, value) for value in values]
    return _array(_FLOAT8.oid, items, None in values)


# By the oids that these types have in every PostgreSQL.
_UNKNOWN = _Type(0, _octets)
_BOOL, _BYTEA, _INT8 = _Type(16, _truth), _Type(17, _octets), _Type(20, _whole)
_TEXT, _FLOAT8 = _Type(25, str.encode), _Type(701, _number)
_TYPES = {"bool": _BOOL, "bytea": _BYTEA, "int8": _INT8, "text": _TEXT, "float8": _FLOAT8}
_ARRAYS = {
    "bool": _Type(1000, _truths), "bytea": _Type(1001, _many_octets), "int8": _Type(1016, _wholes),
    "text": _Type(1009, _texts), "float8": _Type(1022, _reals),
}  # fmt: skip
_BY_CLASS = (
    (str, _TEXT), (bool, _BOOL), (int, _INT8), (float, _Type(701, _real)), (bytes, _BYTEA),
)  # fmt: skip


def columns(names: str, many: Iterable[Sequence[Any]]) -> dict[str, Sequence[Any]]:
    """Rows as arrays, by the names of their columns."""
    named = names.split()
    return dict(zip(named, list(zip(*many, strict=True)) or [()] * len(named), strict=True))
