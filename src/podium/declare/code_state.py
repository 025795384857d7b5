"""What code depends on, as a digest: a function, and what it reaches by the names in its code.

Looked at are functions and classes of the program itself, what they close over, and the globals that they
read: data, and objects by what pickle would say of them. Of what is installed only the name counts. All is
taken as it is in memory: a source that was edited since is not what runs.
"""

from __future__ import annotations

import builtins
import copyreg
import enum
import functools
import inspect
import logging
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from hashlib import blake2b
from math import inf
from types import (
    FunctionType,
    GetSetDescriptorType,
    MappingProxyType,
    MemberDescriptorType,
    MethodType,
    ModuleType,
)
from typing import Any, cast

from ..errors import UsageError
from ..functions import Function
from ..modules import file_of, is_installed
from .code_names import import_of, names_in
from .fingerprint import feed_code
from .sources import belongs_to

LIMIT = 64 * 1024  # bytes of one global: all of it is digested before every attempt
REACHED = 8 * LIMIT  # bytes of all globals together
STEP = 8  # bytes that an object counts for beside its data

_DATA = (type(None), bool, int, float, complex, str, bytes, type(...), type(NotImplemented))
_LOCKS = (type(threading.Lock()), type(threading.RLock()))
_BY_NAME = (GetSetDescriptorType, MemberDescriptorType, *_LOCKS)  # what is in them never changes a result
_HEAP_TYPE = 1 << 9  # of `type.__flags__`: made by a class statement
_NOT_CODE = frozenset(  # of a class: what Python keeps there for itself
    {"__module__", "__doc__", "__dict__", "__weakref__", "__firstlineno__", "__static_attributes__"}
    | {"__abstractmethods__", "_abc_impl", "__slotnames__"}
    | {"__hash__"}  # decides no result; attrs writes a number into it that is another in each process
)


class _Unseen(Exception):
    """Something that cannot be told from another one like it; says what, and the global that leads to it."""

    where = ""


def state_of(fn: Callable[..., Any], label: str, version: str, classes: Mapping[str, type]) -> bytes:
    """The digest of all that a function depends on, 16 bytes: of its code, and of the classes that its
    arguments and result are of, by name.

    Raises UsageError where it reads what cannot be told from another one like it, or what is too large to be
    looked at each time. With a version, which answers for that, such things count by their type alone.
    """
    walk = _Walk(fn, is_lenient=bool(version))
    try:
        walk.feed(version.encode("utf-8", "surrogatepass"))
        walk.value(fn)
        walk.classes(classes)
    except _Unseen as unseen:
        reads = unseen.where or "what it closes over"
        raise UsageError(
            f"@task(cache=...) of {label} keeps no results: of {reads} it cannot tell a change ({unseen})",
            fix='make it an argument, make it in the body, or answer for it: @task(cache=True, version="1")',
        ) from None
    return walk.digest.digest()


