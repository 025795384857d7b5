"""Writers and readers for the types of the standard library."""

# Values of any type pass through here, which strict checking calls unknown.
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownMemberType=false, reportUnknownLambdaType=false

from __future__ import annotations

import binascii
import datetime as dt
import zoneinfo
from collections import Counter, OrderedDict, defaultdict, deque
from decimal import Decimal
from fractions import Fraction
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network
from math import isfinite
from pathlib import PosixPath, PurePosixPath, PureWindowsPath, WindowsPath
from typing import Any
from uuid import UUID

from ..redaction import secret_in_bytes
from .refusals import Refusal
from .untag import Reader, Untag
from .walk import Tree, Walk, Writer, write_dict, write_items, write_pairs, write_set

_NATIVE_BITS = 2048  # integers up to here are JSON numbers in a careful walk
_PATHS: dict[str, type] = {
    cls.__name__: cls for cls in (PosixPath, WindowsPath, PurePosixPath, PureWindowsPath)
}
_IPS: dict[str, Any] = {
    cls.__name__: cls
    for cls in (IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network)
}
_FACTORIES: dict[str, type] = {cls.__name__: cls for cls in (bool, dict, float, int, list, set, str, tuple)}

# -- atoms that JSON cannot carry --------------------------------------------------------------------


def _write_str(value: str, walk: Walk, depth: int) -> Tree:
    walk.spend(len(value))
    if walk.plain:
        return value
    raw = value.encode("utf-8", "surrogatepass")
    try:
        if b"\0" not in raw:
            raw.decode()
            return value
    except UnicodeDecodeError:
        pass
    return {"!str": _base64(raw)}


