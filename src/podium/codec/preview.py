"""One line for people, from the bytes alone: no classes needed, nothing rebuilt."""

# Values of any type pass through here, which strict checking calls unknown.
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownMemberType=false, reportUnknownLambdaType=false

from __future__ import annotations

import binascii
import datetime as dt
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec

from ..redaction import HIDDEN, is_secret, redacted
from .ref import shown
from .walk import AS_IS

_parse = msgspec.json.Decoder().decode

_BRACKETS = {"!tuple": "()", "!set": "{}", "!frozenset": "{}"}
_NAMED = ("!dataclass", "!struct", "!namedtuple")


def preview(data: bytes, width: int = 80, *, hide: bool = True) -> str:
    """The value in at most `width` characters on one line, whatever the bytes hold; never raises.

    With `hide` what a name calls a secret is `***`, and the passwords of URLs are, before anything is cut.
    """
    try:
        return _line(render(_parse(data), hide), width, hide, "...")
    except (msgspec.MsgspecError, ValueError, TypeError, LookupError, OverflowError, RecursionError):
        return f"<{len(data):,} bytes that are no payload>"


def preview_named(members: Iterable[tuple[str, Any]], width: int) -> str:
    """Names with their trees, as a call writes them: `city='Oslo', days=7`. Secrets are hidden."""
    try:
        return _line(_members(members, hide=True), width, True, "…")
    except (ValueError, TypeError, LookupError, OverflowError, RecursionError):
        return "<arguments that are no payload>"


def _line(pieces: Iterable[str], width: int, hide: bool, more: str) -> str:
    """As much of them as there is room for; redacted first, since half a URL is none."""
    parts, length = list[str](), 0
    for piece in pieces:
        parts.append((redacted(piece) if hide else piece)[: width + 1])
        length += len(parts[-1])
        if length > width:
            break
    # Stored text must not move a terminal's cursor.
    text = "".join(char if char.isprintable() else "?" for char in "".join(parts))
    return text if len(text) <= width else text[: max(0, width - len(more))] + more


def render(tree: Any, hide: bool) -> Iterator[str]:
    """The pieces of its text: none of it is made before it is asked for."""
    if type(tree) is dict:
        members: dict[str, Any] = tree
        tag = next(iter(members), "")
        yield from _tagged(tag, members, hide) if tag[:1] == "!" else _object(members, hide)
    elif type(tree) is list:
        yield from _list(tree, "[]", hide)
    else:
        yield repr(tree)


def _tagged(tag: str, members: dict[str, Any], hide: bool) -> Iterator[str]:
    inner: Any = members[tag]
    if tag == "!as_is":
        yield from render(inner, hide)
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
        yield from _fields(inner, rest, hide)
    elif tag == "!pydantic" and type(fields := rest.get("fields")) is dict:
        yield from _fields(inner, fields, hide)
    elif tag in _BRACKETS and type(inner) is list:
        yield from _list(inner, _BRACKETS[tag], hide)
    elif tag == "!dict" and type(inner) is list:
        yield from _pairs(inner, hide)
    elif tag in ("!bytes", "!bytearray") and type(inner) is str:
        yield f"<{len(inner) * 3 // 4 - inner[-2:].count('='):,} bytes>"
    elif tag in _WRITTEN and (type(inner) is list or tag in ("!str", "!omitted")):
        yield from _WRITTEN[tag](inner, rest, hide)
    else:
        yield tag[1:] + "("
        yield from [inner] if type(inner) is str else render(inner, hide)
        yield ")"


def _path(inner: Any, rest: Any, hide: bool) -> Iterator[str]:
    yield "Path("
    yield from render(inner[1], hide)
    yield ")"


def _moment(inner: Any, rest: Any, hide: bool) -> Iterator[str]:
    local, _, zone = inner
    yield f"datetime({local}" if "-" in local else f"time({local}"
    if zone is not None:
        yield " "
        yield from [zone["!zoneinfo"]] if "!zoneinfo" in zone else render(zone, hide)
    yield ")"


def _timezone(inner: Any, rest: Any, hide: bool) -> Iterator[str]:
    yield str(dt.timezone(dt.timedelta(*inner[0]["!timedelta"]), *inner[1:]))


