"""What `@task(cache=, version=)` and `options(refresh=True)` say: whether results stand for equal calls."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from math import inf
from typing import TYPE_CHECKING, Any, cast

from .. import codec, late
from ..checks import Span, seconds_of
from ..errors import EncodeError, PayloadTooLarge, UsageError
from ..functions import Cache, Function
from ..machine import current_machine

if TYPE_CHECKING:
    from . import code_state
else:
    code_state = late.module(globals(), ".code_state")


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
    _check_defaults(inspect.unwrap(fn))
    label = getattr(fn, "__qualname__", None) or repr(fn)
    return Cache(seconds, partial(code_state.state_of, fn, label, version))


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


def _check_defaults(fn: Any) -> None:
    """Raises UsageError where they cannot be written down, so that nobody could tell equal calls."""
    given = {"": cast(Any, getattr(fn, "__defaults__", None)), "by name": getattr(fn, "__kwdefaults__", None)}
    try:
        codec.encode_call(given, where="the defaults")
    except (EncodeError, PayloadTooLarge) as error:
        raise UsageError(
            f"@task(cache=...) of {fn.__qualname__}: of its defaults {error.message}",
            fix="make the default None, and put the value in the body",
        ) from None
