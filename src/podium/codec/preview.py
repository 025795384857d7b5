"""One line for people, from the bytes alone: no classes needed, nothing rebuilt."""

# Values of any type pass through here, which strict checking calls unknown.
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownMemberType=false, reportUnknownLambdaType=false

from __future__ import annotations

import binascii
import datetime as dt
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from .walk import AS_IS

_parse = msgspec.json.Decoder().decode

_BRACKETS = {"!tuple": "()", "!set": "{}", "!frozenset": "{}"}
_NAMED = ("!dataclass", "!struct", "!namedtuple")


def preview(data: bytes, width: int = 80) -> str:
    """The value in at most `width` characters on one line, whatever the bytes hold; never raises."""
    try:
        pieces, length = list[str](), 0
        for piece in _render(_parse(data)):
            pieces.append(piece[: width + 1])
            length += len(pieces[-1])
            if length > width:
                break
        text = "".join(pieces)
    except (msgspec.MsgspecError, ValueError, TypeError, LookupError, OverflowError, RecursionError):
        text = f"<{len(data):,} bytes that are no payload>"
    # Stored text must not move a terminal's cursor.
    text = "".join(char if char.isprintable() else "?" for char in text)
    return text if len(text) <= width else text[: max(0, width - 3)] + "..."


def _render(tree: Any) -> Iterator[str]:
    if type(tree) is dict:
        members: dict[str, Any] = tree
        tag = next(iter(members), "")
        yield from _tagged(tag, members) if tag[:1] == "!" else _object(members)
    elif type(tree) is list:
        yield from _list(tree, "[]")
    else:
        yield repr(tree)


def _tagged(tag: str, members: dict[str, Any]) -> Iterator[str]:
    inner: Any = members[tag]
    if tag == "!as_is":
        yield from _render(inner)
        return
    rest = {key: value for key, value in members.items() if key != tag}
    if tag == "!failure" and type(inner) is dict:
        yield f"{_short(inner.get('type'))}: {inner.get('message', '')}"
    elif tag == "!enum":
        yield (
            f"{_short(inner)}.{rest['member']}"
            if "member" in rest
            else f"{_short(inner)}({rest.get('value')})"
        )
    elif tag in _NAMED:
        yield from _fields(inner, rest)
    elif tag == "!pydantic" and type(fields := rest.get("fields")) is dict:
        yield from _fields(inner, fields)
    elif tag in _BRACKETS and type(inner) is list:
        yield from _list(inner, _BRACKETS[tag])
    elif tag == "!dict" and type(inner) is list:
        yield from _pairs(inner)
    elif tag in ("!bytes", "!bytearray") and type(inner) is str:
        yield f"<{len(inner) * 3 // 4 - inner[-2:].count('='):,} bytes>"
    elif tag in _WRITTEN and (type(inner) is list or tag in ("!str", "!omitted")):
        yield from _WRITTEN[tag](inner, rest)
    else:
        yield tag[1:] + "("
        yield from [inner] if type(inner) is str else _render(inner)
        yield ")"


def _path(inner: Any, rest: Any) -> Iterator[str]:
    yield "Path("
    yield from _render(inner[1])
    yield ")"


def _moment(inner: Any, rest: Any) -> Iterator[str]:
    local, _, zone = inner
    yield f"datetime({local}" if "-" in local else f"time({local}"
    if zone is not None:
        yield " "
        yield from [zone["!zoneinfo"]] if "!zoneinfo" in zone else _render(zone)
    yield ")"


def _timezone(inner: Any, rest: Any) -> Iterator[str]:
    yield str(dt.timezone(dt.timedelta(*inner[0]["!timedelta"]), *inner[1:]))


def _counted(name: str) -> Callable[[Any, Any], Iterator[str]]:
    def written(inner: Any, rest: Any) -> Iterator[str]:
        yield f"{name}("
        yield from _pairs(inner)
        yield ")"

    return written


def _deque(inner: Any, rest: Any) -> Iterator[str]:
    yield "deque("
    yield from _list(inner[1], "[]")
    yield ")" if inner[0] is None else f", maxlen={inner[0]})"


def _defaultdict(inner: Any, rest: Any) -> Iterator[str]:
    yield f"defaultdict({inner[0]}, "
    yield from _pairs(inner[1])
    yield ")"


# What is kept in another form than people write it in.
_WRITTEN: dict[str, Callable[[Any, dict[str, Any]], Iterator[str]]] = {
    "!path": _path,
    "!datetime": _moment,
    "!time": _moment,
    "!timedelta": lambda inner, rest: iter([f"timedelta({dt.timedelta(*inner)})"]),
    "!timezone": _timezone,
    "!complex": lambda inner, rest: iter([repr(complex(*inner))]),
    "!fraction": lambda inner, rest: iter([f"Fraction({inner[0]}, {inner[1]})"]),
    "!range": lambda inner, rest: iter([repr(range(*inner))]),
    "!Counter": _counted("Counter"),
    "!OrderedDict": _counted("OrderedDict"),
    "!deque": _deque,
    "!defaultdict": _defaultdict,
    "!str": lambda inner, rest: iter([repr(binascii.a2b_base64(inner).decode("utf-8", "surrogatepass"))]),
    "!ip": lambda inner, rest: iter([f"{inner[0]}({inner[1]!r})"]),
    "!pydantic_value": lambda inner, rest: iter(
        [f"{_short(inner[0])}({'**********' if 'Secret' in inner[0] else inner[1]!r})"]
    ),
    "!omitted": lambda inner, rest: iter([str(rest.get("repr", inner))]),
}


def _object(members: dict[str, Any]) -> Iterator[str]:
    yield "{"
    for count, (key, value) in enumerate(members.items()):
        yield f"{', ' if count else ''}{key!r}: "
        yield from _render(value)
    yield "}"


def _pairs(pairs: list[Any]) -> Iterator[str]:
    yield "{"
    for count, pair in enumerate(pairs):
        yield ", " if count else ""
        key, value = pair if type(pair) is list and len(pair) == 2 else (pair, None)
        yield from _render(key)
        yield ": "
        yield from _render(value)
    yield "}"


def _list(items: list[Any], brackets: str) -> Iterator[str]:
    yield brackets[0]
    for count, item in enumerate(items):
        yield ", " if count else ""
        yield from _render(item)
    yield ",)" if brackets == "()" and len(items) == 1 else brackets[1]


def _fields(name: Any, fields: dict[str, Any]) -> Iterator[str]:
    yield f"{_short(name)}("
    for count, (key, value) in enumerate(fields.items()):
        if key == AS_IS:  # stands behind the fields
            continue
        yield f"{', ' if count else ''}{key}="
        yield from _render(value)
    yield ")"


def _short(name: Any) -> str:
    """A class as people say it: without its module."""
    return str(name).rpartition(":")[2]
