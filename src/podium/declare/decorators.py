"""`@task` and `@workflow`."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Coroutine, Iterable, Sequence
from types import BuiltinMethodType, ModuleType, NoneType
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, TypedDict, TypeVar, Unpack, cast, overload

from .. import late
from ..checks import Span, seconds_of
from ..client import declared
from ..errors import DeclarationError, UsageError
from ..functions import Function, registry
from ..lines import line_of
from ..machine import adopt, where_defined
from ..modules import NOBODYS, Home, home_of, module_name
from ..queues import Queue
from ..retry import Retry
from .caching import cache_of
from .callables import Task, Workflow
from .effects import RETRIES, beside, check_once, check_takes
from .effects import on_failure as undone_with
from .fingerprint import fingerprint
from .isolation import elsewhere
from .place import declaring_code
from .queueing import queue_of
from .replay_safe import own_code

if TYPE_CHECKING:
    import difflib

    from ..alert import Alert
    from ..calendar import Schedule  # brings a reader of cron expressions, which most programs need not
else:
    difflib = late.module(globals(), "difflib")

P = ParamSpec("P")
R = TypeVar("R")

Isolation = Literal["process"]


class TaskOptions(TypedDict, total=False):
    """What `task` may be told; see there."""

    name: str | None
    retries: int | Retry | None
    timeout: Span | None
    queue: str | Queue | None
    executor: str | None
    isolation: Isolation | None
    memory: str | int | None
    cache: bool | Span
    version: str
    once: bool
    verify: Callable[..., Any] | None
    undo: Callable[..., Any] | None


class WorkflowOptions(TypedDict, total=False):
    """What `workflow` may be told; see there."""

    name: str | None
    timeout: Span | None
    queue: str | Queue | None
    schedule: Schedule | Sequence[Schedule] | None
    alerts: Sequence[Alert]


class TaskDecorator:
    """What `@task(...)` with options gives."""

    def __init__(self, **options: Unpack[TaskOptions]) -> None:
        self._options = options

    @overload
    def __call__(self, fn: Callable[P, Coroutine[Any, Any, R]]) -> Task[P, Coroutine[Any, Any, R], R]: ...
    @overload
    def __call__(self, fn: Callable[P, R]) -> Task[P, R, R]: ...
    def __call__(self, fn: Callable[..., Any]) -> Any:
        return _task(fn, **self._options)


class WorkflowDecorator:
    """What `@workflow(...)` with options gives."""

    def __init__(self, **options: Unpack[WorkflowOptions]) -> None:
        self._options = options

    @overload
    def __call__(self, fn: Callable[P, Coroutine[Any, Any, R]]) -> Workflow[P, Coroutine[Any, Any, R], R]: ...
    @overload
    def __call__(self, fn: Callable[P, R]) -> Workflow[P, R, R]: ...
    def __call__(self, fn: Callable[..., Any]) -> Any:
        return _workflow(fn, **self._options)


@overload
def task(
    fn: Callable[P, Coroutine[Any, Any, R]], /, **options: Unpack[TaskOptions]
) -> Task[P, Coroutine[Any, Any, R], R]: ...
@overload
def task(fn: Callable[P, R], /, **options: Unpack[TaskOptions]) -> Task[P, R, R]: ...
@overload
def task(**options: Unpack[TaskOptions]) -> TaskDecorator: ...
def task(fn: Callable[..., Any] | None = None, /, **options: Unpack[TaskOptions]) -> Any:
    """Declare a function that does work.

    name      how the store knows it; default "module:qualname"
    retries   how often a failed attempt is tried again: a number, a `Retry`, or None for never
    timeout   seconds per attempt, or "30s"; a coroutine is cancelled, a thread's late result is dropped
    executor  "loop" or "threads"; default by colour: `async def` on the loop, `def` in threads. Or the name
              of one that the app is given: App(executors={"name": factory})
    isolation "process": in a process of its own, so that timeout and cancellation really end it, a crash
              is its failure (TaskCrashed) and not the end of this process, and memory can be capped. The
              process imports the task's module; arguments and results pass as they are recorded.
    memory    of such a process, at most: bytes, or text such as "512 MB" (millions) or "1 GiB"
    cache     True, or for how long ("30d"): a result on record stands for an equal call of the same code
    version   tells apart for the cache what code and arguments do not
    once      it is never begun twice: where it is not known what an attempt has done, because it was lost
              with its process or overran its timeout, the run is parked until a person says, `podium settle`
    verify    asks the other side: verify(key, *args) gives `podium.Done(result)` or `podium.NOT_DONE`, before
              each attempt but the first; key is what `podium.idempotency_key()` is in the task
    undo      undo(result, *args) is called when the workflow fails or is cancelled after this step
    queue     a `Queue` or its name: each call is a run of its own, within the queue's limits, anywhere

    Raises DeclarationError for what no other process could find again by its name, UsageError for options
    that cannot be.

    Example, for what cannot be edited; as a rule it stands above a `def`, as `@task(retries=3)`:

    >>> loads = task(json.loads, name="loads", retries=3, timeout=30)
    >>> loads.run("[1, 2]")
    [1, 2]
    """
    return TaskDecorator(**options) if fn is None else _task(fn, **options)


@overload
def workflow(
    fn: Callable[P, Coroutine[Any, Any, R]], /, **options: Unpack[WorkflowOptions]
) -> Workflow[P, Coroutine[Any, Any, R], R]: ...
@overload
def workflow(fn: Callable[P, R], /, **options: Unpack[WorkflowOptions]) -> Workflow[P, R, R]: ...
@overload
def workflow(**options: Unpack[WorkflowOptions]) -> WorkflowDecorator: ...
def workflow(fn: Callable[..., Any] | None = None, /, **options: Unpack[WorkflowOptions]) -> Any:
    """Declare a function that decides what runs when.

    name     how the store knows it; default "module:qualname"
    timeout  seconds for the whole run, or "2h", durable; TimeoutError is raised in the body
    schedule when to start runs of it, by themselves: `podium.cron(...)`, `podium.every(...)`, or several
    alerts   what people are told of it, and where: `podium.alert.failed("ops")`, `late`, `waiting`
    queue    a `Queue` or its name: its runs stand in line there, within the queue's limits

    The body is replayed on every resume, so it may only decide: effects belong in tasks. It must be
    found again by its name, so closures and lambdas are refused (DeclarationError), and so is code of its
    own that reads clocks, chance or the order of a set (NotReplaySafe), unless its line has the comment
    `# podium: replay-safe`. A call of another workflow is a child run.

    Example, for what cannot be edited; as a rule it stands above a `def`, as `@workflow`:

    >>> again = workflow(report.fn, name="report-again", timeout=60)
    >>> again.run("Oslo")
    'report of Oslo'
    """
    return WorkflowDecorator(**options) if fn is None else _workflow(fn, **options)


def _task(
    fn: Callable[..., Any],
    name: str | None = None,
    retries: int | Retry | None = None,
    timeout: Span | None = None,
    executor: str | None = None,
    isolation: Isolation | None = None,
    memory: str | int | None = None,
    cache: bool | Span = False,
    version: str = "",
    once: bool = False,
    verify: Callable[..., Any] | None = None,
    undo: Callable[..., Any] | None = None,
    queue: str | Queue | None = None,
    **unknown: object,
) -> Task[Any, Any, Any]:
    _check_callable(fn, "task")
    _check_options("task", TaskOptions, unknown, name)
    seconds = None if timeout is None else seconds_of("@task", "timeout", timeout, zero=False)
    is_async = _is_async(fn)
    apart = elsewhere(fn, isolation, memory, executor)
    if executor == "loop" and not is_async:
        raise UsageError("@task(executor='loop') needs an async def", fix="a def task runs in threads")
    retry = Retry.of(retries) if retries is not None else None
    check_once(once, retry, executor or "", verify)
    function = Function(
        name=_name(fn, "task") if name is None else name,
        fn=fn,
        is_workflow=False,
        is_async=is_async,
        retry=retry,
        timeout=seconds,
        once=once,
        cache=cache_of(fn, cache, version, once or verify is not None or undo is not None),
        verify=None if verify is None else beside("verify", verify, "key", _with_retries),
        undo=None if undo is None else beside("undo", undo, "result", _with_retries),
        executor=apart.executor if apart else executor or "",
        memory=apart.memory if apart else None,
        import_from=apart.import_from if apart else (),
        home=_home(fn) if name is None else NOBODYS,
        declared_by=declaring_code(),
        queue=queue_of("task", queue, undo),
    )
    for option, other, first in (("verify", function.verify, "key"), ("undo", function.undo, "result")):
        if other is not None:
            check_takes(option, other, function, first)
    _check_annotations(function)
    registry.add(function)
    declared()
    return Task(function)


def _with_retries(fn: Callable[..., Any]) -> Task[Any, Any, Any]:
    return _task(fn, retries=RETRIES)


def on_failure(fn: Callable[P, Any], /, *args: P.args, **kwargs: P.kwargs) -> None:
    """In a workflow: have fn(*args) called if the run fails or is cancelled from here on.

    With what `@task(undo=...)` undoes it is one stack, undone in reverse: as steps with retries, which
    neither a timeout nor a second cancel cuts; one that fails for good parks the run. Killed meanwhile, the
    run goes on undoing. `fn` is a task, or a function, which is tried again five times. After a child run it
    says how to undo that. Raises UsageError outside of workflows, ArgumentError and EncodeError.

    Example, in a workflow:

    >>> async def sells(order):
    ...     number = await places(order)
    ...     podium.on_failure(takes_back, number)
    ...     await ships(order)
    """
    undone_with(_with_retries, fn, args, kwargs)


def _workflow(
    fn: Callable[..., Any],
    name: str | None = None,
    timeout: Span | None = None,
    schedule: Schedule | Sequence[Schedule] | None = None,
    alerts: Sequence[Alert] = (),
    queue: str | Queue | None = None,
    **unknown: object,
) -> Workflow[Any, Any, Any]:
    _check_callable(fn, "workflow")
    _check_options("workflow", WorkflowOptions, unknown, name)
    seconds = None if timeout is None else seconds_of("@workflow", "timeout", timeout, zero=False)
    found = _name(fn, "workflow") if name is None else name
    if "<locals>" in getattr(fn, "__qualname__", "") or getattr(fn, "__name__", "") == "<lambda>":
        raise DeclarationError(
            f"{_label(fn)} cannot be a workflow: another process could not find it by its name again",
            fix="define it with `def` at the top level of a module and pass what it needs as arguments",
        )
    function = Function(
        name=found,
        fn=fn,
        is_workflow=True,
        is_async=_is_async(fn),
        timeout=seconds,
        fingerprint=fingerprint(fn, own_code(fn)),
        schedules=(schedules := _schedules(schedule)),
        alerts=_alerts(alerts, schedules),
        home=_home(fn) if name is None else NOBODYS,
        declared_by=declaring_code(),
        queue=queue_of("workflow", queue),
    )
    for each in function.schedules:
        function.check(function.bind((), each.args))
    _check_annotations(function)
    registry.add(function)
    declared()
    adopt(getattr(inspect.unwrap(fn), "__globals__", {}))
    return Workflow(function)


def _schedules(given: Any) -> tuple[Schedule, ...]:
    """The schedules of `@workflow(schedule=...)`: one, several or none."""
    if given is None:
        return ()
    several: tuple[Any, ...] = tuple(cast(Any, given)) if isinstance(given, (list, tuple)) else (given,)
    for each in several:
        if type(each).__name__ != "Schedule":
            raise DeclarationError(
                f"@workflow(schedule={each!r}): a schedule is needed",
                fix='podium.cron("0 9 * * MON-FRI") or podium.every("5m")',
            )
    return several


def _alerts(given: Any, schedules: Sequence[Schedule]) -> tuple[Alert, ...]:
    """The alerts of `@workflow(alerts=[...])`."""
    several: tuple[Any, ...] = tuple(cast(Any, given)) if isinstance(given, (list, tuple)) else (given,)
    for each in several:
        if type(each).__name__ != "Alert":
            raise DeclarationError(
                f"@workflow(alerts={each!r}): alerts are needed", fix='[podium.alert.failed("ops")]'
            )
    late = sum(each.kind == "late" for each in several)
    if late and not schedules:
        raise DeclarationError(
            "alert.late is for a workflow with a schedule", fix="add schedule=, or leave it out"
        )
    if late > 1:
        raise DeclarationError("a workflow has one alert.late", fix='alert.late("15m", "ops", "boss")')
    return several


def _is_async(fn: Any) -> bool:
    while isinstance(fn, functools.partial):
        fn = fn.func
    call = getattr(fn, "__call__", None)  # noqa: B004  # asked for its colour, not whether it is there
    return inspect.iscoroutinefunction(fn) or inspect.iscoroutinefunction(call)


def _check_callable(fn: Any, what: str) -> None:
    name = getattr(fn, "__name__", "declared")  # a wrapped partial has none
    if isinstance(fn, (Task, Workflow)):
        raise DeclarationError(
            f"{fn.name} is declared already", fix=f"use one decorator, or {what}({name}.fn)"
        )
    if not callable(fn):
        raise DeclarationError(f"@{what} needs a function, got {fn!r}")
    if isinstance(fn, type):
        raise DeclarationError(
            f"@{what} needs a function, got the class {fn.__qualname__}", fix="wrap it in a function"
        )
    if inspect.isasyncgenfunction(fn) or inspect.isgeneratorfunction(fn):
        raise DeclarationError(
            f"{_label(fn)} is a generator function; a {what} returns one value",
            fix="return a list instead of yielding",
        )


def _check_annotations(function: Function) -> None:
    """What can never be stored is told now, not after an hour's work."""
    found = function.refused()
    if found is not None:
        what, refusal = found
        raise DeclarationError(
            f"{line_of(*where_defined(function.fn))}: {what} {refusal.text}, which cannot be stored",
            fix=refusal.fix if what.startswith("the result") else refusal.fix.replace("return ", "pass ", 1),
        )


