"""What is submitted to an `Executor`, as a step: its function by name, its arguments on record.

A call of a function that an import would find, with arguments that can be recorded, is known again in the
next execution. Any other call runs all the same, from the objects as they are, under an identity that no
later execution meets again.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from concurrent.futures import Future
from hashlib import blake2b
from types import CodeType, FunctionType, ModuleType
from typing import Any, NamedTuple, cast

from .. import codec
from ..depot import Depot
from ..env import Env
from ..errors import EncodeError, PayloadTooLarge, UsageError
from ..executors import current_attempt, is_loss
from ..functions import Function, without_partials
from ..modules import module_name

_ID_DIGITS = 8  # of a call's digest, in the identity of its step


class Call:
    """One call that was submitted. `id`, of its step, is given when it reaches the engine."""

    __slots__ = ("args", "digest", "function", "future", "id", "line", "prefix")

    def __init__(
        self, function: Function, args: bytes, digest: bytes, prefix: str, line: tuple[str, int]
    ) -> None:
        self.future: Future[Any] = Future()
        self.function, self.args, self.digest, self.line = function, args, digest, line
        self.prefix, self.id = prefix, ""


class Came(NamedTuple):
    """What a body has come to, in this process: as it is, and not as it is on record."""

    value: Any
    error: BaseException | None


class _Named(NamedTuple):
    """A function with its leading arguments, and the name that it has in every execution."""

    fn: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    name: str  # "module:qualname"
    transient: str = ""  # why its calls are not known again


class Calls:
    """Makes the calls of one block. Any thread."""

    def __init__(self, env: Env, tell: Callable[[str], None], depot: Callable[[], Depot]) -> None:
        self._env, self._tell, self._depot = env, tell, depot
        self._functions: dict[Callable[..., Any], Function] = {}
        self._told: set[str] = set()
        self.came: dict[str, Came] = {}  # by step, until it is handed on

    def make(
        self, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], line: tuple[str, int]
    ) -> Call:
        """A call of what was submitted. Raises UsageError for what no executor can call."""
        function = getattr(fn, "_function", None)
        if isinstance(function, Function):  # a declared task, with its own policies
            if function.is_workflow:
                raise UsageError(f"submit({function.label}): it is a workflow", fix="start it: .start(...)")
            if function.undo is not None:
                raise UsageError(
                    f"submit({function.label}): it has undo=, and a block of an Executor undoes nothing",
                    fix="call it in a @workflow",
                )
            data, digest = function.encode(
                function.bind((*getattr(fn, "_bound", ()), *args), kwargs), len(args), self._depot()
            )
            return self._made(function, data, digest, line)
        if not callable(fn):
            raise UsageError(f"submit({fn!r}): a function is needed")
        if inspect.iscoroutinefunction(fn):
            raise UsageError(
                f"submit({fn.__qualname__}): it is async, and a thread pool calls plain functions",
                fix="call it in a @workflow, or submit a function that runs it",
            )
        named = _named(fn, args, kwargs)
        transient = named.transient
        if not transient:
            try:
                return self._recorded(named, line)
            except (EncodeError, PayloadTooLarge) as error:
                transient = error.message
        return self._transient(named, transient, line)

    def _recorded(self, named: _Named, line: tuple[str, int]) -> Call:
        function = self._function(named.fn, named.name)
        try:
            bound = function.signature.bind(*named.args, **named.kwargs).arguments
        except TypeError:  # the call will raise it, as in every executor
            function = Function(named.name, self._noting(named.fn), is_workflow=False, is_async=False)
            bound = function.bind(named.args, named.kwargs)
        data, digest = function.encode(bound, len(named.args), self._depot())
        return self._made(function, data, digest, line)

    def _transient(self, named: _Named, why: str, line: tuple[str, int]) -> Call:
        label = named.name.rpartition(":")[2]
        self.tell_not_kept(label, why)
        bound = functools.partial(named.fn, *named.args, **named.kwargs)

        def call() -> Any:
            return bound()

        function = Function(named.name, self._noting(call), is_workflow=False, is_async=False)
        data, digest = function.encode({}, 0)
        call_ = Call(function, data, digest, "", line)
        call_.id = f"/{label}#~{self._env.new_id()[-6:]}"
        return call_

    def tell_not_kept(self, label: str, why: str) -> None:
        """Say once for each function that a later execution calls it again."""
        if label not in self._told:
            self._told.add(label)
            self._tell(f"podium: {label}: not kept for the next execution, which calls it again: {why}")

    def _made(self, function: Function, data: bytes, digest: bytes, line: tuple[str, int]) -> Call:
        return Call(function, data, digest, f"/{function.label}#{digest.hex()[:_ID_DIGITS]}", line)

    def _function(self, fn: Callable[..., Any], name: str) -> Function:
        known = self._functions.get(fn)
        if known is None:
            noting = self._noting(fn)
            try:
                inspect.signature(fn)
                noting = functools.update_wrapper(noting, fn, updated=())
            except (
                TypeError,
                ValueError,
            ):  # C code without one: its arguments are kept as given
                pass
            known = Function(name, noting, is_workflow=False, is_async=False)
            self._functions[fn] = known
        return known

    def _noting(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        """The function, which notes what it comes to: a failure, or a value that cannot be recorded, reaches
        who waits for it as it is."""
        came = self.came

        def call(*args: Any, **kwargs: Any) -> Any:
            attempt = current_attempt.get()
            step = attempt.step if attempt is not None else ""
            try:
                value = fn(*args, **kwargs)
            except BaseException as error:
                if not is_loss(error):  # else it begins again
                    came[step] = Came(None, error)
                raise
            came[step] = Came(value, None)
            return value

        return call


def _named(fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> _Named:
    """What a call is known by: partials and methods are their function with more arguments."""
    fn, args, kwargs = without_partials(fn, args, kwargs)
    if not hasattr(fn, "__qualname__"):  # an object that can be called
        fn, args = type(fn).__call__, (fn, *args)
    owner: Any = getattr(fn, "__self__", None)
    if inspect.ismethod(fn) and not isinstance(owner, type):
        fn, args = fn.__func__, (owner, *args)
        owner = None
    space = getattr(fn, "__globals__", None)
    module = getattr(fn, "__module__", None) or getattr(owner, "__module__", None) or "builtins"
    name = f"{module_name(module, space)}:{fn.__qualname__}"
    if owner is not None and not isinstance(owner, (type, ModuleType)):
        return _Named(fn, args, kwargs, name, "it is a method of an object")
    if isinstance(owner, type):
        name = f"{module_name(owner.__module__)}:{owner.__qualname__}.{fn.__name__}"
    if "<" not in fn.__qualname__:
        return _Named(fn, args, kwargs, name)
    if not isinstance(fn, FunctionType) or fn.__closure__:
        return _Named(fn, args, kwargs, name, "it is a closure")
    try:
        return _Named(fn, args, kwargs, f"{name}~{_digest(fn)}")
    except (EncodeError, PayloadTooLarge) as error:
        return _Named(fn, args, kwargs, name, f"of its defaults {error.message}")


def _digest(fn: FunctionType) -> str:
    """6 hex digits of a function's own code and defaults."""
    digest = blake2b(digest_size=3)
    digest.update(codec.encode([fn.__defaults__, fn.__kwdefaults__], where="the defaults"))
    _feed(digest, fn.__code__)
    return digest.hexdigest()


def _feed(digest: Any, code: CodeType) -> None:
    digest.update(code.co_code)
    digest.update(repr(code.co_names).encode())
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            _feed(digest, constant)
        elif isinstance(constant, frozenset):  # whose order is another in each process
            digest.update(repr(sorted(map(repr, cast(frozenset[object], constant)))).encode())
        else:
            digest.update(repr(constant).encode())