class _Walk:
    """One way through everything that a function reaches."""

    def __init__(self, root: Any, is_lenient: bool) -> None:
        self.digest: Any = blake2b(digest_size=16)
        self._is_lenient = is_lenient
        self._seen: dict[int, int] = {}
        self._kept: list[Any] = []  # what was seen, so that no two objects have one id
        self._inside: list[ModuleType] = []
        self._room, self._left = LIMIT, inf if is_lenient else REACHED
        self._own: dict[int, bool] = {}
        self._home = belongs_to(_namespace(root))

    def feed(self, data: bytes) -> None:
        """Digest these bytes, told apart from those before and after. Raises _Unseen."""
        self._room -= len(data) + STEP
        self._left -= len(data) + STEP
        if self._room < 0:
            raise _Unseen(f"more than {LIMIT // 1024} KiB")
        if self._left < 0:
            raise _Unseen(f"with other globals more than {REACHED // 1024} KiB")
        self.digest.update(len(data).to_bytes(8, "big") + data)

    def value(self, value: Any) -> None:
        """Digest anything. Raises _Unseen."""
        kind = cast("type[Any]", type(value))
        if kind in _DATA:
            self.feed(kind.__name__.encode())
            self.feed(value if kind is bytes else repr(value).encode("utf-8", "surrogatepass"))
            return
        if (before := self._seen.get(id(value))) is not None:
            self.feed(b"seen %d" % before)
            return
        self._seen[id(value)] = len(self._seen)
        self._kept.append(value)
        if isinstance(value, FunctionType):
            self._function(value)
        elif isinstance(value, type):
            self._class(cast("type[Any]", value))
        elif isinstance(value, ModuleType):
            self._values("module", [value.__name__])
        elif isinstance(value, _BY_NAME):
            self._values(kind.__name__, [getattr(value, "__name__", "")])
        elif isinstance(value, logging.Logger):
            self.feed(b"a logger")
        elif kind in (set, frozenset):
            self._set(cast("set[Any]", value))
        elif kind in (dict, MappingProxyType):
            items = list(cast("dict[Any, Any]", value).items())
            self._values("dict", (each for item in items for each in item))
        elif kind in (list, tuple):
            self._values(kind.__name__, list(cast("list[Any]", value)))
        else:
            self._object(value)

    def classes(self, classes: Mapping[str, type]) -> None:
        """Digest classes of values that the code is given. Raises _Unseen."""
        for name, cls in sorted(classes.items()):
            self._global(name, cls, ())

    def _values(self, what: str, values: Iterable[Any]) -> None:
        self.feed(what.encode("utf-8", "surrogatepass"))
        for each in values:
            self.value(each)
        self.feed(b"end")

    def _set(self, value: set[Any] | frozenset[Any]) -> None:
        """In an order that another process has, too."""
        outer, seen, digests = self.digest, self._seen, list[bytes]()
        for each in list(value):
            self.digest, self._seen = blake2b(digest_size=16), dict(seen)
            self.value(each)
            digests.append(self.digest.digest())
        self.digest, self._seen = outer, seen
        self._values(type(value).__name__, sorted(digests))

    def _leniently(self, value: Any) -> None:
        """Digest what belongs to somebody's machinery: by its type, where that is all that can be told."""
        outer, seen = self.digest, dict(self._seen)
        self.digest = blake2b(digest_size=16)
        try:
            self.value(value)
            found = self.digest.digest()
        except _Unseen:
            found, self._seen = type(value).__qualname__.encode(), seen
        self.digest = outer
        self.digest.update(b"leniently" + found)

    # -- code ----------------------------------------------------------------------------------------

    def _is_own(self, namespace: dict[str, Any]) -> bool:
        """Whether a module is of the program, not installed."""
        found = self._own.get(id(namespace))
        if found is None:
            home = belongs_to(namespace)
            is_users = _is_users(file_of(namespace)) or _is_made(namespace)
            found = home == self._home or (home != "package podium" and is_users)
            self._own[id(namespace)] = found
        return found

    def _function(self, fn: FunctionType) -> None:
        self._values("function", [fn.__name__])
        inner = [*map(_held, fn.__closure__ or ()), getattr(fn, "__wrapped__", None)]
        if not self._is_own(fn.__globals__):
            self._values(f"of {fn.__module__}", [])
            for each in inner:  # what somebody's decorator was given
                self._leniently(each)
            return
        feed_code(self.digest, fn.__code__)
        self._values("holds", [fn.__defaults__, fn.__kwdefaults__, *inner])
        names = names_in(fn.__code__)
        for name in names.read:
            if name in fn.__globals__ and _is_made(fn.__globals__):  # what its maker needs is of any sort
                self.feed(name.encode())
                self._leniently(fn.__globals__[name])
            elif name in fn.__globals__:
                self._global(name, fn.__globals__[name], names.attributes)
        for name, level in names.imported:
            self._imported(name, level, fn.__globals__, names.attributes)

    def _global(self, name: str, value: Any, attributes: tuple[str, ...]) -> None:
        if isinstance(value, ModuleType) and self._is_own(vars(value)):
            self._module(value, attributes)
            return
        room, self._room = self._room, LIMIT
        try:
            self.feed(name.encode())
            if self._is_lenient:
                self._leniently(value)
            else:
                self.value(value)
        except _Unseen as unseen:
            unseen.where = unseen.where or name
            raise
        finally:
            self._room = room

    def _module(self, module: ModuleType, attributes: tuple[str, ...]) -> None:
        """What code with these attributes may read of a module of the program."""
        if module in self._inside:
            return
        self._inside.append(module)
        try:
            for name in attributes:
                if name in vars(module):
                    self._global(name, vars(module)[name], attributes)
        finally:
            self._inside.pop()

    def _imported(
        self, name: str, level: int, namespace: dict[str, Any], attributes: tuple[str, ...]
    ) -> None:
        """What an import in a body brings, which may be made here for the first time."""
        try:
            modules = import_of(name, level, namespace, attributes, self._is_own)
        except Exception as error:  # whatever a module may raise
            unseen = _Unseen(f"cannot be imported: {type(error).__name__}: {error}")
            unseen.where = name
            raise unseen from None
        for module in modules:
            self._module(module, attributes)

    # -- objects -------------------------------------------------------------------------------------

    def _class(self, value: type[Any]) -> None:
        self._values("class", [value.__qualname__])
        module = sys.modules.get(value.__module__)
        is_made = module is None or (
            module is builtins
            and bool(value.__flags__ & _HEAP_TYPE)
            and vars(builtins).get(value.__qualname__) is not value
        )
        if not is_made and not self._is_own(vars(module)):
            self._values(f"of {value.__module__}", [])
            return
        self._values("bases", [type(value), *value.__bases__])
        if (defaults := getattr(value, "__struct_defaults__", None)) is not None:  # msgspec hides them
            self._values("defaults", [defaults])
        is_enum = issubclass(value, enum.Enum)
        for name, held in sorted(vars(value).items()):
            if name in _NOT_CODE or (name == "__annotations__" and not held):
                continue
            if is_enum and name.startswith("_") and name.endswith("_") and not name.startswith("__"):
                continue  # enum's own, which grows when flags are combined
            self.feed(name.encode())
            if name.startswith("__") and not isinstance(held, FunctionType):
                self._leniently(held)
            else:
                self.value(held)

    def _object(self, value: Any) -> None:
        kind = cast("type[Any]", type(value))
        if kind.__module__.startswith("podium."):  # a task or a workflow is its function
            function = getattr(value, "_function", None)
            if isinstance(function, Function):
                self._values("declared", [function.fn])
                return
        if isinstance(value, enum.Enum):
            parts: list[Any] = [kind, value.name, value.value]
        elif isinstance(value, (MethodType, staticmethod, classmethod)):
            held = cast(Any, value)
            parts = [held.__func__, getattr(held, "__self__", None)]
        elif isinstance(value, property):
            parts = [value.fget, value.fset, value.fdel]
        elif isinstance(value, functools.cached_property):
            parts = [cast(Any, value).func]
        elif isinstance(value, functools._lru_cache_wrapper):  # pyright: ignore[reportPrivateUsage]  # has no other name
            parts = [cast(Any, value).__wrapped__]
        else:
            try:
                parts = _reduced(value)
            except _Unseen:
                if not self._is_lenient:
                    raise
                parts = []
        self._values(kind.__qualname__, parts)