def _write_int(value: int, walk: Walk, depth: int) -> Tree:
    walk.spend(value.bit_length() // 8)
    return value if value.bit_length() <= _NATIVE_BITS else {"!int": hex(value)}


def _write_float(value: float, walk: Walk, depth: int) -> Tree:
    return value if isfinite(value) else {"!float": repr(value)}


def _read_float(text: Any, rest: dict[str, Any], untag: Untag) -> float:
    if text not in ("nan", "inf", "-inf"):
        raise ValueError("nan, inf or -inf")
    return float(text)


def _write_bytes(tag: str) -> Writer:
    def write(value: bytes, walk: Walk, depth: int) -> Tree:
        walk.spend(len(value) * 4 // 3)
        if reference := secret_in_bytes(value):  # here, since nobody sees it in base 64
            text = f"holds the value of Secret({reference!r})"
            raise Refusal(Refusal.WHAT, text, "pass the Secret itself")
        return {tag: _base64(value)}

    return write


def _base64(raw: bytes) -> str:
    return binascii.b2a_base64(raw, newline=False).decode("ascii")


def _bytes(text: str) -> bytes:
    return binascii.a2b_base64(text, strict_mode=True)


# -- containers --------------------------------------------------------------------------------------


def _tagged(tag: str, write: Writer) -> Writer:
    return lambda value, walk, depth: {tag: write(value, walk, depth)}


def _write_deque(value: deque[Any], walk: Walk, depth: int) -> Tree:
    return {"!deque": [value.maxlen, write_items(value, walk, depth)]}


def _write_defaultdict(value: defaultdict[Any, Any], walk: Walk, depth: int) -> Tree:
    factory: Any = value.default_factory
    name = None if factory is None else getattr(factory, "__name__", "")
    if name is not None and _FACTORIES.get(name) is not factory:
        text = "is a defaultdict whose factory is not a builtin type"
        raise Refusal(Refusal.WHAT, text, "return dict(...) of it")
    return {"!defaultdict": [name, write_pairs(value, walk, depth)]}


def _read_defaultdict(payload: Any, rest: dict[str, Any], untag: Untag) -> Any:
    name, trees = payload
    found: defaultdict[Any, Any] = defaultdict(None if name is None else _FACTORIES[name])
    found.update(untag.pairs(trees))
    return found


def _read_deque(payload: Any, rest: dict[str, Any], untag: Untag) -> Any:
    maxlen, trees = payload
    return deque(untag.items(trees), maxlen)


def _read_mapping(make: Any) -> Reader:
    def read(payload: Any, rest: dict[str, Any], untag: Untag) -> Any:
        found = make()
        # Past Counter.update, which adds up.
        dict.update(found, untag.pairs(payload))
        return found

    return read


def _read_ordered(payload: Any, rest: dict[str, Any], untag: Untag) -> Any:
    return OrderedDict(untag.pairs(payload))  # dict.update would leave its own order behind


def _collection(make: Any) -> Reader:
    return lambda payload, rest, untag: make(untag.items(payload))


# -- time --------------------------------------------------------------------------------------------


def _write_moment(tag: str) -> Writer:
    def write(value: Any, walk: Walk, depth: int) -> Tree:
        if not value.fold and (value.tzinfo is None or value.tzinfo is dt.UTC):
            return {tag: value.isoformat()}
        local = value.replace(tzinfo=None, fold=0).isoformat()
        return {tag: [local, value.fold, walk.tree(value.tzinfo, depth + 1)]}

    return write


def _read_moment(cls: Any) -> Reader:
    def read(payload: Any, rest: dict[str, Any], untag: Untag) -> Any:
        if isinstance(payload, str):
            return cls.fromisoformat(payload)
        local, fold, zone = payload
        return cls.fromisoformat(local).replace(fold=fold, tzinfo=untag.read(zone))

    return read


def _write_timedelta(value: dt.timedelta, walk: Walk, depth: int) -> Tree:
    return {"!timedelta": [value.days, value.seconds, value.microseconds]}


def _write_timezone(value: dt.timezone, walk: Walk, depth: int) -> Tree:
    offset, *name = value.__getinitargs__()  # pyright: ignore[reportAttributeAccessIssue]  # its documented pickle arguments
    return {"!timezone": [walk.tree(offset, depth), *(walk.tree(text, depth) for text in name)]}


def _write_zoneinfo(value: zoneinfo.ZoneInfo, walk: Walk, depth: int) -> Tree:
    if not value.key:
        raise Refusal(Refusal.WHAT, "is a ZoneInfo without a key", "make it with ZoneInfo(key)")
    return {"!zoneinfo": value.key}


# -- other values ------------------------------------------------------------------------------------


def _text(tag: str) -> Writer:
    return lambda value, walk, depth: {tag: str(value)}


def _path(value: Any, walk: Walk, depth: int) -> Tree:
    return {"!path": [type(value).__name__, walk.tree(str(value), depth)]}


def _read_path(payload: Any, rest: dict[str, Any], untag: Untag) -> Any:
    name, text = payload
    return _PATHS[name](untag.read(text))


def _ip(value: Any, walk: Walk, depth: int) -> Tree:
    return {"!ip": [type(value).__name__, str(value)]}


def _read_ip(payload: Any, rest: dict[str, Any], untag: Untag) -> Any:
    name, text = payload
    if type(text) is not str:
        raise TypeError("text is needed")
    return _IPS[name](text)


def _parts(tag: str, *names: str) -> Writer:
    return lambda value, walk, depth: {tag: [walk.tree(getattr(value, name), depth) for name in names]}


def _call(make: Any) -> Reader:
    return lambda payload, rest, untag: make(*untag.items(payload))


def _of_text(make: Any) -> Reader:
    def read(payload: Any, rest: dict[str, Any], untag: Untag) -> Any:
        if type(payload) is not str:
            raise TypeError("text is needed")
        return make(payload)

    return read


WRITERS: dict[type, Writer] = {
    str: _write_str,
    int: _write_int,
    float: _write_float,
    list: write_items,
    dict: write_dict,
    tuple: _tagged("!tuple", write_items),
    set: _tagged("!set", write_set),
    frozenset: _tagged("!frozenset", write_set),
    OrderedDict: _tagged("!OrderedDict", write_pairs),
    Counter: _tagged("!Counter", write_pairs),
    defaultdict: _write_defaultdict,
    deque: _write_deque,
    range: _parts("!range", "start", "stop", "step"),
    bytes: _write_bytes("!bytes"),
    bytearray: _write_bytes("!bytearray"),
    complex: _parts("!complex", "real", "imag"),
    dt.datetime: _write_moment("!datetime"),
    dt.time: _write_moment("!time"),
    dt.date: lambda value, walk, depth: {"!date": value.isoformat()},
    dt.timedelta: _write_timedelta,
    dt.timezone: _write_timezone,
    zoneinfo.ZoneInfo: _write_zoneinfo,
    UUID: _text("!uuid"),
    Decimal: _text("!decimal"),
    Fraction: _parts("!fraction", "numerator", "denominator"),
    **dict.fromkeys(_PATHS.values(), _path),
    **dict.fromkeys(_IPS.values(), _ip),
}

READERS: dict[str, Reader] = {
    "!float": _read_float,
    "!int": _of_text(lambda text: int(text, 16)),
    "!str": _of_text(lambda text: _bytes(text).decode("utf-8", "surrogatepass")),
    "!bytes": _of_text(_bytes),
    "!bytearray": _of_text(lambda text: bytearray(_bytes(text))),
    "!complex": _call(complex),
    "!tuple": _collection(tuple),
    "!set": _collection(set),
    "!frozenset": _collection(frozenset),
    "!dict": _read_mapping(dict),
    "!Counter": _read_mapping(Counter),
    "!OrderedDict": _read_ordered,
    "!defaultdict": _read_defaultdict,
    "!deque": _read_deque,
    "!range": _call(range),
    "!datetime": _read_moment(dt.datetime),
    "!time": _read_moment(dt.time),
    "!date": _of_text(dt.date.fromisoformat),
    "!timedelta": _call(dt.timedelta),
    "!timezone": _call(dt.timezone),
    "!zoneinfo": _of_text(zoneinfo.ZoneInfo),
    "!uuid": _of_text(UUID),
    "!decimal": _of_text(Decimal),
    "!fraction": _call(Fraction),
    "!path": _read_path,
    "!ip": _read_ip,
}
