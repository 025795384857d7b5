"""What cannot be stored, said so that its author can act: where it sits, what it is, what to do instead."""

# Values of any type pass through here, which strict checking calls unknown.
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownMemberType=false, reportUnknownLambdaType=false

from __future__ import annotations

import collections.abc
import enum
import io
import re
import sys
import threading
import types
import typing
from collections.abc import Callable
from typing import Any

from .type_names import derives_from

_LISTS = "return list(...) of it"
_LOCKS = "share it inside the process; store plain data"
_FUNCTIONS = "call it and store its result, or store its name"

# First match wins, so the special stand before the general.
_KINDS: tuple[tuple[type, str, str], ...] = (
    (io.IOBase, "an open file", "return the path or its bytes"),
    (type(threading.Lock()), "a lock", _LOCKS),
    (type(threading.RLock()), "a lock", _LOCKS),
    (threading.Thread, "a thread", "wait for it in the task; return what it made"),
    (types.CoroutineType, "a coroutine", "await it first"),
    (types.GeneratorType, "a generator", _LISTS),
    (types.AsyncGeneratorType, "an async generator", "collect it first: [item async for item in ...]"),
    (types.FunctionType, "a function", _FUNCTIONS),
    (types.BuiltinFunctionType, "a function", _FUNCTIONS),
    (types.MethodType, "a method", _FUNCTIONS),
    (types.ModuleType, "a module", "store its name"),
    (type, "a class", 'store its name, such as "module:Class"'),
    (memoryview, "a memoryview", "return bytes(...) of it"),
    (re.Pattern, "a compiled pattern", "store its pattern text"),
    (collections.abc.Iterator, "an iterator", _LISTS),
)
# Of libraries that need not be loaded where no value is of them.
_NAMED_KINDS: tuple[tuple[str, str, str], ...] = (
    ("socket.socket", "a socket", "open it in the task that uses it; return what was read"),
    ("_asyncio.Future", "a future", "await it first"),
    ("asyncio.futures.Future", "a future", "await it first"),
)
_SHAPES: tuple[tuple[type, str], ...] = (
    (collections.abc.Mapping, "return dict(...) of it"),
    (collections.abc.Set, "return set(...) of it"),
    (collections.abc.Sequence, _LISTS),
)
_TRUST = "say podium.trusted(...) of its class where that is imported: it is then kept as a pickle"
_SAVED = "save it to a file and return the path"
_ANSWER = "return its .status_code, .text or .json()"
_OPENED = "open it in the task that uses it; return what was read"
# What to do about classes that nobody can make dataclasses of: by library and class, "" for the others.
_LIBRARIES: dict[str, dict[str, str]] = {
    "numpy": {
        "ndarray": "return numpy.asarray(...) of it",
        "": "return .item() of it; where an annotation says float, int, bool or str that is done for you",
    },
    "pandas": {
        "Timestamp": "return .to_pydatetime() of it",
        "Timedelta": "return .to_pytimedelta() of it",
        "NaTType": "return None instead",
        "NAType": "return None instead",
        "DataFrame": "return pandas.DataFrame(...) of it",
        "": f"return .tolist() of it, or {_SAVED}",
    },
    "polars": {
        "LazyFrame": "return .collect() of it",
        "": _SAVED,
    },
    "torch": {
        "Tensor": "return .numpy() of it, or .tolist()",
        "": "save its state and return the path",
    },
    "sklearn": {"": _TRUST},
    "PIL": {"": "save it and return the path, or its bytes"},
    "httpx": {"Response": _ANSWER, "": _OPENED},
    "requests": {"Response": _ANSWER, "": _OPENED},
    "aiohttp": {"ClientResponse": "return its .status, await .text() or await .json()", "": _OPENED},
    "sqlite3": {"Row": "return dict(...) of it", "": _OPENED},
}
_BUILTINS = (bool, int, float, complex, str, bytes, bytearray, list, tuple, dict, set, frozenset)


# Whether values of a class are kept by reference; filled by `tables`, once, at import.
KEPT_BY_REFERENCE: list[Callable[[type], bool]] = []


class Refusal(Exception):
    """A value that cannot be stored, on its way up; `climb` notes the containers it passes."""

    WHAT, DEEP, LARGE = "what", "deep", "large"

    def __init__(self, kind: str, text: str, fix: str) -> None:
        super().__init__(text)
        self.kind, self.text, self.fix = kind, text, fix
        self.trail: list[tuple[int, str]] = []  # (identity of the container, segment), innermost first

    def climb(self, container: object, segment: str) -> None:
        """Note that the offender was found in `container` at `segment`."""
        self.trail.append((id(container), segment))

    def rename(self, segment: str) -> None:
        """Replace the last segment, for containers whose items have no place."""
        self.trail[-1:] = [(identity, segment) for identity, _ in self.trail[-1:]]

    def path(self) -> str:
        """From the outermost container inwards; a cycle is cut where it comes round."""
        seen: set[int] = set()
        segments: list[str] = []
        for identity, segment in reversed(self.trail):
            if identity in seen:
                self.text, self.fix = "is cyclic: it contains itself", "store ids instead of back references"
                break
            seen.add(identity)
            segments.append(segment)
        if self.kind == self.DEEP and len(segments) > 12:
            return "".join(segments[:6]) + "..."
        return "".join(segments)


