"""What a result depends on beside its arguments: the code of its function, its defaults, the plain globals
that it reads, and the same of the functions of its package that it calls.

Found by the names in the code. What is found at run time is missed (methods of objects, `getattr`, files):
for that there are `version=` and `options(refresh=True)`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from hashlib import blake2b
from math import inf
from types import CodeType, FunctionType
from typing import Any, cast

from .. import codec
from ..checks import Span, seconds_of
from ..errors import EncodeError, PayloadTooLarge, UsageError
from ..functions import Cache, Function
from ..machine import current_machine
from .fingerprint import feed_code


def cache_of(fn: Callable[..., Any], cache: bool | Span, version: str, effects: bool) -> Cache | None:
    """What `@task(cache=, version=)` says. Raises UsageError for what cannot be."""
    if cache is False:
        if version:
            raise UsageError("@task(version=...) without cache=", fix='@task(cache=True, version="2")')
        return None
    if effects:
        raise UsageError(
            "@task(cache=...) with once=, verify= or undo=: what has an effect is not left out",
            fix="give what only computes a task of its own, and cache that",
        )
    if not isinstance(version, str):  # pyright: ignore[reportUnnecessaryIsInstance]  # as given
        raise UsageError(f"@task(version={version!r}): text is needed")
    seconds = inf if cache is True else seconds_of("@task", "cache", cache, zero=False)
    bare = inspect.unwrap(fn)
    _digest_of_defaults(bare)

    def state() -> bytes:
        return _state(bare, version)

    return Cache(seconds, state)


def refreshed(function: Function, refresh: bool) -> Function:
    """The function; with `refresh` one whose calls are made anew.

    Raises UsageError where it has no cache, and outside of a workflow: a run of its own finds its function by
    name.
    """
    if not refresh:
        return function
    if current_machine() is None:
        raise UsageError(
            f"{function.label}.options(refresh=True) outside of a workflow",
            fix='call it so in a workflow, or give the task another @task(version="...")',
        )
    if function.cache is None:
        raise UsageError(
            f"{function.label}.options(refresh=True): it keeps no results", fix="@task(cache=True)"
        )
    return function.refreshed()


def _state(fn: Any, version: str) -> bytes:
    digest = blake2b(version.encode(), digest_size=16)
    seen: set[Any] = set()
    left = [fn]
    while left:
        one = left.pop()
        if not isinstance(one, FunctionType) or one in seen:
            continue
        seen.add(one)
        feed_code(digest, one.__code__)
        digest.update(_digest_of_defaults(one))
        for name in sorted(set(_names(one.__code__))):
            if name in one.__globals__:
                value = one.__globals__[name]
                inner = inspect.unwrap(getattr(value, "fn", value))
                if isinstance(inner, FunctionType):
                    if _package(inner) == _package(fn):
                        left.append(inner)
                elif (data := _plain(value)) is not None:
                    digest.update(name.encode() + b"=" + data)
    return digest.digest()


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _package(fn: Any) -> str:
    return fn.__module__.partition(".")[0]


def _plain(value: Any) -> bytes | None:
    """A global as data; None for a module, a class, an object that cannot be written down."""
    try:
        return codec.encode_call({"": value}, where="a global")[1]
    except (EncodeError, PayloadTooLarge):
        return None


def _digest_of_defaults(fn: Any) -> bytes:
    """Raises UsageError where they cannot be written down, so that nobody could tell equal calls."""
    given = {"": cast(Any, getattr(fn, "__defaults__", None)), "by name": getattr(fn, "__kwdefaults__", None)}
    try:
        return codec.encode_call(given, where="the defaults")[1]
    except (EncodeError, PayloadTooLarge) as error:
        raise UsageError(
            f"@task(cache=...) of {fn.__qualname__}: of its defaults {error.message}",
            fix="make the default None, and put the value in the body",
        ) from None
