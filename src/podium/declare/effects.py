"""What `@task` is told of an effect outside: `once`, `verify`, `undo`; and `on_failure`."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, cast

from ..errors import DeclarationError, UsageError
from ..executors import BUILT_IN
from ..functions import Function, without_partials
from ..lines import line_of
from ..machine import current_machine, where_defined
from ..retry import Retry
from .callables import Task, Workflow

# Of functions that are no tasks by themselves: they look at and mend what is outside, where trouble passes.
RETRIES = Retry(times=5, wait=0.5, factor=3, max_wait=60)

_SEVERAL = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def check_once(once: bool, retries: Retry | None, executor: str, verify: object) -> None:
    """Raise UsageError for what `once=True` cannot keep."""
    if not once:
        return
    if retries is not None and any(policy.times for policy in retries.policies()):
        raise UsageError(
            "@task(once=True, retries=...): what is never begun twice is not tried again",
            fix="@task(verify=look, retries=...) asks before each further attempt",
        )
    if executor and executor not in BUILT_IN:
        raise UsageError(
            f"@task(once=True, executor={executor!r}): a cluster may begin a task again by itself",
            fix='leave executor out, or isolation="process"',
        )
    if verify is not None:
        raise UsageError(
            "@task(once=True, verify=...): what can be asked for need not be settled by a person",
            fix="leave once out",
        )


def beside(option: str, given: object, first: str, declare: Callable[[Any], Task[Any, Any, Any]]) -> Function:
    """The task that `verify=` or `undo=` names; a plain function becomes one, with retries."""
    if isinstance(given, Workflow):
        raise UsageError(f"@task({option}={given!r}): a task is needed", fix="call the workflow in a task")
    if isinstance(given, Task):
        of_ours = cast("Task[Any, Any, Any]", given)
        return of_ours._function  # pyright: ignore[reportPrivateUsage]  # of our own class
    if not callable(given):
        raise UsageError(f"@task({option}={given!r}): a function is needed", fix=f"{option}({first}, ...)")
    return declare(given)._function  # pyright: ignore[reportPrivateUsage]  # of our own class


def check_takes(option: str, function: Function, of: Function, first: str) -> None:
    """Raise DeclarationError where it cannot be called with `first` and what the task is called with."""
    parameters = list(of.signature.parameters.values())
    if any(p.kind in _SEVERAL for p in parameters):
        return
    named = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
    given = [p.name for p in parameters if p.kind is not p.KEYWORD_ONLY]
    try:
        function.signature.bind(first, *given, **dict.fromkeys(named))
    except TypeError as error:
        call = ", ".join([first, *given, *(f"{name}={name}" for name in named)])
        raise DeclarationError(
            f"{line_of(*where_defined(of.fn))}: @task({option}={function.label}) calls "
            f"{function.label}({call}): {error}",
            fix=f"let {function.label} take these",
        ) from None


def on_failure(
    declare: Callable[[Any], Task[Any, Any, Any]], fn: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    """See `podium.on_failure`."""
    machine = current_machine()
    if machine is None:
        raise UsageError("on_failure() works in the body of a workflow")
    fn, args, kwargs = without_partials(fn, args, kwargs)
    machine.on_failure(beside("undo", fn, "...", declare), args, kwargs)