def refuse_nameless(cls: type, name: str, taken: bool) -> Refusal:
    """The refusal for a class that its name does not lead back to; `taken`: it leads to another class."""
    kind = cls.__qualname__.rpartition(".")[2]
    if "<locals>" in cls.__qualname__:
        text, fix = "was made inside a function, where no process finds it again", "define it at module level"
    elif "[" in kind:
        text, fix = "has no name of its own", f"declare one at module level: class Name({kind}): ..."
    elif taken:
        text = f"is not what {name} is now: the class was defined anew"
        fix = "make the value from the class there is now, and give each class a name of its own"
    else:
        text, fix = f"is not found as {name}", f"keep the class in its module under its own name, {kind}"
    if issubclass(cls, tuple):
        fix += "; or return tuple(...) of it"
    return Refusal(Refusal.WHAT, f"is a {kind}, a class that {text}", fix)


def label(key: Any) -> str:
    """A dict key as it stands in a path."""
    if type(key) is str:
        return '"' + shorten(key, 40) + '"'
    try:
        return shorten(repr(key), 40)
    except Exception:  # a user's __repr__ may do anything; the path must still be told
        return f"<{type(key).__qualname__}>"


def shorten(text: str, limit: int) -> str:
    """At most `limit` characters, printable on one line."""
    text = text[: limit - 3] + "..." if len(text) > limit else text
    return "".join(char if char.isprintable() else "?" for char in text)


def refuse_kind(kind: type) -> Refusal:
    """The refusal for a value of a class that has no writer."""
    if (known := _known(kind)) is not None:
        what, fix = known
        return Refusal(Refusal.WHAT, f"is {what} ({kind.__qualname__})", fix)
    library = kind.__module__.partition(".")[0]
    if (fixes := _LIBRARIES.get(library)) is not None:
        fix = next((fixes[base.__name__] for base in kind.__mro__ if base.__name__ in fixes), fixes[""])
        return Refusal(Refusal.WHAT, f"is a {library} {kind.__qualname__}", fix)
    if "__dataclass_fields__" in dir(kind):
        text = f"is a {kind.__qualname__}, whose fields cannot be told or restored"
        return Refusal(
            Refusal.WHAT, text, "decorate the subclass with @dataclass too; do not derive from a builtin"
        )
    for base in _BUILTINS:
        if issubclass(kind, base):
            text = f"is a {kind.__qualname__}, a subclass of {base.__name__}"
            return Refusal(Refusal.WHAT, text, f"return {base.__name__}(...) of it, or make it a dataclass")
    for base, fix in _SHAPES:
        if issubclass(kind, base):
            return Refusal(Refusal.WHAT, f"is a {kind.__qualname__}", fix)
    fix = "make the class a dataclass, or return plain data"
    if is_foreign(kind):
        fix = f"it belongs to {library}: return what is needed of it as plain data, or {_SAVED}"
    return Refusal(Refusal.WHAT, f"is a {kind.__qualname__}", fix)


def _known(kind: type) -> tuple[str, str] | None:
    """What a class that is on our lists is, and what helps."""
    for name, what, fix in _NAMED_KINDS:
        if derives_from(kind, name):
            return what, fix
    return next(((what, fix) for base, what, fix in _KINDS if issubclass(kind, base)), None)


def is_foreign(kind: type) -> bool:
    """Whether a class is of Python or of an installed library, so that the user cannot change it."""
    library = kind.__module__.partition(".")[0]
    file = getattr(sys.modules.get(library), "__file__", None) or ""
    return library in sys.stdlib_module_names or "site-packages" in file or "dist-packages" in file


def refuse_annotation(annotation: Any) -> Refusal | None:
    """The refusal for every value that an annotation allows, None and empty containers apart.

    None where it cannot be told: a class of the user's, or of an unknown library, may have a subclass that
    can be stored.
    """
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return refuse_annotation(args[0])
    if origin in (typing.Union, types.UnionType):
        found = [refuse_annotation(member) for member in args if member is not type(None)]
        return found[0] if found and all(found) else None
    if origin in _BUILTINS:
        return next(filter(None, map(refuse_annotation, args)), None)
    kind = origin or annotation
    if not isinstance(kind, type) or not is_foreign(kind) or _may_be_stored(kind):
        return None
    return refuse_kind(kind) if _known(kind) or kind.__module__.partition(".")[0] in _LIBRARIES else None


def _may_be_stored(kind: type) -> bool:
    if issubclass(kind, (enum.Enum, BaseException)) or hasattr(kind, "__dataclass_fields__"):
        return True
    return any(is_kept(kind) for is_kept in KEPT_BY_REFERENCE)