def _name(fn: Any, what: str) -> str:
    bare = fn
    while isinstance(bare, functools.partial):
        bare = bare.func
    if isinstance(bare, BuiltinMethodType) and not isinstance(bare.__self__, (ModuleType, type, NoneType)):
        raise DeclarationError(
            f"{_label(bare)} of a value, {bare.__self__!r:.60}, has no name of its own",
            fix=f'{what}(..., name="...")',
        )
    qualname, module = getattr(bare, "__qualname__", None), getattr(bare, "__module__", None)
    if qualname is None or module is None:
        kind = cast(Any, type(bare))
        qualname, module = kind.__qualname__, kind.__module__
    if "<lambda>" in qualname and what == "task":
        raise DeclarationError(
            "a lambda has no name to be known by", fix='task(lambda ..., name="..."), or use def'
        )
    return f"{module_name(module, getattr(inspect.unwrap(bare), '__globals__', None))}:{qualname}"


def _home(fn: Any) -> Home:
    """Whose code it is. A name that its author gave it is meant to be known to others, too."""
    while isinstance(fn, functools.partial):
        fn = fn.func
    module = getattr(fn, "__module__", None) or ""
    return home_of(module, getattr(inspect.unwrap(fn), "__globals__", None))


def _label(fn: Any) -> str:
    return getattr(fn, "__qualname__", None) or repr(fn)


def _check_options(what: str, known: type, unknown: Iterable[str], name: object) -> None:
    for option in unknown:
        names = [f"{each}=" for each in known.__annotations__]
        near = difflib.get_close_matches(f"{option}=", names, 1)
        fix = f"nearest: {near[0]}" if near else ""
        if what == "workflow" and option in TaskOptions.__annotations__:
            fix = "it only decides; what is to be isolated or tried again is a @task that it calls"
        raise DeclarationError(
            f"@{what}({option}=...): a {what} has {', '.join(names[:-1])} and {names[-1]}", fix=fix
        )
    if name is not None and not (isinstance(name, str) and name.strip()):
        raise DeclarationError(
            f"@{what}(name={name!r}): text is needed", fix='leave it out for "module:qualname"'
        )