def _counted(name: str) -> Callable[[Any, Any, bool], Iterator[str]]:
    def written(inner: Any, rest: Any, hide: bool) -> Iterator[str]:
        yield f"{name}("
        yield from _pairs(inner, hide)
        yield ")"

    return written


def _deque(inner: Any, rest: Any, hide: bool) -> Iterator[str]:
    yield "deque("
    yield from _list(inner[1], "[]", hide)
    yield ")" if inner[0] is None else f", maxlen={inner[0]})"


def _defaultdict(inner: Any, rest: Any, hide: bool) -> Iterator[str]:
    yield f"defaultdict({inner[0]}, "
    yield from _pairs(inner[1], hide)
    yield ")"


# What is kept in another form than people write it in.
_WRITTEN: dict[str, Callable[[Any, dict[str, Any], bool], Iterator[str]]] = {
    "!path": _path,
    "!ref": lambda inner, rest, hide: iter([shown(inner)]),
    "!datetime": _moment,
    "!time": _moment,
    "!timedelta": lambda inner, rest, hide: iter([f"timedelta({dt.timedelta(*inner)})"]),
    "!timezone": _timezone,
    "!complex": lambda inner, rest, hide: iter([repr(complex(*inner))]),
    "!fraction": lambda inner, rest, hide: iter([f"Fraction({inner[0]}, {inner[1]})"]),
    "!range": lambda inner, rest, hide: iter([repr(range(*inner))]),
    "!Counter": _counted("Counter"),
    "!OrderedDict": _counted("OrderedDict"),
    "!deque": _deque,
    "!defaultdict": _defaultdict,
    "!str": lambda inner, rest, hide: iter(
        [repr(binascii.a2b_base64(inner).decode("utf-8", "surrogatepass"))]
    ),
    "!ip": lambda inner, rest, hide: iter([f"{inner[0]}({inner[1]!r})"]),
    "!pydantic_value": lambda inner, rest, hide: iter(
        [f"{_short(inner[0])}({'**********' if 'Secret' in inner[0] else inner[1]!r})"]
    ),
    "!omitted": lambda inner, rest, hide: iter([str(rest.get("repr", inner))]),
}


def _object(members: dict[str, Any], hide: bool) -> Iterator[str]:
    yield "{"
    for count, (key, value) in enumerate(members.items()):
        yield f"{', ' if count else ''}{key!r}: "
        yield from _named(key, value, hide)
    yield "}"


def _pairs(pairs: list[Any], hide: bool) -> Iterator[str]:
    yield "{"
    for count, pair in enumerate(pairs):
        yield ", " if count else ""
        key, value = pair if type(pair) is list and len(pair) == 2 else (pair, None)
        yield from render(key, hide)
        yield ": "
        yield from _named(key, value, hide)
    yield "}"


def _list(items: list[Any], brackets: str, hide: bool) -> Iterator[str]:
    yield brackets[0]
    name = items[0] if len(items) == 2 else None  # a pair, as `[("password", "…")]` holds them
    for count, item in enumerate(items):
        yield ", " if count else ""
        yield from _named(name, item, hide) if count else render(item, hide)
    yield ",)" if brackets == "()" and len(items) == 1 else brackets[1]


def _fields(name: Any, fields: dict[str, Any], hide: bool) -> Iterator[str]:
    yield f"{_short(name)}("
    yield from _members(((key, value) for key, value in fields.items() if key != AS_IS), hide)
    yield ")"


def _members(members: Iterable[tuple[str, Any]], hide: bool) -> Iterator[str]:
    for count, (key, value) in enumerate(members):
        yield f"{', ' if count else ''}{key}="
        yield from _named(key, value, hide, HIDDEN)


def _named(name: Any, value: Any, hide: bool, hidden: str = repr(HIDDEN)) -> Iterator[str]:
    """A value that has a name, which may say that it is a secret."""
    if hide and type(name) is str and is_secret(name, value):
        yield hidden
    else:
        yield from render(value, hide)


def _short(name: Any) -> str:
    """A class as people say it: without its module."""
    return str(name).rpartition(":")[2]
