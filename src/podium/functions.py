"""A declared function as data: its name, its code, its signature and its policies.

`declare` makes them, the machine identifies steps by them, the engine and the executors run them.
"""

from __future__ import annotations

import copy
import functools
import inspect
import typing
from collections.abc import Callable, Iterator, KeysView, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from types import FunctionType
from typing import TYPE_CHECKING, Any, cast

import msgspec

from . import codec
from .checks import check_text
from .codec.conform import is_plain, matches
from .codec.type_names import type_name
from .depot import Depot
from .errors import ArgumentError, DeclarationError
from .modules import NOBODYS, Home
from .queues import queues
from .retry import Retry

if TYPE_CHECKING:
    from .alert import Alert
    from .calendar import Schedule  # brings a reader of cron expressions, which most programs need not

BY_POSITION = "*"  # beside recorded arguments: how many of them were given by position; see `encode`

_PLAIN = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


@dataclass(frozen=True, slots=True)
class Cache:
    """How long a result of a function stands for its calls."""

    seconds: float
    # Digest of its code, of what that reads, and of classes by name, as they are now.
    state: Callable[[Mapping[str, type]], bytes]
    refreshes: bool = False  # a call is made anew, and its result stands from then on


@dataclass(eq=False)
class Function:
    """What Podium knows of a task or workflow. One per declaration; never stored."""

    name: str  # "module:qualname", how the store and every other process know it
    fn: Callable[..., Any]  # the bare function
    is_workflow: bool
    is_async: bool
    retry: Retry | None = None
    timeout: float | None = None  # seconds per attempt (task) or for the whole run (workflow)
    executor: str = ""  # "loop", "threads", "processes" or one of an app's; "" picks by colour
    memory: int | None = None  # bytes, of a task in a process of its own
    import_from: tuple[tuple[str, str], ...] = ()  # for another process: modules, each with its file
    fingerprint: str = ""  # of a workflow's own reachable code
    tags: tuple[str, ...] = ()
    schedules: tuple[Schedule, ...] = ()  # when runs of it are to start
    once: bool = False  # never begun twice
    verify: Function | None = None  # asks whether an attempt happened, before another one begins
    cache: Cache | None = None  # whether results on record stand for calls
    undo: Function | None = None  # called with the result when the workflow fails or is cancelled
    alerts: tuple[Alert, ...] = ()  # what people are told of it
    queue: str = ""  # each call of it is a run of its own, in this queue
    home: Home = NOBODYS  # whose code it is
    declared_by: object = None  # the code of the module, or of the cell, that declares it
    machine: Callable[..., Any] | None = None  # of runs without a body: makes theirs
    is_effect: bool = field(init=False)  # its attempts begin on record, and are brought to an outcome
    module: str = field(init=False)
    label: str = field(init=False)  # the rest of the name: how people say it, and what steps are known by
    signature: inspect.Signature = field(init=False)
    _parameters: KeysView[str] = field(init=False)
    _names: tuple[str, ...] = field(init=False)  # positional parameters, in order
    _required: int = field(init=False)  # how many of them have no default
    _simple: bool = field(init=False)  # no *args, **kwargs or keyword-only parameters
    _by_name: bool = field(init=False)  # and none that must be given by position
    _tells: bool = field(init=False)  # it may tell a call by position from one by name: a wrapper, C code

    def __post_init__(self) -> None:
        self.is_effect = self.once or self.verify is not None or self.undo is not None
        self.module, _, self.label = self.name.rpartition(":")
        self.signature = _signature(self.fn)
        parameters = list(self.signature.parameters.values())
        self._parameters = self.signature.parameters.keys()
        self._names = tuple(p.name for p in parameters if p.kind in _PLAIN)
        self._required = sum(1 for p in parameters if p.kind in _PLAIN and p.default is p.empty)
        self._simple = len(self._names) == len(parameters)
        self._tells = not isinstance(self.fn, FunctionType) or hasattr(self.fn, "__wrapped__")
        by_position = any(p.kind is p.POSITIONAL_ONLY for p in parameters)
        self._by_name = self._simple and not by_position and not self._tells
        if not self.executor:
            self.executor = "loop" if self.is_async else "threads"

    @property
    def is_built_in(self) -> bool:
        """Whether it is Podium's own: lists of what a program declares leave it out."""
        return self.module == "podium"

    def bind(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Arguments by parameter name, defaults left out.

        `*args` and `**kwargs` of the function appear under their own names. Raises ArgumentError as the
        call itself would raise TypeError.
        """
        if self._simple and not kwargs and self._required <= len(args) <= len(self._names):
            return dict(zip(self._names, args, strict=False))  # the rest have defaults
        if self._by_name and not args:  # as a recorded call is given
            bound = {name: kwargs[name] for name in self._names if name in kwargs}
            if len(bound) == len(kwargs) and all(map(bound.__contains__, self._names[: self._required])):
                return bound
        try:
            return self.signature.bind(*args, **kwargs).arguments
        except TypeError as error:
            raise ArgumentError(f"{self.label}: {error}", fix=self.spelled) from None

    def check_item(self, verb: str, bound: int) -> None:
        """That one item is all it needs, after so many bound arguments. Raises ArgumentError."""
        try:
            self.signature.bind(*[None] * bound, None)
        except TypeError as error:
            raise ArgumentError(
                f"{self.label}.{verb} gives each item as the one argument: {error}",
                fix=f"[{self.label}.start(*item) for item in items], for several",
            ) from None

    def encode(self, bound: dict[str, Any], given: int, depot: Depot | None = None) -> tuple[bytes, bytes]:
        """What `bind` gave as bytes and digest, for a call that gave so many arguments by position.

        The digest is by parameter names alone. What is kept by reference is put into `depot`. Raises
        EncodeError.
        """
        if not self._tells:
            return codec.encode_call(bound, where=self.label, depot=depot)
        data, digest = codec.encode_call(bound, where=self.label, depot=depot)
        if given < self._leading(bound):
            data, _ = codec.encode_call({BY_POSITION: given, **bound}, where=self.label, depot=depot)
        return data, digest

    def is_read_as_given(self, bound: Mapping[str, Any]) -> bool:
        """Whether to encode what `bind` gave, and to decode and `unbind` it, leads to the very same call."""
        return self._by_name and codec.ATOMS.issuperset(map(type, bound.values()))

    def taken(
        self, args: tuple[Any, ...], kwargs: Mapping[str, Any], depot: Depot | None
    ) -> tuple[bytes, bytes, dict[str, Any] | None]:
        """A call as bytes and digest, and its arguments where an attempt at it need not decode them: what
        `bind`, `encode` and `is_read_as_given` say of it. Raises as they do."""
        if (
            self._by_name and not kwargs and self._required <= len(args) <= len(self._names)
            and codec.ATOMS.issuperset(map(type, args))
        ):  # fmt: skip
            bound = dict(zip(self._names, args, strict=False))
            written = codec.encode_plain_call(bound)
            if written is not None:
                data, digest = written
                return data, digest, bound
        bound = self.bind(args, kwargs)
        data, digest = self.encode(bound, len(args), depot)
        return data, digest, bound if self.is_read_as_given(bound) else None

    def cache_key(self, args: bytes) -> str:
        """What equal calls of the same code have in common, of encoded arguments: 32 hex digits.

        Raises ArgumentError, DecodeError and EncodeError.
        """
        assert self.cache is not None
        positional, named = self.unbind(codec.decode(args))
        call = self.signature.bind(*positional, **named)
        call.apply_defaults()
        data, _ = codec.encode_call(call.arguments, where=self.label)  # its digest knows no order in a dict
        classes = codec.classes_in(data)
        for hint in self.hints.values():
            classes |= codec.mentioned(hint)
        digest = blake2b(self.name.encode() + self.cache.state(classes), digest_size=16)
        digest.update(data)
        return digest.hexdigest()

    def refreshed(self) -> Function:
        """The same function, whose calls are made anew."""
        found = copy.copy(self)
        found.cache = self.cache and Cache(self.cache.seconds, self.cache.state, refreshes=True)
        return found

    def place(self, bound: Mapping[str, Any], queue: str | None, key: str | None) -> tuple[str, str]:
        """In which queue and line of it a call stands, unless the call says otherwise; "": in none. Raises
        UsageError where the queue goes by a parameter that there is not."""
        queue = self.queue if queue is None else queue
        if not queue:
            return "", ""
        if key is None:
            key = queues[queue].key_of(self.label, bound, self.signature)
            if key:
                check_text(f"{self.label} in queue {queue}", "per", key)
        return queue, key

    def _leading(self, bound: Mapping[str, Any]) -> int:
        """How many arguments could be given by position: those before the first that is left out."""
        return next((n for n, name in enumerate(self._names) if name not in bound), len(self._names))

    def unbind(self, bound: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The way back from `bind` to a call's args and kwargs, for what the code's signature is now.

        What was given by position stays so where the function could tell. The kwargs may be `bound` itself.
        """
        given = bound.pop(BY_POSITION, None)
        if not bound.keys() <= self._parameters:
            unknown = next(name for name in bound if name not in self._parameters)
            raise ArgumentError(
                f"{self.label} has no parameter {unknown!r} any more, but the recorded call has",
                fix=self.spelled,
            )
        if self._by_name:
            return (), bound
        ordered = {name: bound[name] for name in self.signature.parameters if name in bound}
        call = inspect.BoundArguments(self.signature, ordered)
        if given is None:
            return call.args, call.kwargs
        named = {name: bound[name] for name in self._names[given:] if name in bound}
        return call.args[:given], {**named, **call.kwargs}

    def spread(self, bound: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """What `bind` gave as args and kwargs, by position where that can be, with defaults: for a function
        that is called with the same arguments and has names of its own for them."""
        ordered = {name: bound[name] for name in self.signature.parameters if name in bound}
        call = inspect.BoundArguments(self.signature, ordered)
        call.apply_defaults()
        return call.args, call.kwargs

    @functools.cached_property
    def hints(self) -> dict[str, Any]:
        """Resolved annotations of parameters and "return"; unresolvable ones are left out.

        Looked at on first use, not when declared: by then the names they mention are there.
        """
        return _resolve(self.fn)

    def refused(self) -> tuple[str, codec.Refusal] | None:
        """What of it can never be stored by its annotation, as far as names are there when it is declared:
        its result, or an argument that every call gives."""
        hints = _resolve(self.fn)
        if (refusal := codec.refuse_annotation(hints.get("return", Any))) is not None:
            return f"the result of {self.label}", refusal
        for name in self._names[: self._required]:
            if (refusal := codec.refuse_annotation(hints.get(name, Any))) is not None:
                return f"{self.label}({name}=...)", refusal
        return None

    @functools.cached_property
    def returns(self) -> Any:
        """The annotation of the result, Any where there is none."""
        return self.hints.get("return", Any)

    @functools.cached_property
    def result_name(self) -> str:
        """What errors call the result."""
        return f"{self.label} result"

    def check(self, bound: Mapping[str, Any]) -> None:
        """Raise ArgumentError for an argument whose type cannot be what the annotation says."""
        hints = self.hints
        for name, value in bound.items() if self._simple else self._each(bound):
            wanted = hints.get(name, Any)
            if type(value) is wanted or wanted is Any or not _mismatches(value, wanted):
                continue
            raise ArgumentError(
                f"{self.label}({name}=...) wants {type_name(wanted)}, got {_short(value)}", fix=self.spelled
            )

    def _each(self, bound: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        """Parameters with what was given for them: an annotation of `*args` is about each of them."""
        for name, value in bound.items():
            kind = self.signature.parameters[name].kind
            if kind is inspect.Parameter.VAR_POSITIONAL:
                yield from ((name, one) for one in value)
            elif kind is inspect.Parameter.VAR_KEYWORD:
                yield from ((name, one) for one in value.values())
            else:
                yield name, value

    @property
    def spelled(self) -> str:
        """Name and signature as their author wrote them, also where annotations are kept as text."""
        bare = [
            p.replace(annotation=_Text(p.annotation)) if isinstance(p.annotation, str) else p
            for p in self.signature.parameters.values()
        ]
        returns = self.signature.return_annotation
        if isinstance(returns, str):
            returns = _Text(returns)
        return f"{self.label}{inspect.Signature(bare, return_annotation=returns)}"


class _Text(str):
    """Shown without quotes."""

    __repr__ = str.__str__


def without_partials(
    fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]:
    """A call as it is known and recorded: a partial is its function with more arguments."""
    while isinstance(fn, functools.partial):
        bound = cast("functools.partial[Any]", fn)
        fn, args, kwargs = bound.func, (*bound.args, *args), {**bound.keywords, **kwargs}
    return fn, args, kwargs


def _signature(fn: Callable[..., Any]) -> inspect.Signature:
    try:
        return inspect.signature(fn)
    except (TypeError, ValueError):  # some C functions have none: take what is given, by position
        return inspect.Signature([inspect.Parameter("args", inspect.Parameter.VAR_POSITIONAL)])


def _resolve(fn: Callable[..., Any]) -> dict[str, Any]:
    bare: Any = fn
    while hasattr(bare, "func"):  # functools.partial
        bare = bare.func
    try:
        return typing.get_type_hints(bare)
    except Exception:  # a name that exists only for the type checker: then only what resolves by itself
        found: dict[str, Any] = getattr(bare, "__annotations__", {})
        return {name: hint for name, hint in found.items() if not isinstance(hint, str)}


def _mismatches(value: Any, wanted: Any) -> bool:
    if not matches(value, wanted):
        return True
    if is_plain(wanted) and isinstance(value, (list, dict)):  # every item, where that is quick
        try:
            msgspec.convert(value, wanted)
        except msgspec.ValidationError:
            return True
    return False


def _short(value: Any) -> str:
    text = " ".join(repr(value).split())  # a frame writes a table
    return text if len(text) <= 60 else f"{text[:57]}..."


class Registry(dict[str, Function]):
    """Functions by name. One per process (`registry`); apps look names up in it."""

    def add(self, function: Function) -> None:
        """Register. A later declaration in the same place wins: a cell that was edited, a module that was
        reloaded. Raises DeclarationError where two functions want one name."""
        known = self.get(function.name)
        if known is not None and not _replaces(function, known):
            raise DeclarationError(
                f"two functions are named {function.name!r}: "
                f"{_code_place(known.fn)} and {_code_place(function.fn)}",
                fix="rename one, or give it a name of its own with name=...",
            )
        self[function.name] = function


def _replaces(function: Function, known: Function) -> bool:
    """Whether it is the same function, declared once more."""
    if _code_place(function.fn) == _code_place(known.fn):
        return True
    if function.declared_by is known.declared_by:
        return False  # both stand there at once
    here, there = inspect.unwrap(function.fn), inspect.unwrap(known.fn)
    if getattr(here, "__globals__", here) is getattr(there, "__globals__", there):
        return True
    return _code_place(here).rpartition(":")[0] == _code_place(there).rpartition(":")[0] != ""


def _code_place(fn: Any) -> str:
    code = getattr(inspect.unwrap(fn), "__code__", None)
    return f"{code.co_filename}:{code.co_firstlineno}" if code else repr(fn)


registry = Registry()