def _reduced(value: Any) -> list[Any]:
    """An object as pickle would take it apart. Raises _Unseen."""
    kind = cast("type[Any]", type(value))
    try:
        if int(getattr(value, "nbytes", 0)) > LIMIT:
            raise _Unseen(f"more than {LIMIT // 1024} KiB")
        known = copyreg.dispatch_table.get(kind)
        found: Any = known(value) if known is not None else value.__reduce_ex__(4)
        if isinstance(found, str):  # a global of that name
            return [getattr(value, "__module__", None), found]
        return [*found[:3], *(None if each is None else list(each) for each in found[3:5]), *found[5:]]
    except _Unseen:
        raise
    except Exception:
        raise _Unseen(f"a {kind.__module__}.{kind.__qualname__}") from None


def _held(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # nothing yet
        return None


def _namespace(fn: Any) -> dict[str, Any]:
    """The globals of the function inside of wrappers."""
    while isinstance(fn, functools.partial):
        fn = cast(Any, fn).func
    fn = getattr(inspect.unwrap(fn), "__func__", inspect.unwrap(fn))
    module = sys.modules.get(getattr(fn, "__module__", None) or "", sys)
    return getattr(fn, "__globals__", None) or vars(module)


def _is_made(namespace: dict[str, Any]) -> bool:
    """Whether it is that of no module: of code that was made when the program ran, by exec or a library."""
    module = sys.modules.get(str(namespace.get("__name__", "")))
    return not file_of(namespace) and (module is None or vars(module) is not namespace)


@functools.cache
def _is_users(file: str) -> bool:
    return bool(file) and not is_installed(file)
